import { useMemo, useRef, useState } from "preact/hooks";
import type { RoomToClient } from "../../protocol/chat.ts";
import type { Chat } from "./chat.ts";
import { REMOVED_S, type Removal, removalsAfter } from "./removals.ts";
import { useRunning } from "./running.ts";

/** Whom this page had removed from a room, and the way back for them. */
export type Removals = {
  /** Those who are gone and still kept out. */
  shown: readonly Removal[];
  remove(id: string, name: string): void;
  letBack(id: string): void;
  /** Leaves it at that. */
  dismiss(id: string): void;
};

/** Keeps them for as long as the page has the room. */
export function useRemovals(chat: Chat | null) {
  const [all, setAll] = useState<readonly Removal[]>([]);
  const ends = useMemo(() => new Map(all.map(({ id, untilMs }) => [id, untilMs])), [all]);
  const running = useRunning(ends);
  const shown = all.filter(({ id, isGone }) => isGone && running.has(id));
  const dismiss = (id: string) => setAll((before) => before.filter((one) => one.id !== id));
  const removals: Removals = {
    shown,
    remove: (id, name) => {
      if (!chat?.ask({ type: "remove", member: id, seconds: REMOVED_S })) return;
      const untilMs = Date.now() + REMOVED_S * 1000;
      const added: Removal = { id, name, untilMs, isGone: false };
      setAll((before) => [...before.filter((one) => one.id !== id), added]);
    },
    letBack: (id) => {
      if (chat?.ask({ type: "remove", member: id, seconds: 0 })) dismiss(id);
    },
    dismiss,
  };
  const heard = useRef((messages: readonly RoomToClient[]) => {
    setAll((before) => removalsAfter(before, messages));
  });
  const forget = useRef(() => setAll([]));
  return { removals, heard: heard.current, forget: forget.current };
}

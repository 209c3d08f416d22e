import { useEffect, useRef, useState } from "preact/hooks";
import type { ControlRequest } from "../../protocol/chat.ts";
import type { ChatOfPage } from "../chat/use-chat.ts";
import { type ControlView, changeBetween, type Person, viewControl } from "./control-view.ts";
import type { Found } from "./standing.ts";
import type { ViewerState } from "./states.ts";

/** Long enough to read a sentence twice. */
const FLASH_MS = 8_000;

export type ControlOfPage = {
  /** null where everybody here controls. */
  view: ControlView | null;
  request(op: ControlRequest["op"], to?: string): void;
  /** The room did not do what was asked about control. */
  refused(sentence: string): void;
  /** A sentence that goes away by itself. */
  flash: string | null;
  say(sentence: string): void;
  /** Control went away without this page's doing. Stays until somebody has read it. */
  lost: string | null;
  dismissLost(): void;
  /** The first who asks whoever controls here and was not put off. */
  asker: Person | null;
  /** Puts off who asks; they stay in the list. */
  putOff(id: string): void;
};

/** Who controls the session, from its room where one does at a time, and what to do about it. */
export function useControl(
  { room: joined, connection }: ChatOfPage,
  found: Found | null,
  stream: ViewerState["kind"],
): ControlOfPage {
  const exclusive = found?.session?.control === "exclusive" && stream !== "ended";
  const connected = stream === "connected";
  const { flash, say } = useFlash();
  const letGo = useRef(false);
  const room = exclusive ? joined : null;
  const [lost, setLost] = useState<string | null>(null);
  const [putOff, setPutOff] = useState<readonly string[]>([]);

  const role = found?.session?.your_role ?? "control";
  const view = viewControl(role, room, found?.standing === "operator");
  const known = room?.control ? view : null;
  const before = useRef<ControlView | null>(null);
  useEffect(() => {
    const change = changeBetween(before.current, known);
    if (known) before.current = known;
    if (!change || !known) return;
    const isOurs = letGo.current;
    letGo.current = false;
    if (known.holds || isOurs) {
      setLost(null);
      say(change);
      // Whoever lost the desktop lost control with it: it comes back with the desktop.
    } else if (connected || known.people.some(({ part }) => part === "holds")) {
      setLost(change);
      say(null);
    }
  }, [known?.sentence]);

  const asking = view?.asking.map(({ id }) => id) ?? [];
  useEffect(() => {
    // Who withdraws and asks again is heard again.
    setPutOff((before) => before.filter((id) => asking.includes(id)));
  }, [asking.join()]);

  // Why one may only watch is worth knowing before one tries.
  const viewOnly = connected && role === "view";
  useEffect(() => {
    if (viewOnly && view?.watching) say(view.watching);
  }, [viewOnly]);

  return {
    view,
    request: (op, to) => {
      letGo.current = view?.holds === true && (op === "give" || op === "release");
      connection?.request(op, to);
    },
    refused: (sentence) => {
      letGo.current = false;
      say(sentence);
    },
    flash,
    say,
    lost,
    dismissLost: () => setLost(null),
    asker: (view?.holds && view.asking.find(({ id }) => !putOff.includes(id))) || null,
    putOff: (id) => setPutOff([...putOff, id]),
  };
}

function useFlash() {
  const [flash, setFlash] = useState<{ sentence: string } | null>(null);
  useEffect(() => {
    if (!flash) return;
    const timer = setTimeout(() => setFlash(null), FLASH_MS);
    return () => clearTimeout(timer);
  }, [flash]);
  const say = useRef((sentence: string | null) =>
    setFlash(sentence === null ? null : { sentence }),
  );
  return { flash: flash?.sentence ?? null, say: say.current };
}

import { useEffect, useRef, useState } from "preact/hooks";
import { type TabStorage, tabStorage } from "./tab-storage.ts";

const keyOf = (room: string) => `porthole-draft:${room}`;

/** Keeps what a person has half written in a room, for a page that is loaded again. */
export function saveDraft(storage: TabStorage, room: string, me: string, text: string): void {
  if (text === "") storage.removeItem(keyOf(room));
  else storage.setItem(keyOf(room), JSON.stringify({ me, text }));
}

/** What that person had half written; empty also if it was another one. */
export function loadDraft(storage: TabStorage, room: string, me: string): string {
  try {
    const found: unknown = JSON.parse(storage.getItem(keyOf(room)) ?? "null");
    const draft = found as { me?: unknown; text?: unknown } | null;
    return draft?.me === me && typeof draft.text === "string" ? draft.text : "";
  } catch {
    return "";
  }
}

/**
 * What is written in a room and not sent.
 * @param me the id of whoever writes there; null until the room says it
 * @returns it, and what sets it
 */
export function useDraft(
  room: string,
  me: string | null,
): readonly [string, (text: string) => void] {
  const [draft, setDraft] = useState("");
  const newest = useRef("");
  const writer = useRef<string | null>(null);
  const write = (text: string) => {
    newest.current = text;
    setDraft(text);
    if (me !== null) saveDraft(tabStorage, room, me, text);
  };
  useEffect(() => {
    if (me === null || me === writer.current) return;
    // What is typed already goes on after what was kept; what another person typed goes with them.
    const typed = writer.current === null ? newest.current : "";
    writer.current = me;
    write([loadDraft(tabStorage, room, me), typed].filter((text) => text !== "").join("\n"));
  }, [me]);
  return [draft, write];
}

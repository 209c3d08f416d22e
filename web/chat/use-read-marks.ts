import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { ChatMessage } from "../../protocol/chat.ts";
import { seenUpTo } from "./chat-state.ts";
import type { ChatOfPage } from "./use-chat.ts";
import type { Place } from "./use-place.ts";

/**
 * Tells the room what its reader has seen, and marks what came while they were not at the end.
 * @param onNews what is after this `seq` is new to them; null if nothing is
 * @returns looks whether they see the end now
 */
export function useReadMarks(
  { view: { state }, room, chat }: ChatOfPage,
  unseen: readonly ChatMessage[],
  { atEnd, toEnd }: Place,
  onNews: (newAfter: number | null) => void,
): () => void {
  const isLoaded = Number.isFinite(state.floor);
  // null until there is something to compare with.
  const hadUnseen = useRef(isLoaded ? unseen.length > 0 : null);
  const look = () => {
    if (!isLoaded || document.hidden) return;
    if (atEnd()) chat?.seen();
  };
  useLayoutEffect(() => {
    if (!isLoaded) return;
    const isAway = hadUnseen.current === null || document.hidden || !atEnd();
    if (unseen.length > 0 && hadUnseen.current !== true && isAway) onNews(seenUpTo(state));
    hadUnseen.current = unseen.length > 0;
  }, [unseen, isLoaded]);
  useEffect(look, [unseen, isLoaded, room.link === "here"]);
  useEffect(() => {
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  });
  // Whoever says something sees it, and has seen what was above.
  const waiting = state.outgoing.length;
  const waitedBefore = useRef(waiting);
  useLayoutEffect(() => {
    if (waiting > waitedBefore.current) {
      onNews(null);
      toEnd();
    }
    waitedBefore.current = waiting;
  }, [waiting]);
  return look;
}

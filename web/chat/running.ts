import { useLayoutEffect, useState } from "preact/hooks";
import { pageClock } from "../page-clock.ts";

/** A browser's timer that is set for longer goes off at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

type Clock = Pick<typeof pageClock, "now" | "setTimer" | "clearTimer">;

/**
 * Tells which of some times are not over: now, and whenever one of them ends.
 * @param ends when each is over, in ms since 1970
 * @returns ends it
 */
export function followEnds(
  ends: ReadonlyMap<string, number>,
  { now, setTimer, clearTimer }: Clock,
  onRunning: (ids: ReadonlySet<string>) => void,
): () => void {
  let timer: number | undefined;
  const look = () => {
    const running = [...ends].filter(([, end]) => end > now());
    onRunning(new Set(running.map(([id]) => id)));
    if (running.length === 0) return;
    const next = Math.min(...running.map(([, end]) => end));
    timer = setTimer(look, Math.min(next - now(), LONGEST_TIMER_MS));
  };
  look();
  return () => {
    if (timer !== undefined) clearTimer(timer);
  };
}

const NONE: ReadonlySet<string> = new Set();

/** Which of some times are not over. @param ends as of {@link followEnds} */
export function useRunning(ends: ReadonlyMap<string, number>): ReadonlySet<string> {
  const [running, setRunning] = useState(NONE);
  useLayoutEffect(() => followEnds(ends, pageClock, setRunning), [ends]);
  return running;
}

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Line } from "./lines.ts";

/** So near to an end of the log counts as at it, in CSS pixels. */
const NEAR_PX = 48;

/** Where the reader of a log is. */
export type Place = {
  /** Whether they are at its end. */
  atEnd(): boolean;
  toEnd(): void;
  /** @param look what is done at the end */
  onScroll(look: () => void): void;
};

/**
 * Keeps the log where its reader is: at its end, or on the same message.
 * @param onStart they are at the start of what is loaded
 */
export function usePlace(
  box: { current: HTMLDivElement | null },
  lines: readonly Line[],
  isLoaded: boolean,
  onStart: () => void,
): Place {
  const end = useRef(true);
  const shown = useRef<{ first: string | undefined; height: number } | null>(null);
  const [, redraw] = useState(false);
  const first = lines.find(({ kind }) => kind === "message")?.key;

  useLayoutEffect(() => {
    const log = box.current;
    if (!log || !isLoaded) return;
    const before = shown.current;
    if (before === null) showNews(log);
    else if (end.current) log.scrollTop = log.scrollHeight;
    else if (before.first !== first) log.scrollTop += log.scrollHeight - before.height;
    shown.current = { first, height: log.scrollHeight };
    end.current = isAtEnd(log);
  }, [lines, isLoaded]);

  useEffect(() => {
    const log = box.current;
    if (!log) return;
    // A keyboard on the screen, and a window that is turned, move the end.
    const sizes = new ResizeObserver(() => {
      if (end.current) log.scrollTop = log.scrollHeight;
    });
    sizes.observe(log);
    return () => sizes.disconnect();
  }, []);

  return {
    atEnd: () => end.current,
    toEnd: () => {
      if (box.current) box.current.scrollTop = box.current.scrollHeight;
      end.current = true;
    },
    onScroll: (look: () => void) => {
      const log = box.current;
      if (!log) return;
      const isEnd = isAtEnd(log);
      if (isEnd !== end.current) {
        end.current = isEnd;
        redraw(isEnd);
      }
      if (isEnd) look();
      if (log.scrollTop < NEAR_PX && log.scrollHeight > log.clientHeight) onStart();
    },
  };
}

function isAtEnd(log: HTMLElement): boolean {
  return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
}

/** The end; or what is new from its first message on, if that is more than fits. */
function showNews(log: HTMLElement): void {
  log.scrollTop = log.scrollHeight;
  const news = log.querySelector<HTMLElement>(".log-rule.new");
  if (news && news.offsetTop < log.scrollTop) log.scrollTop = news.offsetTop;
}

import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

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

/** Something on the screen, and how far it is from the start of the log, in CSS pixels. */
type Landmark = { mark: HTMLElement; top: number };

/**
 * Keeps the log where its reader is: at its end, or on the same line, whatever comes, goes and
 * changes its height above.
 * @param end whether they are at its end, for those who must know it too; it is at first
 * @param shown changes with what the log shows
 * @param onStart they are at the start of what is loaded
 */
export function usePlace(
  box: { current: HTMLDivElement | null },
  end: RefObject<boolean>,
  shown: readonly unknown[],
  isLoaded: boolean,
  onStart: () => void,
): Place {
  const landmarks = useRef<readonly Landmark[]>([]);
  /** How far it was scrolled when it was last looked at. */
  const scrolled = useRef(0);
  const wasShown = useRef(false);
  const [, redraw] = useState(true);

  const look = (log: HTMLElement) => {
    end.current = isAtEnd(log);
    landmarks.current = landmarksIn(log);
    scrolled.current = log.scrollTop;
    redraw(end.current);
  };
  const hold = (log: HTMLElement) => {
    const kept = landmarks.current.find(({ mark }) => mark.isConnected);
    if (end.current) log.scrollTop = log.scrollHeight;
    else if (kept) log.scrollTop += kept.mark.offsetTop - kept.top;
    look(log);
  };

  useLayoutEffect(() => {
    const log = box.current;
    if (!log || !isLoaded) return;
    if (wasShown.current) return hold(log);
    wasShown.current = true;
    showNews(log);
    look(log);
  }, [...shown, isLoaded]);

  useEffect(() => {
    const log = box.current;
    if (!log) return;
    // A keyboard on the screen, a window that is turned, and a line that opens move what is there.
    const sizes = new ResizeObserver(() => {
      if (wasShown.current) hold(log);
    });
    for (const each of [log, log.querySelector("ol")]) if (each) sizes.observe(each);
    return () => {
      sizes.disconnect();
      end.current = true;
    };
  }, []);

  return {
    atEnd: () => end.current,
    toEnd: () => {
      if (box.current) box.current.scrollTop = box.current.scrollHeight;
      end.current = true;
    },
    onScroll: (seeEnd: () => void) => {
      const log = box.current;
      if (!log) return;
      // Of what the page scrolled itself it hears late: by then there may be less room.
      if (log.scrollTop === scrolled.current) hold(log);
      else look(log);
      if (end.current) seeEnd();
      if (log.scrollTop < NEAR_PX && log.scrollHeight > log.clientHeight) onStart();
    },
  };
}

function isAtEnd(log: HTMLElement): boolean {
  return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
}

/** What is on the screen; what begins above it last, as it may grow up there. */
function landmarksIn(log: HTMLElement): Landmark[] {
  const lines = [...(log.querySelector("ol")?.children ?? [])] as HTMLElement[];
  let first = 0;
  for (let after = lines.length; first < after; ) {
    const middle = (first + after) >> 1;
    const line = lines[middle] as HTMLElement;
    if (line.offsetTop + line.offsetHeight <= log.scrollTop) first = middle + 1;
    else after = middle;
  }
  const cut: Landmark[] = [];
  const whole: Landmark[] = [];
  for (const line of lines.slice(first)) {
    if (line.offsetTop >= log.scrollTop + log.clientHeight) break;
    // One reads its text: who said it stands above that, or not, as the line before it has it.
    const mark = line.querySelector<HTMLElement>(".msg-row") ?? line;
    const top = mark.offsetTop;
    (top < log.scrollTop ? cut : whole).push({ mark, top });
  }
  return [...whole, ...cut];
}

/** The end; or what is new from its first message on, if that is more than fits. */
function showNews(log: HTMLElement): void {
  log.scrollTop = log.scrollHeight;
  const news = log.querySelector<HTMLElement>(".log-rule.new");
  if (news && news.offsetTop < log.scrollTop) log.scrollTop = news.offsetTop;
}

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { InboxRoom, InboxState } from "../../protocol/chat.ts";
import type { Change } from "../../protocol/events.ts";
import { ApiError } from "../api.ts";
import { followFeed } from "../feed/follow-feed.ts";
import { signInPath } from "../next-path.ts";
import { pageClock } from "../page-clock.ts";
import { navigate } from "../router.tsx";
import { backoffMs } from "../viewer/backoff.ts";
import { type Look, lookAt } from "./look.ts";

/** Between two looks: what changes meanwhile is read together. */
const PACE_MS = 250;

type Inbox = {
  /** null until the first answer. */
  rooms: readonly InboxRoom[] | null;
  hasMore: boolean;
  /** How many guests wait for an answer; of very many, that there are more. */
  waiting: number;
  hasMoreWaiting: boolean;
  /** Why the last look failed; the rooms of the one before stay. */
  problem: string | null;
  refresh(): void;
  /** Shows one page more. */
  more(): void;
};

/** The support rooms as they are: read once, and again whenever the feed tells of a change. */
export function useInbox(filter: InboxState): Inbox {
  const [found, setFound] = useState<{ filter: InboxState; look: Look } | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  /** How many pages are shown, of which filter. */
  const shown = useRef({ filter, pages: 1 });
  if (shown.current.filter !== filter) shown.current = { filter, pages: 1 };
  const look = useRef<(afterMs: number) => void>(() => {});

  useEffect(() => {
    let timer: number | undefined;
    let asking: AbortController | null = null;
    let isStale = false;
    let failures = 0;
    const lookNow = async () => {
      timer = undefined;
      isStale = false;
      asking = new AbortController();
      const { signal } = asking;
      try {
        const result = await lookAt(filter, shown.current.pages, signal);
        if (signal.aborted) return;
        failures = 0;
        setFound({ filter, look: result });
        setProblem(null);
      } catch (error) {
        if (signal.aborted) return; // the page is gone
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 401) return navigate(signInPath(location.pathname), "replace");
        setProblem(error.message);
        // Also while nobody looks at the tab: its title says who waits.
        timer = window.setTimeout(lookNow, backoffMs(failures++, Math.random(), false));
      }
      asking = null;
      if (isStale) look.current(PACE_MS);
    };
    // One look at a time: its answer is never older than the one before it.
    look.current = (afterMs) => {
      if (asking) {
        isStale = true;
        return;
      }
      if (timer !== undefined && afterMs > 0) return;
      clearTimeout(timer);
      timer = window.setTimeout(lookNow, afterMs);
    };
    look.current(0);
    return () => {
      clearTimeout(timer);
      asking?.abort();
    };
  }, [filter]);

  useEffect(() => {
    const lookAnew = () => look.current(0);
    const follower = {
      onLink: () => {},
      onReset: lookAnew,
      onChange: ({ kind }: Change) => {
        if (kind === "room") look.current(PACE_MS);
      },
      onWake: () => {},
    };
    // Also while nobody looks at the tab: its title says who waits.
    return followFeed(follower, { ...pageClock, isHidden: () => false });
  }, []);

  const mine = found?.filter === filter ? found.look : null;
  return {
    rooms: mine?.rooms ?? null,
    hasMore: mine?.hasMore ?? false,
    waiting: found?.look.waiting ?? 0,
    hasMoreWaiting: found?.look.hasMoreWaiting ?? false,
    problem,
    refresh: useCallback(() => look.current(0), []),
    more: useCallback(() => {
      shown.current.pages += 1;
      look.current(0);
    }, []),
  };
}

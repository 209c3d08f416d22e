import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { InboxRoom, InboxState } from "../../protocol/chat.ts";
import type { Change } from "../../protocol/events.ts";
import { followFeed } from "../feed/follow-feed.ts";
import { Looks } from "../feed/looks.ts";
import { pageClock } from "../page-clock.ts";
import { explainOrSignIn } from "../sign-in-again.ts";
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
  const looks = useRef<Looks>(null);

  useEffect(() => {
    const mine = new Looks({
      ...pageClock,
      paceMs: PACE_MS,
      // Also while nobody looks at the tab: its title says who waits.
      isUnseen: () => false,
      read: async (signal) => {
        const look = await lookAt(filter, shown.current.pages, signal);
        signal.throwIfAborted();
        setFound({ filter, look });
      },
      explain: explainOrSignIn,
      onLooked: setProblem,
    });
    looks.current = mine;
    mine.anew();
    return () => mine.stop();
  }, [filter]);

  useEffect(() => {
    const follower = {
      onLink: () => {},
      onReset: () => looks.current?.anew(),
      onChange: ({ kind }: Change) => {
        if (kind === "room") looks.current?.changed();
      },
      onWake: () => {},
    };
    return followFeed(follower, { ...pageClock, isHidden: () => false });
  }, []);

  const mine = found?.filter === filter ? found.look : null;
  return {
    rooms: mine?.rooms ?? null,
    hasMore: mine?.hasMore ?? false,
    waiting: found?.look.waiting ?? 0,
    hasMoreWaiting: found?.look.hasMoreWaiting ?? false,
    problem,
    refresh: useCallback(() => looks.current?.anew(), []),
    more: useCallback(() => {
      shown.current.pages += 1;
      looks.current?.anew();
    }, []),
  };
}

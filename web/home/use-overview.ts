import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api.ts";
import type { FeedLink } from "../feed/feed.ts";
import { followFeed } from "../feed/follow-feed.ts";
import { pageClock } from "../page-clock.ts";
import { explainOrSignIn } from "../sign-in-again.ts";
import { Overview } from "./overview.ts";
import type { OverviewState } from "./overview-state.ts";

/** What the overview shows, and what can be asked of it; null before the first look. */
type LiveOverview = { state: OverviewState | null; link: FeedLink; overview: Overview | null };

/** The hosts and sessions as they are, for as long as the page is there. */
export function useOverview(): LiveOverview {
  const [state, setState] = useState<OverviewState | null>(null);
  const [link, setLink] = useState<FeedLink>("joining");
  const held = useRef<Overview>(null);

  useEffect(() => {
    const overview = new Overview({
      ...pageClock,
      reads: {
        mayOperate: api.mayOperate,
        hosts: api.pageOfHosts,
        host: api.findHost,
        sessions: api.pageOfSessions,
        session: api.findSession,
      },
      onState: setState,
      explain: explainOrSignIn,
    });
    held.current = overview;
    const leaveFeed = followFeed({
      onLink: setLink,
      onReset: () => overview.refresh(),
      onChange: (change) => {
        if (change.kind === "host" || change.kind === "session") overview.note(change);
      },
      onWake: () => overview.look(),
    });
    return () => {
      leaveFeed();
      overview.stop();
    };
  }, []);

  return { state, link, overview: held.current };
}

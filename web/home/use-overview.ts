import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api.ts";
import { signInPath } from "../next-path.ts";
import { navigate } from "../router.tsx";
import { Feed, type FeedLink } from "./feed.ts";
import { openFeedSocket } from "./feed-socket.ts";
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
    const page = {
      isHidden: () => document.hidden,
      random: Math.random,
      setTimer: (run: () => void, ms: number) => window.setTimeout(run, ms),
      clearTimer: (timer: number) => clearTimeout(timer),
    };
    const overview = new Overview({
      ...page,
      reads: {
        mayOperate: api.mayOperate,
        hosts: api.pageOfHosts,
        host: api.findHost,
        sessions: api.pageOfSessions,
        session: api.findSession,
      },
      onState: setState,
      explain: (error) => {
        if (!(error instanceof api.ApiError)) throw error;
        if (error.status !== 401) return error.message;
        navigate(signInPath("/"), "replace");
        return null;
      },
    });
    const feed = new Feed({
      ...page,
      openSocket: openFeedSocket,
      onLink: setLink,
      onReset: () => overview.refresh(),
      // What changes of support rooms is the inbox's.
      onChange: (change) => change.kind !== "room" && overview.note(change),
      onRefused: () => overview.refresh(),
      now: Date.now,
    });
    const wake = () => {
      if (document.hidden) return;
      feed.wake();
      overview.look();
    };
    held.current = overview;
    feed.join();
    document.addEventListener("visibilitychange", wake);
    addEventListener("online", wake);
    return () => {
      feed.stop();
      overview.stop();
      document.removeEventListener("visibilitychange", wake);
      removeEventListener("online", wake);
    };
  }, []);

  return { state, link, overview: held.current };
}

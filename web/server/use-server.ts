import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Host, ServerLookUp } from "../../protocol/api.ts";
import type { Change } from "../../protocol/events.ts";
import { ApiError, findHost, findSession, mayOperate } from "../api.ts";
import type { FeedLink } from "../feed/feed.ts";
import { followFeed } from "../feed/follow-feed.ts";
import { lookUpServer } from "../servers-api.ts";
import { explainOrSignIn } from "../sign-in-again.ts";
import { type Failure, failureOf } from "./failures.ts";

/** What is known of a panel's server; what was found stays while it cannot be asked. */
type ServerState = {
  found: ServerLookUp | null;
  /** The hypervisor, if it is one of the hosts here. */
  host: Host | null;
  operates: boolean;
  failure: Failure | null;
  isLooking: boolean;
};

/** What is shown stays; the feed says that it may be out of date. */
function ignoreRefusal(error: unknown): null {
  if (error instanceof ApiError || (error as Error).name === "AbortError") return null;
  throw error;
}

/** A server of the hosting panel, and the session that shows it, for as long as the page is there. */
export function useServer(serverId: string) {
  const [state, setState] = useState<ServerState>({
    ...{ found: null, host: null, operates: false, failure: null, isLooking: true },
  });
  const [link, setLink] = useState<FeedLink>("joining");
  const latest = useRef(state);
  latest.current = state;
  const asking = useRef<AbortController>(null);

  /** Asks the panel. */
  const look = useCallback(async () => {
    asking.current?.abort();
    const mine = new AbortController();
    asking.current = mine;
    const { signal } = mine;
    setState((now) => ({ ...now, isLooking: true }));
    try {
      const [found, operates] = await Promise.all([
        lookUpServer(serverId, signal),
        mayOperate(signal),
      ]);
      const host = found.host_id === null ? null : await findHost(found.host_id, signal);
      if (signal.aborted) return;
      setState({ found, host, operates, failure: null, isLooking: false });
    } catch (error) {
      // A newer look took over, or the page is gone.
      if (signal.aborted || explainOrSignIn(error) === null) return;
      const failure = failureOf(error as ApiError);
      setState((now) => ({ ...now, failure, isLooking: false }));
    }
  }, [serverId]);

  useEffect(() => {
    const gone = new AbortController();
    /** Somebody may have opened this server's console. */
    const noteMade = async (id: string) => {
      const { found } = latest.current;
      if (!found || found.session !== null) return;
      const made = await findSession(id, gone.signal);
      if (made?.host_id === found.host_id && made?.vnc_port === found.port) await look();
    };
    /** Of the session and the host the edge tells: the panel is not asked for that. */
    const follow = async ({ kind, id, change }: Change) => {
      const { found, host } = latest.current;
      if (kind === "session" && change === "created") return noteMade(id);
      const isOurs = kind === "session" ? id === found?.session?.session_id : id === host?.host_id;
      if (!found || !isOurs || change === "latency" || change === "streams") return;
      const { signal } = gone;
      const [session, itsHost] = await Promise.all([
        found.session && findSession(found.session.session_id, signal),
        host && findHost(host.host_id, signal),
      ]);
      const open = session?.status === "ended" ? null : session;
      setState((now) => {
        // A look that was answered meanwhile may have found another session.
        const isSame = now.found?.session?.session_id === found.session?.session_id;
        const updated = now.found && isSame ? { ...now.found, session: open } : now.found;
        return { ...now, found: updated, host: itsHost };
      });
    };
    const leaveFeed = followFeed({
      onLink: setLink,
      onReset: () => void look(),
      onChange: (change) => void follow(change).catch(ignoreRefusal),
      onWake: () => void look(),
    });
    return () => {
      leaveFeed();
      gone.abort();
      asking.current?.abort();
    };
  }, [look]);

  return { ...state, link, look };
}

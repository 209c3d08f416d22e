import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Host, Session } from "../../protocol/api.ts";
import { ApiError, listHosts, listSessions, mayOperate } from "../api.ts";
import { signInPath } from "../next-path.ts";
import { navigate } from "../router.tsx";

const POLL_MS = 5_000;

type Hosts = {
  /** null until the first answer. */
  hosts: Host[] | null;
  /** For those who may not make sessions: the ones there are. null for operators. */
  sessions: Session[] | null;
  /** Why the last look failed; the hosts of the one before stay. */
  problem: string | null;
  refresh(): void;
};

/** The hosts, looked at again and again while someone sees the page. */
export function useHosts(): Hosts {
  const [hosts, setHosts] = useState<Host[] | null>(null);
  const [sessions, setSessions] = useState<Session[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const look = useRef<() => void>(() => {});

  useEffect(() => {
    let timer: number | undefined;
    let asking: AbortController | null = null;
    let operates: boolean | null = null;

    look.current = async () => {
      clearTimeout(timer);
      asking?.abort();
      const mine = new AbortController();
      asking = mine;
      try {
        const { signal } = mine;
        const looks = [listHosts(signal), operates ?? mayOperate(signal)] as const;
        const [found, may] = await Promise.all(looks);
        operates = may;
        setSessions(may ? null : await listSessions(signal));
        setHosts(found);
        setProblem(null);
      } catch (error) {
        // A newer look took over, or the page is gone.
        if (mine.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 401) return navigate(signInPath("/"), "replace");
        setProblem(error.message);
      }
      if (!document.hidden) timer = window.setTimeout(look.current, POLL_MS);
    };

    const onVisibility = () => {
      if (document.hidden) clearTimeout(timer);
      else look.current();
    };
    const onOnline = () => look.current();
    look.current();
    document.addEventListener("visibilitychange", onVisibility);
    addEventListener("online", onOnline);
    return () => {
      clearTimeout(timer);
      asking?.abort();
      document.removeEventListener("visibilitychange", onVisibility);
      removeEventListener("online", onOnline);
    };
  }, []);

  return { hosts, sessions, problem, refresh: useCallback(() => look.current(), []) };
}

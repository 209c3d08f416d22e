import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Host } from "../../protocol/api.ts";
import { ApiError, listHosts } from "../api.ts";
import { signInPath } from "../next-path.ts";
import { navigate } from "../router.tsx";

const POLL_MS = 5_000;

type Hosts = {
  /** null until the first answer. */
  hosts: Host[] | null;
  /** Why the last look failed; the hosts of the one before stay. */
  problem: string | null;
  refresh(): void;
};

/** The hosts, looked at again and again while someone sees the page. */
export function useHosts(): Hosts {
  const [hosts, setHosts] = useState<Host[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const look = useRef<() => void>(() => {});

  useEffect(() => {
    let timer: number | undefined;
    let asking: AbortController | null = null;

    look.current = async () => {
      clearTimeout(timer);
      asking?.abort();
      const mine = new AbortController();
      asking = mine;
      try {
        const found = await listHosts(mine.signal);
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

  return { hosts, problem, refresh: useCallback(() => look.current(), []) };
}

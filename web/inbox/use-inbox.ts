import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { InboxRoom, InboxState } from "../../protocol/chat.ts";
import { ApiError, listRooms } from "../api.ts";
import { signInPath } from "../next-path.ts";
import { navigate } from "../router.tsx";

/** Somebody waits on the other side: look more often than the overview does. */
const POLL_MS = 3_000;

type Inbox = {
  /** null until the first answer. */
  rooms: readonly InboxRoom[] | null;
  /** How many guests wait for an answer. */
  waiting: number;
  /** Why the last look failed; the rooms of the one before stay. */
  problem: string | null;
  refresh(): void;
};

/** The support rooms, looked at again and again: a guest who waits should not wait for a reload. */
export function useInbox(filter: InboxState): Inbox {
  const [found, setFound] = useState<{ filter: InboxState; rooms: InboxRoom[] } | null>(null);
  const [waiting, setWaiting] = useState(0);
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
        const { signal } = mine;
        const longest = listRooms("waiting", signal);
        const shown = filter === "waiting" ? longest : listRooms(filter, signal);
        const [theWaiting, theShown] = await Promise.all([longest, shown]);
        setWaiting(theWaiting.items.length);
        setFound({ filter, rooms: theShown.items });
        setProblem(null);
      } catch (error) {
        // A newer look took over, or the page is gone.
        if (mine.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 401) return navigate(signInPath(location.pathname), "replace");
        setProblem(error.message);
      }
      // Also while nobody looks at the tab: its title says who waits.
      timer = window.setTimeout(look.current, POLL_MS);
    };
    const onOnline = () => look.current();
    look.current();
    addEventListener("online", onOnline);
    return () => {
      clearTimeout(timer);
      asking?.abort();
      removeEventListener("online", onOnline);
    };
  }, [filter]);

  const rooms = found?.filter === filter ? found.rooms : null;
  return { rooms, waiting, problem, refresh: useCallback(() => look.current(), []) };
}

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { ShareLink } from "../../protocol/api.ts";
import { ApiError, listLinks } from "../api.ts";

/** Whoever waits for a guest sees them come. */
const POLL_MS = 5_000;

export type Links = {
  /** null until the first answer. */
  items: ShareLink[] | null;
  /** Why the last look failed; what the one before found stays. */
  problem: string | null;
  refresh(): void;
  /** Takes one away that is known to be gone. */
  forget(linkId: string): void;
};

/** The share links of a session, looked at again and again while someone sees them. */
export function useLinks(sessionId: string): Links {
  const [items, setItems] = useState<ShareLink[] | null>(null);
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
        if (!document.hidden) {
          const found = await listLinks(sessionId, mine.signal);
          setItems(found);
          setProblem(null);
        }
      } catch (error) {
        // A newer look took over, or the dialog is closed.
        if (mine.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        setProblem(error.message);
      }
      timer = window.setTimeout(look.current, POLL_MS);
    };
    look.current();
    return () => {
      clearTimeout(timer);
      asking?.abort();
    };
  }, [sessionId]);

  const forget = useCallback((linkId: string) => {
    setItems((known) => known?.filter((link) => link.link_id !== linkId) ?? null);
    // One that was asked for before may still answer with it.
    look.current();
  }, []);
  return { items, problem, refresh: useCallback(() => look.current(), []), forget };
}

import { useEffect, useRef, useState } from "preact/hooks";
import { type Found, findStanding } from "./standing.ts";

/**
 * Who looks, and the session; null until the edge has said. What it could not say is asked again
 * when the desktop is connected.
 */
export function useStanding(sessionId: string, connected: boolean): Found | null {
  const [found, setFound] = useState<Found | null>(null);
  const asking = useRef(false);
  useEffect(() => {
    if (asking.current || (found && found.standing !== "unknown")) return;
    asking.current = true;
    findStanding(sessionId)
      .then(setFound, console.error)
      .finally(() => {
        asking.current = false;
      });
  }, [sessionId, connected]);
  return found;
}

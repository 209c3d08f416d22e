import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, createTicket, getSession } from "../api.ts";
import { onWake, pageClock } from "../page-clock.ts";
import { ViewerConnection } from "./connection.ts";
import { Desktop } from "./desktop.ts";
import { type Found, foundAfter, foundIn } from "./standing.ts";
import { NotReadyError, type ViewerState } from "./states.ts";

type Refs = {
  /** Where noVNC puts its canvas. */
  screen: RefObject<HTMLElement | null>;
  /** Keeps the last picture while there is no connection. */
  still: RefObject<HTMLCanvasElement | null>;
};

/** Ties the connection of one session to the page, for as long as the page shows it. */
export function useDesktop(sessionId: string, { screen, still }: Refs) {
  const [state, setState] = useState<ViewerState>({ kind: "connecting" });
  const [found, setFound] = useState<Found | null>(null);
  const [desktop, setDesktop] = useState<Desktop | null>(null);
  const [name, setName] = useState<string | null>(null);
  const [copied, setCopied] = useState<{ text: string } | null>(null);
  const [clipped, setClipped] = useState(false);
  const [stillShown, setStillShown] = useState(false);
  const connection = useRef<ViewerConnection>(null);

  useEffect(() => {
    const target = screen.current;
    if (!target) throw new Error("The viewer has no screen.");
    let current: Desktop | null = null;
    let pictured = false;

    const keepPicture = () => {
      if (!pictured || !current?.canvas || !still.current) return;
      pictured = false;
      copyPicture(current.canvas, still.current);
      setStillShown(true);
    };

    const dialled = new ViewerConnection({
      // Asked at every dial: a browser may have been signed in or out in another tab, and a
      // ticket for more than somebody may is refused.
      getTicket: async (signal) => {
        try {
          const session = await getSession(sessionId, signal);
          setFound(foundIn(session));
          const { status, reason } = session;
          if (status === "queued" || status === "starting") {
            throw new NotReadyError(status, reason ?? "Its desktop is on the way.");
          }
          if (status === "failed" || status === "ended") {
            // As the edge would refuse a ticket.
            throw new ApiError(410, reason ?? "This session has ended.", "session_ended");
          }
          return await createTicket(sessionId, session.your_role, signal);
        } catch (error) {
          if (error instanceof ApiError) setFound((before) => foundAfter(error, before));
          throw error;
        }
      },
      openStream: (url, events) => {
        const opened = new Desktop(target, url, {
          ...events,
          named: setName,
          copied: (text) => setCopied({ text }),
          clipped: setClipped,
          pictured: () => {
            // A frame asked for before the connection was lost may come after it.
            if (current !== opened) return;
            pictured = true;
            setStillShown(false);
          },
        });
        current = opened;
        setDesktop(opened);
        return opened;
      },
      onState: (next) => {
        if (next.kind !== "connected") keepPicture();
        setState(next);
        if (next.kind !== "ended" || next.action !== "open-again") return;
        // How it ended, for what is offered now; the reason is known without that.
        getSession(sessionId).then(
          (session) => setFound(foundIn(session)),
          () => {},
        );
      },
      ...pageClock,
    });
    connection.current = dialled;

    const stopWaking = onWake(() => dialled.wake());
    dialled.dial();
    return () => {
      stopWaking();
      dialled.stop();
    };
  }, [sessionId]);

  return { state, found, desktop, name, copied, clipped, stillShown, connection };
}

function copyPicture(from: HTMLCanvasElement, to: HTMLCanvasElement): void {
  to.width = from.width;
  to.height = from.height;
  to.getContext("2d")?.drawImage(from, 0, 0);
}

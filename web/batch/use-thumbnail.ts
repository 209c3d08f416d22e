import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { createTicket } from "../api.ts";
import { onWake, pageClock } from "../page-clock.ts";
import { ViewerConnection } from "../viewer/connection.ts";
import { Desktop } from "../viewer/desktop.ts";
import type { ViewerState } from "../viewer/states.ts";

/** What is kept of a picture when its stream goes: hundreds of tiles may have one. */
const STILL_WIDTH = 320;

type Refs = {
  /** Where noVNC puts its canvas. */
  screen: RefObject<HTMLElement | null>;
  /** Keeps the last picture while there is no stream. */
  still: RefObject<HTMLCanvasElement | null>;
};

/**
 * Shows a session's desktop, small and to be looked at only, while `on`. It dials by itself as the
 * viewer does; whatever becomes of it is this tile's alone.
 * @returns its state, null while it has no stream; and whether there was a picture to keep
 */
export function useThumbnail(sessionId: string, on: boolean, { screen, still }: Refs) {
  const [state, setState] = useState<ViewerState | null>(null);
  const [hasStill, setHasStill] = useState(false);

  useEffect(() => {
    const target = screen.current;
    if (!on || !target) return;
    let current: Desktop | null = null;
    let isPictured = false;
    const keepPicture = () => {
      if (!isPictured || !current?.canvas || !still.current) return;
      isPictured = false;
      copySmall(current.canvas, still.current);
      setHasStill(true);
    };
    const connection = new ViewerConnection({
      ...pageClock,
      getTicket: (signal) => createTicket(sessionId, "view", signal),
      openStream: (url, events) => {
        const opened = new Desktop(target, url, {
          ...events,
          pictured: () => {
            if (current === opened) isPictured = true;
          },
        });
        opened.asThumbnail();
        current = opened;
        return opened;
      },
      onState: (next) => {
        if (next.kind !== "connected") keepPicture();
        setState(next);
      },
    });
    const stopWaking = onWake(() => connection.wake());
    connection.dial();
    return () => {
      stopWaking();
      keepPicture();
      connection.stop();
      setState(null);
    };
  }, [sessionId, on]);

  return { state, hasStill };
}

function copySmall(from: HTMLCanvasElement, to: HTMLCanvasElement): void {
  if (from.width === 0) return;
  to.width = STILL_WIDTH;
  to.height = Math.round((from.height * STILL_WIDTH) / from.width);
  to.getContext("2d")?.drawImage(from, 0, 0, to.width, to.height);
}

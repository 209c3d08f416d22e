import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { JobFilter } from "./batch-view.ts";

/** Where somebody was on the page of a batch. */
type Place = { filter: JobFilter; scrollY: number; tile: string | null };

/** Of the batches that were looked at since the page was loaded. */
const places = new Map<string, Place>();

/**
 * Who comes back from one of hundreds of desktops goes on where they were: with the same jobs shown,
 * at the same height, and the keyboard on the tile that they had opened.
 */
export function usePlace(batchId: string, wall: RefObject<HTMLElement | null>) {
  const [filter, setFilter] = useState<JobFilter>(places.get(batchId)?.filter ?? "all");

  useLayoutEffect(() => {
    const before = places.get(batchId);
    if (!before) return;
    const tile = before.tile && wall.current?.querySelector(`[data-id="${before.tile}"] a`);
    if (tile instanceof HTMLElement) tile.focus({ preventScroll: true });
    scrollTo(0, before.scrollY);
  }, [batchId]);

  useEffect(() => {
    const note = (news: Partial<Place>) => {
      const { scrollY } = window;
      const before = places.get(batchId) ?? { filter, scrollY, tile: null };
      places.set(batchId, { ...before, filter, ...news });
    };
    const path = location.pathname;
    const onScroll = () => {
      // Leaving scrolls to the top of the next page, while this one is still there.
      if (location.pathname === path) note({ scrollY: window.scrollY });
    };
    // A scroll is told with the next frame: who follows a link before that was never heard of.
    const onLeave = () => note({ scrollY: window.scrollY });
    const onFocus = ({ target }: FocusEvent) => {
      const tile = target instanceof Element ? target.closest("[data-id]") : null;
      note({ tile: tile?.getAttribute("data-id") ?? null });
    };
    note({});
    addEventListener("scroll", onScroll, { passive: true });
    addEventListener("popstate", onLeave);
    document.addEventListener("focusin", onFocus);
    return () => {
      removeEventListener("scroll", onScroll);
      removeEventListener("popstate", onLeave);
      document.removeEventListener("focusin", onFocus);
    };
  }, [batchId, filter]);

  return { filter, setFilter };
}

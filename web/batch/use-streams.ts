import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { isSame, type Sight, tilesToStream } from "./streams.ts";

/** How far outside of the window a tile is near: half a window, so that scrolling finds a picture. */
const NEAR_MARGIN = "50% 0px";

/** Tells where a tile is, from when it is on the page. @returns ends it */
export type Watch = (id: string, tile: Element) => () => void;

/** Which of the active sessions have their desktop streamed, as tiles come into the window and go. */
export function useStreams(active: readonly string[]): {
  streams: ReadonlySet<string>;
  watch: Watch;
} {
  const { sights, watch } = useSights();
  const isVisible = usePageVisible();
  const [streams, setStreams] = useState<ReadonlySet<string>>(new Set());
  const wanted = useMemo(
    () => tilesToStream(isVisible ? active : [], sights, streams),
    [active, sights, streams, isVisible],
  );
  useEffect(() => setStreams((now) => (isSame(now, wanted) ? now : wanted)), [wanted]);
  return { streams: wanted, watch };
}

function useSights(): { sights: ReadonlyMap<string, Sight>; watch: Watch } {
  const [sights, setSights] = useState<ReadonlyMap<string, Sight>>(new Map());
  const ids = useRef(new Map<Element, string>());
  const observers = useRef<readonly IntersectionObserver[] | null>(null);

  const observe = useCallback(() => {
    const inside = new Set<Element>();
    const near = new Set<Element>();
    const watching = (found: Set<Element>, rootMargin: string) =>
      new IntersectionObserver(
        (entries) => {
          for (const { target, isIntersecting } of entries) {
            if (isIntersecting) found.add(target);
            else found.delete(target);
          }
          const next = new Map<string, Sight>();
          for (const [tile, id] of ids.current) {
            if (inside.has(tile)) next.set(id, "in");
            else if (near.has(tile)) next.set(id, "near");
          }
          setSights(next);
        },
        { rootMargin },
      );
    return [watching(inside, "0px"), watching(near, NEAR_MARGIN)];
  }, []);

  const watch = useCallback<Watch>((id, tile) => {
    observers.current ??= observe();
    const all = observers.current;
    ids.current.set(tile, id);
    for (const observer of all) observer.observe(tile);
    return () => {
      ids.current.delete(tile);
      for (const observer of all) observer.unobserve(tile);
      setSights((before) => {
        const next = new Map(before);
        next.delete(id);
        return next;
      });
    };
  }, []);
  useEffect(
    () => () => {
      for (const observer of observers.current ?? []) observer.disconnect();
    },
    [],
  );
  return { sights, watch };
}

/** A page that nobody sees needs no pictures. */
function usePageVisible(): boolean {
  const [isVisible, setVisible] = useState(!document.hidden);
  useEffect(() => {
    const update = () => setVisible(!document.hidden);
    document.addEventListener("visibilitychange", update);
    return () => document.removeEventListener("visibilitychange", update);
  }, []);
  return isVisible;
}

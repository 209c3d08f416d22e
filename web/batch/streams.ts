/** How many tiles show their desktop at once: each is a connection and a desktop's worth of pixels. */
export const MAX_LIVE_TILES = 12;

/** Where a tile is: in the window, or so near that it may be there soon. */
export type Sight = "in" | "near";

/**
 * Which tiles have their desktop streamed.
 * @param active the sessions that have a picture, in the order of their tiles
 * @param sights of the tiles in or near the window
 * @param streaming what is streamed now: of two in the same place, who has a picture keeps it
 */
export function tilesToStream(
  active: readonly string[],
  sights: ReadonlyMap<string, Sight>,
  streaming: ReadonlySet<string>,
  most = MAX_LIVE_TILES,
): ReadonlySet<string> {
  const rank = (id: string) => (sights.get(id) === "in" ? 0 : 2) + (streaming.has(id) ? 0 : 1);
  const near = active.filter((id) => sights.has(id));
  // A stable sort: of equals the first tile comes first.
  return new Set(near.sort((a, b) => rank(a) - rank(b)).slice(0, most));
}

export function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((id) => b.has(id));
}

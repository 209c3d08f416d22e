/** A rectangle of whole pixels; its right and bottom edges are outside it. */
export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** More rectangles than this are merged: a long list costs more than a few pixels sent in vain. */
const MAX_REGION_RECTS = 8;

/** Two rectangles become one when their union is at most this many times their own areas. */
const MERGE_WASTE = 1.3;

/** The part that both cover, or undefined if there is none. */
export function intersect(a: Rect, b: Rect): Rect | undefined {
  const x = Math.max(a.x, b.x);
  const y = Math.max(a.y, b.y);
  const width = Math.min(a.x + a.width, b.x + b.width) - x;
  const height = Math.min(a.y + a.height, b.y + b.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : undefined;
}

/** The smallest rectangle that holds both. */
export function union(a: Rect, b: Rect): Rect {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
}

/** The rectangle grown by `pixels` on each side. */
export function grow(rect: Rect, pixels: number): Rect {
  return {
    x: rect.x - pixels,
    y: rect.y - pixels,
    width: rect.width + 2 * pixels,
    height: rect.height + 2 * pixels,
  };
}

/** Whether the rectangle covers the pixel. */
export function contains(rect: Rect, x: number, y: number): boolean {
  return x >= rect.x && y >= rect.y && x < rect.x + rect.width && y < rect.y + rect.height;
}

function area(rect: Rect): number {
  return rect.width * rect.height;
}

/** What is left of `rect` without `hole`, which lies inside it: at most four rectangles. */
export function without(rect: Rect, hole: Rect): Rect[] {
  const right = hole.x + hole.width;
  const bottom = hole.y + hole.height;
  return [
    { ...rect, height: hole.y - rect.y },
    { ...rect, y: bottom, height: rect.y + rect.height - bottom },
    { x: rect.x, y: hole.y, width: hole.x - rect.x, height: hole.height },
    { x: right, y: hole.y, width: rect.x + rect.width - right, height: hole.height },
  ].filter((part) => part.width > 0 && part.height > 0);
}

/** A set of pixels, kept as a few rectangles. It may cover a little more than was added. */
export class Region {
  #rects: Rect[] = [];

  get empty(): boolean {
    return this.#rects.length === 0;
  }

  /** Adds the rectangle, merged with those that it touches or nearly fills a rectangle with. */
  add(rect: Rect): void {
    let added = rect;
    for (let i = 0; i < this.#rects.length; ) {
      const other = this.#rects[i] as Rect;
      const both = union(added, other);
      if (area(both) <= MERGE_WASTE * (area(added) + area(other))) {
        added = both;
        this.#rects.splice(i, 1);
        i = 0;
      } else {
        i++;
      }
    }
    this.#rects.push(added);
    if (this.#rects.length > MAX_REGION_RECTS) this.#rects = [this.#rects.reduce(union)];
  }

  /** Removes what lies inside `within` and returns it. */
  take(within: Rect): Rect[] {
    const taken: Rect[] = [];
    const kept: Rect[] = [];
    for (const rect of this.#rects) {
      const part = intersect(rect, within);
      if (part === undefined) {
        kept.push(rect);
      } else {
        taken.push(part);
        kept.push(...without(rect, part));
      }
    }
    // Merged, they might cover again what has just been taken.
    this.#rects = kept;
    return taken;
  }

  /** Whether any pixel inside `within` belongs to the region. */
  touches(within: Rect): boolean {
    return this.#rects.some((rect) => intersect(rect, within) !== undefined);
  }
}

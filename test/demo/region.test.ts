import { describe, expect, test } from "vitest";
import { contains, type Rect, Region } from "../../demo/rect.ts";

/** Numbers that look random and are the same in every run. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SIZE = 60;
const pixels = Array.from(
  { length: SIZE * SIZE },
  (_, i) => [i % SIZE, Math.floor(i / SIZE)] as const,
);

describe("a region", () => {
  test("never loses a pixel, whatever is added and taken", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = sequence(seed);
      const rect = (): Rect => {
        const [x, y] = [random(SIZE - 1), random(SIZE - 1)];
        return { x, y, width: 1 + random(SIZE - x - 1), height: 1 + random(SIZE - y - 1) };
      };
      const region = new Region();
      const due = new Set<string>();
      for (let step = 0; step < 12; step++) {
        const added = rect();
        region.add(added);
        for (const [x, y] of pixels) if (contains(added, x, y)) due.add(`${x},${y}`);
        if (step % 3 !== 2) continue;
        const within = rect();
        const taken = region.take(within);
        for (const [x, y] of pixels) {
          const got = taken.some((part) => contains(part, x, y));
          if (!contains(within, x, y)) expect(got).toBe(false);
          else if (due.delete(`${x},${y}`)) expect(got).toBe(true);
        }
        expect(region.touches(within)).toBe(false);
      }
      const rest = region.take({ x: 0, y: 0, width: SIZE, height: SIZE });
      for (const pixel of due) {
        const [x = 0, y = 0] = pixel.split(",").map(Number);
        expect(rest.some((part) => contains(part, x, y))).toBe(true);
      }
    }
  });

  test("stays a short list, however many places are added", () => {
    const region = new Region();
    for (let i = 0; i < 100; i++) {
      region.add({ x: (i * 37) % 1000, y: (i * 91) % 700, width: 2, height: 2 });
    }
    expect(region.take({ x: 0, y: 0, width: 1002, height: 702 }).length).toBeLessThanOrEqual(8);
  });

  test("merges neighbours and keeps distant places apart", () => {
    const region = new Region();
    region.add({ x: 0, y: 0, width: 10, height: 10 });
    region.add({ x: 10, y: 0, width: 10, height: 10 });
    region.add({ x: 500, y: 500, width: 10, height: 10 });
    expect(region.take({ x: 0, y: 0, width: 1000, height: 1000 })).toEqual([
      { x: 0, y: 0, width: 20, height: 10 },
      { x: 500, y: 500, width: 10, height: 10 },
    ]);
  });
});

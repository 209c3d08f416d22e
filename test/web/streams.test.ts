import { describe, expect, it } from "vitest";
import { MAX_LIVE_TILES, type Sight, tilesToStream } from "../../web/batch/streams.ts";

const ACTIVE = Array.from({ length: 40 }, (_, n) => `job-${n}`);

function sights(inside: readonly number[], near: readonly number[]): Map<string, Sight> {
  return new Map([
    ...near.map((n): [string, Sight] => [`job-${n}`, "near"]),
    ...inside.map((n): [string, Sight] => [`job-${n}`, "in"]),
  ]);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, n) => from + n);
}

function chosen(streams: ReadonlySet<string>): number[] {
  return [...streams].map((id) => Number(id.slice("job-".length))).sort((a, b) => a - b);
}

describe("tiles have a stream", () => {
  it("that are in the window or near it, and no others", () => {
    const streams = tilesToStream(ACTIVE, sights([0, 1, 2], [3, 4]), new Set());
    expect(chosen(streams)).toEqual([0, 1, 2, 3, 4]);
  });

  it("only while there is a picture to see", () => {
    const streams = tilesToStream(["job-1"], sights([0, 1, 2], []), new Set());
    expect(chosen(streams)).toEqual([1]);
  });

  it(`${MAX_LIVE_TILES} at once: first those in the window, from its top on`, () => {
    const streams = tilesToStream(ACTIVE, sights(range(10, 30), range(5, 10)), new Set());
    expect(chosen(streams)).toEqual(range(10, 10 + MAX_LIVE_TILES));
  });

  it("and keep it while they are in the window, whoever comes before them", () => {
    const before = new Set(range(10, 10 + MAX_LIVE_TILES).map((n) => `job-${n}`));
    const streams = tilesToStream(ACTIVE, sights(range(5, 25), []), before);
    expect(chosen(streams)).toEqual(chosen(before));
  });

  it("and give it up for one in the window once they are only near", () => {
    const before = new Set(range(0, MAX_LIVE_TILES).map((n) => `job-${n}`));
    const scrolled = sights(range(6, 18), range(0, 6));
    expect(chosen(tilesToStream(ACTIVE, scrolled, before))).toEqual(range(6, 18));
  });

  it("as soon as there is room", () => {
    const all = sights(range(0, 20), []);
    const before = tilesToStream(ACTIVE, all, new Set());
    const others = ACTIVE.filter((id) => id !== "job-3");
    expect(chosen(tilesToStream(others, all, before))).toEqual(
      range(0, MAX_LIVE_TILES + 1).filter((n) => n !== 3),
    );
  });
});

import { describe, expect, it } from "vitest";
import { backoffMs } from "../../web/viewer/backoff.ts";

const ALMOST_ONE = 1 - Number.EPSILON;

describe("the wait before the next dial", () => {
  it("is never shorter than a second, whatever chance says", () => {
    for (const failures of [0, 1, 5, 1_000]) expect(backoffMs(failures, 0, false)).toBe(1_000);
  });

  it("is never longer than ten seconds, after however many failures", () => {
    for (const failures of [0, 1, 5, 20, 5_000]) {
      expect(backoffMs(failures, ALMOST_ONE, false)).toBeLessThanOrEqual(10_000);
    }
  });

  it("may grow with the failures up to ten seconds and not beyond", () => {
    const longest = [0, 1, 2, 3, 4].map((failures) => backoffMs(failures, ALMOST_ONE, false));
    expect(longest.map(Math.round)).toEqual([2_000, 4_000, 8_000, 10_000, 10_000]);
  });

  it("spreads pages evenly between the floor and the ceiling", () => {
    expect(backoffMs(9, 0.5, false)).toBe(5_500);
  });

  it("is half a minute to one and a half in a hidden tab, spread evenly as well", () => {
    // With one wait for all of them, all hidden tabs would be back in the same moment.
    for (const failures of [0, 1, 50]) {
      const waits = [0, 0.25, 0.5, ALMOST_ONE].map((random) => backoffMs(failures, random, true));
      expect(waits.map(Math.round)).toEqual([30_000, 45_000, 60_000, 90_000]);
    }
  });
});

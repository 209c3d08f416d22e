import { describe, expect, it } from "vitest";
import { Latency } from "../../agent/latency.ts";

const MINUTE_MS = 60_000;

/** What is told of pings, each a minute after the one before. */
function told(...pings: number[]): (number | null)[] {
  const latency = new Latency();
  return pings.map((ms, n) => latency.add(ms, n * MINUTE_MS));
}

describe("the latency of a link", () => {
  it("is told with the first ping that was answered", () => {
    expect(told(12.34)).toEqual([12.3]);
  });

  it("is not told again while it stays about the same", () => {
    expect(told(20, ...Array(20).fill(22))).toEqual([20, ...Array(20).fill(null)]);
    expect(told(1, ...Array(20).fill(3))).toEqual([1, ...Array(20).fill(null)]);
  });

  it("is told again when it changed much, but not within five minutes", () => {
    expect(told(20, 80, 80, 80, 80, 80, 80)).toEqual([20, null, null, null, null, 80, null]);
    expect(told(80, 20, 20, 20, 20, 20, 20)).toEqual([80, null, null, null, null, 20, null]);
  });

  it("does not follow one slow answer", () => {
    expect(told(...Array(9).fill(20), 900, ...Array(9).fill(20))).toEqual([
      20,
      ...Array(18).fill(null),
    ]);
  });
});

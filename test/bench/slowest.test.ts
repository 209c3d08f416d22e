import { describe, expect, it } from "vitest";
import type { Receipt } from "../../bench/chat/measure.ts";
import { explainSlowest } from "../../bench/chat/slowest.ts";
import type { Kind, Sample } from "../../bench/chat/stacks.ts";

const [MAIN, HELPER, OTHER] = [10, 11, 99];
const THREADS = new Set([MAIN, HELPER]);

const runs = (thread: number, at: number, kind: Kind = "javascript"): Sample => {
  return { thread, at, kind, off: null };
};
const leaves = (thread: number, at: number, state: string, next: number): Sample => {
  return { thread, at, kind: "rest", off: { next, state } };
};

/** Looked at every ms, with a collection of 4 ms from 100 on, which an interrupt hits. */
const TRACE: Sample[] = [
  runs(MAIN, 0),
  runs(HELPER, 1, "garbage"), // a helper's collecting is no pause
  runs(OTHER, 2, "garbage"), // and what others do is theirs
  runs(OTHER, 3, "garbage"),
  runs(OTHER, 4, "garbage"),
  runs(MAIN, 50, "garbage"), // one sample is a pause of a millisecond
  ...[100.5, 101.5].map((at) => runs(MAIN, at, "garbage")),
  runs(MAIN, 102.5, "network"),
  runs(MAIN, 103.5, "garbage"),
  leaves(MAIN, 104, "S", 0),
  leaves(0, 105, "R", MAIN),
  leaves(MAIN, 106, "D", OTHER),
  leaves(OTHER, 108, "S", MAIN),
  leaves(MAIN, 109, "R+", OTHER),
  leaves(OTHER, 109.5, "S", MAIN),
  runs(MAIN, 200),
];

/** 99 quick ones, away from all that but for one millisecond's work each, and one that met it. */
const QUICK: Receipt[] = Array.from({ length: 99 }, (_, n) => ({ sentAt: 110 + n / 2, took: 1 }));
const LATE: Receipt = { sentAt: 101, took: 10 };

describe("what the slowest messages waited for", () => {
  const explained = explainSlowest([...QUICK, LATE], TRACE, THREADS, 1);

  it("is told by what the server's busiest thread did meanwhile, and did not for the middle one", () => {
    expect(explained).toMatchObject({
      late: 9,
      late_garbage: 2,
      late_idle: 1,
      late_disk: 2,
      late_core: 0.5,
      late_work: 3.5,
    });
  });

  it("counts its pauses for garbage, and who met one", () => {
    expect(explained.pauses).toBeCloseTo(20); // two while 100 messages were said
    expect(explained.pause_ms).toBeCloseTo((4 + 1) / 2);
    expect(explained.paused_percent).toBeCloseTo(1);
  });

  it("has a p99 of those that met none", () => {
    expect(explained.p99_ms).toBeGreaterThan(1);
    expect(explained.p99_unpaused_ms).toBe(1);
  });

  it("leaves out what was sent before perf watched, or had after", () => {
    const outside = [
      { sentAt: -5, took: 50 },
      { sentAt: 199, took: 50 },
    ];
    expect(explainSlowest([...QUICK, LATE, ...outside], TRACE, THREADS, 1)).toEqual(explained);
  });
});

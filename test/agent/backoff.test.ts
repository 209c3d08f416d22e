import { describe, expect, it } from "vitest";
import { backoffMs } from "../../agent/backoff.ts";

describe("the wait before the next dial", () => {
  it("is anywhere from nothing to its ceiling: full jitter", () => {
    expect(backoffMs(3, () => 0)).toBe(0);
    expect(backoffMs(3, () => 0.5)).toBe(2_000);
    expect(backoffMs(3, () => 1)).toBe(4_000);
  });

  it("doubles its ceiling with each attempt and never passes 30 s, for ever", () => {
    const ceilings = [0, 1, 2, 6, 7, 1_000, Number.MAX_SAFE_INTEGER].map((n) =>
      backoffMs(n, () => 1),
    );
    expect(ceilings).toEqual([500, 1_000, 2_000, 30_000, 30_000, 30_000, 30_000]);
  });
});

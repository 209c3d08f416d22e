import { describe, expect, it } from "vitest";
import { elapsed } from "../../web/time.ts";

const now = Date.parse("2026-11-22T10:00:00Z");

describe("how long ago something was", () => {
  it.each([
    ["2026-11-22T09:59:30Z", "less than a minute"],
    ["2026-11-22T09:59:00Z", "1 min"],
    ["2026-11-22T09:00:01Z", "59 min"],
    ["2026-11-22T09:00:00Z", "1 h"],
    ["2026-11-21T10:00:01Z", "23 h"],
    ["2026-11-21T10:00:00Z", "1 day"],
    ["2026-11-12T09:00:00Z", "10 days"],
  ])("is for %s said as %s", (since, words) => {
    expect(elapsed(since, now)).toBe(words);
  });

  it("is not negative when the edge's clock is ahead of ours", () => {
    expect(elapsed("2026-11-22T10:00:09Z", now)).toBe("less than a minute");
  });
});

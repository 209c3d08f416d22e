import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { JOB_LOG_ANSWER_MS } from "../../protocol/limits.ts";
import { AskedLogs } from "../../worker/objects/host/asked-logs.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const log = { type: "log", session: "s", text: "printed", truncated: false } as const;

describe("who asks what a desktop printed", () => {
  it("has their own time for the answer, however long another has waited", async () => {
    const asked = new AskedLogs();
    const first = asked.answerFor("s");
    vi.advanceTimersByTime(JOB_LOG_ANSWER_MS - 1);
    const second = asked.answerFor("s");
    vi.advanceTimersByTime(1);
    expect(await first).toBeNull();
    asked.heard(log);
    expect(await second).toEqual(log);
  });

  it("is answered with all who ask at the same time, and nobody who asks of another", async () => {
    const asked = new AskedLogs();
    const same = [asked.answerFor("s"), asked.answerFor("s")];
    const other = asked.answerFor("other");
    asked.heard(log);
    expect(await Promise.all(same)).toEqual([log, log]);
    vi.advanceTimersByTime(JOB_LOG_ANSWER_MS);
    expect(await other).toBeNull();
  });
});

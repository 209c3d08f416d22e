import { describe, expect, it } from "vitest";
import { followEnds } from "../../web/chat/running.ts";

/** A clock that goes on when it is told to; a timer of longer than a browser has goes off at once. */
class Clock {
  time = 1_000_000;
  timers = new Map<number, { at: number; run: () => void }>();
  #last = 0;
  readonly now = () => this.time;
  readonly setTimer = (run: () => void, ms: number) => {
    const at = this.time + (ms > 2 ** 31 - 1 ? 0 : ms);
    this.timers.set(++this.#last, { at, run });
    return this.#last;
  };
  readonly clearTimer = (timer: number) => void this.timers.delete(timer);

  /** Lets so much time pass, timer by timer. */
  pass(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= end);
      const next = due.sort(([, a], [, b]) => a.at - b.at)[0];
      if (!next) break;
      const [timer, { at, run }] = next;
      this.timers.delete(timer);
      this.time = at;
      run();
    }
    this.time = end;
  }
}

function follow(clock: Clock, ends: Record<string, number>) {
  const told: string[] = [];
  const inMs = new Map(Object.entries(ends).map(([id, ms]) => [id, clock.time + ms]));
  const stop = followEnds(inMs, clock, (ids) => told.push([...ids].join()));
  return { told, stop };
}

describe("the mutes of a room", () => {
  it("are over when their time is, each by itself, though the room says nothing", () => {
    const clock = new Clock();
    const { told } = follow(clock, { ann: 3_000, ben: 600_000 });
    expect(told).toEqual(["ann,ben"]);
    clock.pass(2_999);
    expect(told).toEqual(["ann,ben"]);
    clock.pass(1);
    expect(told).toEqual(["ann,ben", "ben"]);
    clock.pass(600_000);
    expect(told).toEqual(["ann,ben", "ben", ""]);
    expect(clock.timers.size).toBe(0);
  });

  it("that are over already are none", () => {
    expect(follow(new Clock(), { ann: -1, ben: 0 }).told).toEqual([""]);
  });

  it("may be longer than the longest timer of a browser", () => {
    const DAY_MS = 24 * 60 * 60_000;
    const clock = new Clock();
    const { told } = follow(clock, { ann: 30 * DAY_MS });
    clock.pass(29 * DAY_MS);
    expect(told.at(-1)).toBe("ann");
    // Once at first, and once when the longest timer went off.
    expect(told).toHaveLength(2);
    clock.pass(DAY_MS);
    expect(told.at(-1)).toBe("");
  });

  it("are followed no more when others are known", () => {
    const clock = new Clock();
    const { told, stop } = follow(clock, { ann: 3_000 });
    stop();
    clock.pass(10_000);
    expect(told).toEqual(["ann"]);
  });
});

import { setTimeout as sleep } from "node:timers/promises";
import { SentenceError } from "./sentence.ts";

/** How often a condition is asked for. */
const POLL_INTERVAL_MS = 50;

/**
 * Waits until a condition of another process holds, by asking.
 * @throws {SentenceError} naming what did not come in time
 */
export async function poll(
  withinMs: number,
  what: string,
  holds: () => Promise<boolean> | boolean,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) {
      throw new SentenceError(`Waited ${withinMs / 1000} s in vain for ${what}.`);
    }
    await sleep(POLL_INTERVAL_MS);
  }
}

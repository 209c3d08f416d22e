/** The link's latency is the median of so many of its last pings: one slow answer changes nothing. */
const PINGS = 5;

/** After it was told once it is told at most this often: telling wakes the host's object. */
const TELL_INTERVAL_MS = 5 * 60_000;

/** It is told again when it has changed by so much, both as a ratio and in milliseconds. */
const TOLD_CHANGE_RATIO = 1.25;
const TOLD_CHANGE_MS = 5;

/** What the edge has to know of a link's latency, and when. */
export class Latency {
  readonly #last: number[] = [];
  #told: { ms: number; at: number } | null = null;

  /**
   * Notes how long the edge took to answer a ping.
   * @param now in ms, of any clock that does not jump
   * @returns the latency in ms that the edge is to be told, or null if it need not be
   */
  add(ms: number, now: number): number | null {
    this.#last.push(ms);
    if (this.#last.length > PINGS) this.#last.shift();
    const sorted = this.#last.toSorted((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)] ?? ms;
    if (this.#told && !isWorthTelling(this.#told, median, now)) return null;
    this.#told = { ms: median, at: now };
    return Math.round(median * 10) / 10;
  }
}

function isWorthTelling(told: { ms: number; at: number }, ms: number, now: number): boolean {
  if (now - told.at < TELL_INTERVAL_MS) return false;
  const [less = 0, more = 0] = [told.ms, ms].sort((a, b) => a - b);
  return more - less >= TOLD_CHANGE_MS && more >= less * TOLD_CHANGE_RATIO;
}

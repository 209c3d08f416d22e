import { CHAT_BURST, CHAT_RATE_PER_S } from "../../protocol/limits.ts";

/** Half of what a room takes from one person: their other tabs say something, too. */
const BURST_MESSAGES = CHAT_BURST / 2;
const RATE_PER_S = CHAT_RATE_PER_S / 2;

/** How fast a page says things to its room, so that none is refused as too fast: a token bucket. */
export class Pace {
  #left = BURST_MESSAGES;
  #at = 0;

  /**
   * @param now in ms
   * @returns in how many ms the next one may be said; 0 for now
   */
  waitMs(now: number): number {
    // A clock that was set back gives nothing, and takes nothing.
    const earned = (Math.max(0, now - this.#at) / 1000) * RATE_PER_S;
    this.#left = Math.min(BURST_MESSAGES, this.#left + earned);
    this.#at = now;
    return this.#left >= 1 ? 0 : Math.ceil(((1 - this.#left) / RATE_PER_S) * 1000);
  }

  /** One was said. */
  took(): void {
    this.#left -= 1;
  }
}

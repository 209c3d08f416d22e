import { backoffMs } from "../viewer/backoff.ts";

/** The clock of a page, and the chance that keeps pages apart. */
export type LookClock = {
  random(): number;
  setTimer(run: () => void, ms: number): number;
  clearTimer(timer: number): void;
};

type Surroundings = LookClock & {
  /** Between two looks: what changes meanwhile is read together. */
  paceMs: number;
  /** Nobody sees it: what is stale is remembered, and read when somebody looks. */
  isUnseen(): boolean;
  read(signal: AbortSignal): Promise<void>;
  /** After each read that succeeded: when to look again though nothing was told; null for never. */
  againInMs?(): number | null;
  /** @returns the sentence for a person; null if the page is being left for it */
  explain(error: unknown): string | null;
  /** @param problem why the last look failed; null if it did not */
  onLooked(problem: string | null): void;
};

/**
 * Reads what a page shows whenever that is stale. One look at a time: an answer is never older than
 * the one before it, and what changes meanwhile is in the next.
 */
export class Looks {
  readonly #around: Surroundings;
  #isStale = false;
  #looking: AbortController | null = null;
  #timer: number | null = null;
  /** Whether what is waited for is only {@link Surroundings.againInMs}. */
  #isIdle = false;
  /** How many looks in a row have failed. */
  #failures = 0;
  #isStopped = false;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Something is not what it was: it is read with what else changes in this moment. */
  changed(): void {
    this.#isStale = true;
    // Nor does a change bring an edge back that could not be asked.
    if (this.#looking || (this.#timer !== null && !this.#isIdle)) return;
    this.#wait(this.#around.paceMs);
  }

  /** Reads anew: somebody waits for it. */
  anew(): void {
    this.#isStale = true;
    this.look();
  }

  /** Reads anew what is being read now: it is no longer what is wanted. */
  instead(): void {
    this.#looking?.abort();
    this.anew();
  }

  /** Reads now what is stale: somebody looks at the page again. */
  look(): void {
    if (this.#looking || this.#isStopped) return;
    this.#clearTimer();
    void this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    this.#clearTimer();
    this.#looking?.abort();
  }

  async #run(): Promise<void> {
    const around = this.#around;
    if (!this.#isStale || around.isUnseen()) return;
    this.#isStale = false;
    const mine = new AbortController();
    this.#looking = mine;
    let wait = around.paceMs;
    try {
      await around.read(mine.signal);
      this.#failures = 0;
      around.onLooked(null);
    } catch (error) {
      this.#isStale = true;
      if (mine.signal.aborted) wait = 0;
      else {
        const problem = around.explain(error);
        if (problem === null) return;
        around.onLooked(problem);
        wait = backoffMs(this.#failures, around.random(), false);
        this.#failures += 1;
      }
    } finally {
      this.#looking = null;
    }
    if (this.#isStale) return this.#wait(wait);
    const again = around.againInMs?.() ?? null;
    if (again === null) return;
    this.#isStale = true;
    this.#wait(again);
    this.#isIdle = true;
  }

  #wait(ms: number): void {
    if (this.#isStopped) return;
    this.#clearTimer();
    this.#isIdle = false;
    this.#timer = this.#around.setTimer(() => {
      this.#timer = null;
      void this.#run();
    }, ms);
  }

  #clearTimer(): void {
    if (this.#timer !== null) this.#around.clearTimer(this.#timer);
    this.#timer = null;
  }
}

import type { Batch, Host } from "../../protocol/api.ts";
import type { Change } from "../../protocol/events.ts";
import type { Tagged } from "../call.ts";
import { backoffMs } from "../viewer/backoff.ts";
import { concerns } from "./batch-view.ts";

/** Between two looks: what changes of hundreds of jobs meanwhile is read together. */
export const PACE_MS = 400;

/**
 * How often a batch is looked at while jobs of it start: a session tells of its change a moment
 * before the batch has it, and what was read in that moment would stay.
 */
export const UNDER_WAY_MS = 5_000;

/** What the page of a batch shows. It stays while the edge cannot be asked. */
export type BatchState = {
  /** null until the first answer. */
  batch: Batch | null;
  isMissing: boolean;
  /** All hosts, read while jobs wait for one; null before that. */
  hosts: Host[] | null;
  /** Whether who looks may end jobs. */
  operates: boolean;
  /** Why the last look failed, in a sentence. */
  problem: string | null;
};

type Surroundings = {
  batchId: string;
  reads: {
    mayOperate(signal: AbortSignal): Promise<boolean>;
    /** "missing" if there is no such batch. */
    batch(
      etag: string | null,
      signal: AbortSignal,
    ): Promise<Tagged<Batch> | "unchanged" | "missing">;
    hosts(signal: AbortSignal): Promise<Host[]>;
  };
  onState(state: BatchState): void;
  /** @returns the sentence for a person; null if the page is being left for it */
  explain(error: unknown): string | null;
  isHidden(): boolean;
  random(): number;
  setTimer(run: () => void, ms: number): number;
  clearTimer(timer: number): void;
};

/** A batch, kept as the edge has it: one look at a time, and again for what changed meanwhile. */
export class LiveBatch {
  readonly #around: Surroundings;
  #state: BatchState = {
    batch: null,
    isMissing: false,
    hosts: null,
    operates: false,
    problem: null,
  };
  #operates: boolean | null = null;
  #etag: string | null = null;
  #isStale = false;
  #areHostsStale = true;
  #looking: AbortController | null = null;
  #timer: number | null = null;
  #failures = 0;
  #isStopped = false;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Reads it all anew: changes may have been missed, or something was done from here. */
  refresh(): void {
    this.#isStale = true;
    this.#areHostsStale = true;
    this.#look(0);
  }

  /** Something is not what it was, as the edge told it. */
  note(change: Pick<Change, "kind" | "id" | "change">): void {
    const jobs = this.#state.batch?.jobs ?? [];
    if (!concerns(change, this.#around.batchId, jobs)) return;
    this.#isStale = true;
    if (change.kind === "host") this.#areHostsStale = true;
    this.#look(PACE_MS);
  }

  /** Reads what is stale now: somebody looks at the page again. */
  look(): void {
    if (this.#isUnderWay) this.#isStale = true;
    this.#look(0);
  }

  stop(): void {
    this.#isStopped = true;
    this.#clearTimer();
    this.#looking?.abort();
  }

  get #isUnderWay(): boolean {
    const jobs = this.#state.batch?.jobs ?? [];
    return jobs.some(({ status }) => status === "queued" || status === "starting");
  }

  #look(ms: number): void {
    if (this.#looking || this.#isStopped || this.#state.isMissing) return;
    this.#clearTimer();
    if (ms === 0) void this.#run();
    else this.#wait(ms);
  }

  #wait(ms: number): void {
    this.#timer = this.#around.setTimer(() => {
      this.#timer = null;
      void this.#run();
    }, ms);
  }

  async #run(): Promise<void> {
    // Nobody sees it: what is stale is remembered, and read when somebody looks.
    if (this.#around.isHidden() && this.#state.batch !== null) return;
    if (!this.#isStale) return;
    this.#isStale = false;
    const mine = new AbortController();
    this.#looking = mine;
    let wait = PACE_MS;
    try {
      await this.#read(mine.signal);
      this.#failures = 0;
      this.#show({ problem: null });
    } catch (error) {
      if (mine.signal.aborted) return;
      const problem = this.#around.explain(error);
      if (problem === null) return;
      this.#isStale = true;
      this.#show({ problem });
      wait = backoffMs(this.#failures, this.#around.random(), false);
      this.#failures += 1;
    } finally {
      this.#looking = null;
    }
    if (this.#isStopped || this.#state.isMissing) return;
    if (!this.#isStale && this.#isUnderWay) {
      this.#isStale = true;
      wait = UNDER_WAY_MS;
    }
    if (this.#isStale) this.#wait(wait);
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { reads } = this.#around;
    this.#operates ??= await reads.mayOperate(signal);
    const found = await reads.batch(this.#etag, signal);
    if (found === "missing") return this.#show({ isMissing: true });
    if (found !== "unchanged") {
      this.#etag = found.etag;
      this.#show({ batch: found.item, operates: this.#operates });
    }
    const isWaiting = this.#state.batch?.jobs.some(({ status }) => status === "queued");
    if (!isWaiting || !this.#areHostsStale) return;
    const hosts = await reads.hosts(signal);
    this.#areHostsStale = false;
    this.#show({ hosts });
  }

  #show(news: Partial<BatchState>): void {
    this.#state = { ...this.#state, ...news };
    this.#around.onState(this.#state);
  }

  #clearTimer(): void {
    if (this.#timer !== null) this.#around.clearTimer(this.#timer);
    this.#timer = null;
  }
}

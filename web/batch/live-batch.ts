import type { Batch, Host } from "../../protocol/api.ts";
import type { Change } from "../../protocol/events.ts";
import type { Tagged } from "../call.ts";
import { type LookClock, Looks } from "../feed/looks.ts";
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

type Surroundings = LookClock & {
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
};

/** A batch, kept as the edge has it. */
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
  #areHostsStale = true;
  readonly #looks: Looks;

  constructor(around: Surroundings) {
    this.#around = around;
    const { explain, random, setTimer, clearTimer } = around;
    this.#looks = new Looks({
      ...{ explain, random, setTimer, clearTimer },
      paceMs: PACE_MS,
      isUnseen: () => around.isHidden() && this.#state.batch !== null,
      read: (signal) => this.#read(signal),
      againInMs: () => (this.#isUnderWay ? UNDER_WAY_MS : null),
      onLooked: (problem) => this.#show({ problem }),
    });
  }

  /** Reads it all anew: changes may have been missed, or something was done from here. */
  refresh(): void {
    this.#areHostsStale = true;
    this.#looks.anew();
  }

  /** Something is not what it was, as the edge told it. */
  note(change: Pick<Change, "kind" | "id" | "change">): void {
    const jobs = this.#state.batch?.jobs ?? [];
    if (!concerns(change, this.#around.batchId, jobs)) return;
    if (change.kind === "host") this.#areHostsStale = true;
    this.#looks.changed();
  }

  /** Reads now what is stale: somebody looks at the page again. */
  look(): void {
    this.#looks.look();
  }

  stop(): void {
    this.#looks.stop();
  }

  get #isUnderWay(): boolean {
    const jobs = this.#state.batch?.jobs ?? [];
    return jobs.some(({ status }) => status === "queued" || status === "starting");
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { reads } = this.#around;
    this.#operates ??= await reads.mayOperate(signal);
    const found = await reads.batch(this.#etag, signal);
    if (found === "missing") {
      this.#looks.stop();
      return this.#show({ isMissing: true });
    }
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
}

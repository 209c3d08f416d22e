import { describeError, log } from "../log.ts";

/** What one of those who are told of an object does not know yet. `Row` is what is stored of it. */
type News<Row> = {
  /** Tells it. @throws {Error} if that cannot be told; it stays to be */
  deliver(row: Row): Promise<void>;
  isPending(row: Row): boolean;
};

/** @property nextAlarm when the alarm rings next once all is told, in ms since the epoch; null if it need not */
type Told<Row> = {
  find(): Row | undefined;
  news: readonly News<Row>[];
  nextAlarm(row: Row): number | null;
};

/**
 * Has an object tell what it has to tell: at once, and by its alarm until it is told. The alarm is
 * set with the change, in the same turn, so that the news outlives the object's memory.
 */
export class Telling<Row> {
  readonly #ctx: DurableObjectState;
  readonly #kind: "session" | "host";
  readonly #told: Told<Row>;

  /** @param kind what the object is, for the log */
  constructor(ctx: DurableObjectState, kind: "session" | "host", told: Told<Row>) {
    this.#ctx = ctx;
    this.#kind = kind;
    this.#told = told;
  }

  /** There is something to tell: now, and by alarm if this object goes before all is told. */
  tell(): void {
    this.tellSoon();
    this.#ctx.waitUntil(this.deliver());
  }

  /** There is something to tell that can wait, or that whoever calls this has told in a moment. */
  tellSoon(): void {
    this.#ctx.storage.setAlarm(Date.now() + RETRY_MS);
  }

  /** Tells what there is. Does not fail: what could not be told is tried again by alarm. */
  async deliver(): Promise<void> {
    const { find, news } = this.#told;
    const row = find();
    if (!row) return;
    try {
      await Promise.all(news.map((part) => part.deliver(row)));
      await this.#setAlarm();
    } catch (error) {
      const id = this.#ctx.id.name;
      log(`${this.#kind}.deliver_failed`, { [this.#kind]: id, error: describeError(error) });
      if (find()) await this.#ctx.storage.setAlarm(Date.now() + RETRY_MS);
    }
  }

  /** The one alarm is for whatever is due first, more news too: some came up while the rest was told. */
  async #setAlarm(): Promise<void> {
    const { find, news, nextAlarm } = this.#told;
    const row = find();
    if (!row) return;
    const due = nextAlarm(row) ?? Infinity;
    const isPending = news.some((part) => part.isPending(row));
    const next = isPending ? Math.min(due, Date.now() + RETRY_MS) : due;
    const { storage } = this.#ctx;
    await (next === Infinity ? storage.deleteAlarm() : storage.setAlarm(next));
  }
}

/** How soon others are told again when they could not be. */
const RETRY_MS = 5_000;

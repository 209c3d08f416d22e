import { RpcTarget } from "cloudflare:workers";
import type { Feed } from "./feed.ts";

/** How long the name of a batch is remembered: a session tells it again until it was answered. */
const BATCH_MEMORY_MS = 24 * 60 * 60_000;

/** What came of connections of all sessions, counted from the edge's first day on. */
export class Activity extends RpcTarget {
  readonly #sql: SqlStorage;
  readonly #feed: Feed;

  constructor(sql: SqlStorage, feed: Feed) {
    super();
    this.#sql = sql;
    this.#feed = feed;
  }

  /** Takes a batch of a session's counts, once, however often it is told. */
  put(sessionId: string, { batch, counts }: ActivityBatch): void {
    const now = Date.now();
    this.#sql.exec("DELETE FROM activity_batches WHERE at < ?", now - BATCH_MEMORY_MS);
    const take = "INSERT OR IGNORE INTO activity_batches (batch, at) VALUES (?, ?)";
    if (this.#sql.exec(take, batch, now).rowsWritten === 0) return;
    for (const { kind, count } of counts) {
      this.#sql.exec(
        `INSERT INTO activity (kind, count) VALUES (?, ?)
         ON CONFLICT (kind) DO UPDATE SET count = count + excluded.count`,
        kind,
        count,
      );
    }
    const viewersChanged = counts.some(({ kind }) => kind === "opened" || kind === "closed");
    if (viewersChanged) this.#feed.addSession(sessionId, "viewers");
  }

  /** All counts so far. */
  counts(): { kind: string; count: number }[] {
    const query = "SELECT kind, count FROM activity ORDER BY kind";
    return this.#sql.exec<{ kind: string; count: number }>(query).toArray();
  }
}

/** A stream that opened, one that closed, or a viewer who was closed with that code before. */
export type ActivityKind = "opened" | "closed" | `${number}`;

/** `batch` is a random name. */
export type ActivityBatch = { batch: string; counts: { kind: ActivityKind; count: number }[] };

export const ACTIVITY_COUNTS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS activity (kind TEXT PRIMARY KEY, count INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS activity_batches (batch TEXT PRIMARY KEY, at INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS activity_batches_by_age ON activity_batches (at);
`;

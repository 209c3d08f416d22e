import { randomId } from "../../../protocol/ids.ts";
import { type Env, registry } from "../../env.ts";
import { OneRun } from "../one-run.ts";
import type { ActivityBatch, ActivityKind } from "../registry/activity.ts";
import { oneRow } from "../storage.ts";

/**
 * What came of those who came to watch, to be told to the registry: how many streams opened and
 * closed, and how many connections ended before that, by close code. Counts are told in batches with
 * a name, so that one that is told twice counts once. A batch that is being told grows no more.
 */
export class Activity {
  readonly #sql: SqlStorage;
  readonly #env: Env;
  #batch = randomId(9);
  readonly #telling = new OneRun();

  constructor(sql: SqlStorage, env: Env) {
    this.#sql = sql;
    this.#env = env;
  }

  /** @returns whether it is the first that waits to be told */
  count(kind: ActivityKind, times = 1): boolean {
    const isFirst = !this.isPending();
    this.#sql.exec(
      `INSERT INTO activity (batch, kind, count) VALUES (?, ?, ?)
       ON CONFLICT (batch, kind) DO UPDATE SET count = count + excluded.count`,
      this.#batch,
      kind,
      times,
    );
    return isFirst;
  }

  isPending(): boolean {
    return this.#sql.exec("SELECT 1 FROM activity LIMIT 1").toArray().length > 0;
  }

  /**
   * Delivers what there is, also what comes meanwhile.
   * @throws {Error} if the registry cannot be reached; what it did not get stays
   */
  deliver({ session_id }: { session_id: string }): Promise<void> {
    return this.#telling.all(() => {
      const next = this.#nextBatch();
      return next && this.#tell(session_id, next);
    });
  }

  async #tell(sessionId: string, next: ActivityBatch): Promise<void> {
    if (next.batch === this.#batch) this.#batch = randomId(9);
    await registry(this.#env).activity.put(sessionId, next);
    this.#sql.exec("DELETE FROM activity WHERE batch = ?", next.batch);
  }

  #nextBatch(): ActivityBatch | null {
    const first = "SELECT batch FROM activity LIMIT 1";
    const batch = oneRow(this.#sql.exec<{ batch: string }>(first))?.batch;
    if (batch === undefined) return null;
    const query = "SELECT kind, count FROM activity WHERE batch = ?";
    const counts = this.#sql.exec<{ kind: ActivityKind; count: number }>(query, batch).toArray();
    return { batch, counts };
  }
}

export const ACTIVITY_SCHEMA = `
  CREATE TABLE IF NOT EXISTS activity (
    batch TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (batch, kind)
  );
`;

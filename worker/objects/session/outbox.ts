import { type Env, registry } from "../../env.ts";
import { AuditOutbox } from "../audit-outbox.ts";
import type { SessionIndexRow } from "../registry/session-index.ts";

/**
 * What a session has to tell the registry: that it changed, for the index, and what happened, for
 * the audit. Written in the same transaction as the change, delivered until the registry has it;
 * delivering twice does no harm.
 */
export class Outbox extends AuditOutbox {
  readonly #sql: SqlStorage;
  readonly #env: Env;

  constructor(sql: SqlStorage, env: Env) {
    super(sql, env);
    this.#sql = sql;
    this.#env = env;
  }

  /**
   * Delivers what there is.
   * @param row the session as the index should have it
   * @throws {Error} if the registry cannot be reached; what it did not get stays
   */
  async deliver(row: SessionIndexRow & { indexed_version: number }): Promise<void> {
    const { session_id, host_id, created_at, ended_at, version, indexed_version } = row;
    if (indexed_version < version) {
      const change = { session_id, host_id, created_at, ended_at, version };
      await registry(this.#env).sessions.put(change);
      this.#sql.exec("UPDATE session SET indexed_version = max(indexed_version, ?)", version);
    }
    await this.deliverLines(session_id);
  }
}

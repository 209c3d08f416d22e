import { type Env, registry } from "../../env.ts";
import { AuditOutbox } from "../audit-outbox.ts";
import { type SessionRow, storedSession } from "./session-row.ts";

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

  /** Whether there is something that the registry does not have. */
  isPending({ version, indexed_version }: SessionRow): boolean {
    return indexed_version < version || this.hasLines();
  }

  /**
   * Delivers what there is.
   * @throws {Error} if the registry cannot be reached; what it did not get stays
   */
  async deliver(row: SessionRow): Promise<void> {
    const { session_id, created_at, version, indexed_version } = row;
    if (indexed_version < version) {
      await registry(this.#env).sessions.put({ created_at, version, session: storedSession(row) });
      this.#sql.exec("UPDATE session SET indexed_version = max(indexed_version, ?)", version);
    }
    await this.deliverLines(session_id);
  }
}

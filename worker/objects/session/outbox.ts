import { type Env, registry } from "../../env.ts";
import { type SessionRow, storedSession } from "./session-row.ts";

/** How many lines of the audit go in one delivery. */
const LINES_A_DELIVERY = 100;

/**
 * What a session has to tell the registry: that it changed, for the index, and what happened, for
 * the audit. Written in the same transaction as the change, delivered until the registry has it;
 * delivering twice does no harm.
 */
export class Outbox {
  readonly #sql: SqlStorage;
  readonly #env: Env;

  constructor(sql: SqlStorage, env: Env) {
    this.#sql = sql;
    this.#env = env;
  }

  /** A line for the audit. */
  record(line: { actor: string; address?: string | null; action: string; detail: string }): void {
    const { actor, address = null, action, detail } = line;
    const query =
      "INSERT INTO audit_outbox (at, actor, address, action, detail) VALUES (?, ?, ?, ?, ?)";
    this.#sql.exec(query, Date.now(), actor, address, action, detail);
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
    const query = "SELECT * FROM audit_outbox ORDER BY id LIMIT ?";
    for (;;) {
      const lines = this.#sql.exec<OutboxLine>(query, LINES_A_DELIVERY).toArray();
      const last = lines.at(-1);
      if (!last) return;
      await registry(this.#env).audit.add(
        lines.map(({ id, ...line }) => ({
          ...line,
          target: session_id,
          key: `${session_id}:${id}`,
        })),
      );
      this.#sql.exec("DELETE FROM audit_outbox WHERE id <= ?", last.id);
    }
  }
}

type OutboxLine = {
  id: number;
  at: number;
  actor: string;
  address: string | null;
  action: string;
  detail: string;
};

export const OUTBOX_SCHEMA = `
  CREATE TABLE audit_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, address TEXT,
    action TEXT NOT NULL, detail TEXT NOT NULL
  );
`;

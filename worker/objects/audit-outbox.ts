import { type Env, registry } from "../env.ts";
import { AuditBounds } from "./audit-bounds.ts";

/** How many lines of the audit go in one delivery. */
const LINES_A_DELIVERY = 100;

/**
 * What an object has to tell the audit. Written with the change, delivered until the registry has
 * it; delivering twice does no harm, since a line has a name.
 */
export class AuditOutbox {
  readonly #sql: SqlStorage;
  readonly #env: Env;
  readonly #bounds: AuditBounds;

  constructor(sql: SqlStorage, env: Env) {
    this.#sql = sql;
    this.#env = env;
    this.#bounds = new AuditBounds(sql);
  }

  /** A line for the audit. */
  record(line: OutgoingLine): void {
    this.#write(line);
  }

  #write(line: OutgoingLine): void {
    const { actor, address = null, action, detail } = line;
    const query =
      "INSERT INTO audit_outbox (at, actor, address, action, detail) VALUES (?, ?, ?, ?, ?)";
    this.#sql.exec(query, Date.now(), actor, address, action, detail);
  }

  /**
   * A line that somebody can cause at will.
   * @param kind what is bounded together, to `max` lines in ten minutes
   * @returns whether there was room for it
   */
  recordBounded(kind: string, max: number, line: OutgoingLine): boolean {
    const note = this.#bounds.admit(kind, max);
    if (note !== null) this.#write({ ...line, detail: line.detail + note });
    return note !== null;
  }

  /** Whether there are lines that the registry does not have. */
  hasLines(): boolean {
    return this.#sql.exec("SELECT 1 FROM audit_outbox LIMIT 1").toArray().length > 0;
  }

  /**
   * Delivers the lines that there are.
   * @param target whose lines these are: the object's id
   * @throws {Error} if the registry cannot be reached; what it did not get stays
   */
  async deliverLines(target: string): Promise<void> {
    const query = "SELECT * FROM audit_outbox ORDER BY id LIMIT ?";
    for (;;) {
      const lines = this.#sql.exec<StoredLine>(query, LINES_A_DELIVERY).toArray();
      const last = lines.at(-1);
      if (!last) return;
      await registry(this.#env).audit.add(
        lines.map(({ id, ...line }) => ({ ...line, target, key: `${target}:${id}` })),
      );
      this.#sql.exec("DELETE FROM audit_outbox WHERE id <= ?", last.id);
    }
  }
}

export type OutgoingLine = {
  actor: string;
  address?: string | null;
  action: string;
  detail: string;
};

type StoredLine = {
  id: number;
  at: number;
  actor: string;
  address: string | null;
  action: string;
  detail: string;
};

export const AUDIT_OUTBOX_SCHEMA = `
  CREATE TABLE IF NOT EXISTS audit_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, address TEXT,
    action TEXT NOT NULL, detail TEXT NOT NULL
  );
`;

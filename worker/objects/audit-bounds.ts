import { oneRow } from "./storage.ts";

/** How long a window is, from a kind's first line on. */
const WINDOW_MS = 10 * 60_000;

/**
 * Bounds the lines of the audit that somebody can cause at will, wrong secrets for one. What is not
 * written is in the log. The table is made when it is first needed: most objects never need it.
 */
export class AuditBounds {
  readonly #sql: SqlStorage;
  #made = false;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /**
   * Asks for room for one more line in this window.
   * @param kind what is bounded together
   * @returns what to add to the line's detail, or null if the line is not to be written
   */
  admit(kind: string, max: number): string | null {
    if (!this.#made) this.#sql.exec(SCHEMA);
    this.#made = true;
    const now = Date.now();
    this.#sql.exec("DELETE FROM audit_bounds WHERE started_at <= ?", now - WINDOW_MS);
    const row = oneRow(
      this.#sql.exec<{ used: number }>(
        `INSERT INTO audit_bounds (kind, started_at, used) VALUES (?, ?, 1)
         ON CONFLICT (kind) DO UPDATE SET used = used + 1 WHERE used < ? RETURNING used`,
        kind,
        now,
        max,
      ),
    );
    if (!row) return null;
    return row.used < max ? "" : MORE;
  }
}

const MORE = " (more like it in these ten minutes are in the log only)";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS audit_bounds (kind TEXT PRIMARY KEY, started_at INTEGER NOT NULL, used INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS audit_bounds_started_at ON audit_bounds (started_at);
`;

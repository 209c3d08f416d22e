import { RpcTarget } from "cloudflare:workers";
import type { AuditEntry, Page } from "../../../protocol/api.ts";
import { rfc3339 } from "../storage.ts";

/** Who did what to what, from where, and when; kept for a set number of days. */
export class Audit extends RpcTarget {
  readonly #sql: SqlStorage;
  readonly #keptDays: number;

  constructor(sql: SqlStorage, keptDays: number) {
    super();
    this.#sql = sql;
    this.#keptDays = keptDays;
  }

  /**
   * Writes lines down. One that has a `key` is written once, however often it is delivered.
   */
  add(lines: readonly NewAuditLine[]): void {
    this.#sql.exec("DELETE FROM audit WHERE at < ?", Date.now() - this.#keptDays * DAY_MS);
    for (const line of lines) {
      this.#sql.exec(
        "INSERT OR IGNORE INTO audit (at, actor, address, action, target, detail, key) VALUES (?, ?, ?, ?, ?, ?, ?)",
        line.at ?? Date.now(),
        line.actor,
        line.address ?? null,
        line.action,
        line.target ?? null,
        line.detail?.slice(0, MAX_DETAIL_CHARACTERS) ?? null,
        line.key ?? null,
      );
    }
  }

  /** The newest lines before a cursor. */
  page(before: number | null, limit: number): Page<AuditEntry> {
    const rows = this.#sql
      .exec<AuditRow>(
        "SELECT * FROM audit WHERE audit_id < ? ORDER BY audit_id DESC LIMIT ?",
        before ?? Number.MAX_SAFE_INTEGER,
        limit + 1,
      )
      .toArray();
    const items = rows.slice(0, limit).map((row) => ({
      audit_id: row.audit_id,
      at: rfc3339(row.at),
      actor: row.actor,
      address: row.address,
      action: row.action,
      target: row.target,
      detail: row.detail,
    }));
    const last = items.at(-1);
    return { items, next_cursor: rows.length > limit && last ? String(last.audit_id) : null };
  }
}

/** Who did what was refused: they could not say who they are. */
export const NOBODY = "nobody";

const DAY_MS = 24 * 60 * 60_000;

const MAX_DETAIL_CHARACTERS = 300;

/** @see AuditEntry; `at` in ms since the epoch, now if it is not given */
export type NewAuditLine = {
  at?: number;
  actor: string;
  address?: string | null;
  action: string;
  target?: string | null;
  detail?: string | null;
  /** Names a line that may be delivered more than once. */
  key?: string;
};

type AuditRow = {
  audit_id: number;
  at: number;
  actor: string;
  address: string | null;
  action: string;
  target: string | null;
  detail: string | null;
};

export const AUDIT_SCHEMA = `
  CREATE TABLE IF NOT EXISTS audit (
    audit_id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, address TEXT,
    action TEXT NOT NULL, target TEXT, detail TEXT, key TEXT UNIQUE
  );
  CREATE INDEX IF NOT EXISTS audit_at ON audit (at);
`;

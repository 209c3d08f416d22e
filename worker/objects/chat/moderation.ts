import { hasTable, oneRow } from "../storage.ts";

/**
 * Whom staff has muted, or removed from a room, and until when. The table is made when somebody
 * first is: most rooms never need it.
 */
export class Moderation {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = hasTable(sql, "barred");
  }

  /** @param seconds from now; 0 ends it */
  bar(member: string, how: Bar, seconds: number): void {
    if (!this.#exists) this.#sql.exec(SCHEMA);
    this.#exists = true;
    const now = Date.now();
    this.#sql.exec("DELETE FROM barred WHERE until <= ?", now);
    this.#sql.exec(
      "INSERT OR REPLACE INTO barred (member, how, until) VALUES (?, ?, ?)",
      member,
      how,
      now + seconds * 1000,
    );
  }

  /** Until when anybody of these is removed, in ms since the epoch; null if nobody is. */
  removedUntil(members: readonly string[]): number | null {
    const times = members.map((member) => this.barredUntil(member, "removed") ?? 0);
    return Math.max(0, ...times) || null;
  }

  /** Until when somebody is, in ms since the epoch; null if they are not. */
  barredUntil(member: string, how: Bar): number | null {
    if (!this.#exists) return null;
    const query = "SELECT until FROM barred WHERE member = ? AND how = ? AND until > ?";
    const row = oneRow(this.#sql.exec<{ until: number }>(query, member, how, Date.now()));
    return row?.until ?? null;
  }
}

export type Bar = "muted" | "removed";

const SCHEMA = `
  CREATE TABLE barred (
    member TEXT NOT NULL, how TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (member, how)
  );
`;

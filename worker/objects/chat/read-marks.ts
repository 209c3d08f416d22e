import type { ReadMark } from "../../../protocol/chat.ts";
import { hasTable } from "../storage.ts";

/** How many people's marks a member is told at once: their own, and those who read last. */
const TOLD_MARKS = 100;

/** How far each person has read. A mark never goes back. */
export class ReadMarks {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = hasTable(sql, "reads");
  }

  /** @returns whether that is further than before */
  move(member: string, seq: number): boolean {
    if (!this.#exists) this.#sql.exec(SCHEMA);
    this.#exists = true;
    const query = `INSERT INTO reads (member, seq) VALUES (?, ?)
       ON CONFLICT (member) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > reads.seq`;
    return this.#sql.exec(query, member, seq).rowsWritten > 0;
  }

  /** What a member is told: their own, whatever it is, and those of others. */
  list(member: string): ReadMark[] {
    if (!this.#exists) return [];
    const query = "SELECT member, seq FROM reads ORDER BY member = ? DESC, seq DESC LIMIT ?";
    return this.#sql.exec<ReadMark>(query, member, TOLD_MARKS).toArray();
  }
}

const SCHEMA = "CREATE TABLE reads (member TEXT PRIMARY KEY, seq INTEGER NOT NULL)";

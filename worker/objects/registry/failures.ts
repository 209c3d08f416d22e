import { RpcTarget } from "cloudflare:workers";
import { oneRow } from "../storage.ts";

/** This many wrong secrets from one address are heard; then none for the rest of the window. */
export const MAX_FAILURES = 20;

/** How long a window is, from the first failure on. */
const FAILURE_WINDOW_MS = 10 * 60_000;

/** The hard bound on guessing: wrong sign-ins, joins and links, counted per address. */
export class Failures extends RpcTarget {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    super();
    this.#sql = sql;
  }

  /** Whether an address has guessed too often; what it says now is not even looked at. */
  isShutOut(address: string): boolean {
    const query = "SELECT count FROM failures WHERE address = ? AND started_at > ?";
    const since = Date.now() - FAILURE_WINDOW_MS;
    const row = oneRow(this.#sql.exec<{ count: number }>(query, address, since));
    return row !== undefined && row.count >= MAX_FAILURES;
  }

  add(address: string): void {
    const now = Date.now();
    this.#sql.exec("DELETE FROM failures WHERE started_at <= ?", now - FAILURE_WINDOW_MS);
    this.#sql.exec(
      `INSERT INTO failures (address, count, started_at) VALUES (?, 1, ?)
       ON CONFLICT (address) DO UPDATE SET count = count + 1`,
      address,
      now,
    );
  }
}

export const FAILURES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS failures (address TEXT PRIMARY KEY, count INTEGER NOT NULL, started_at INTEGER NOT NULL);
`;

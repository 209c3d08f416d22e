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

  /**
   * Hears a guess, and counts a wrong one.
   * @returns false for an address that guessed wrong too often: it is told nothing, right or wrong
   */
  hear(address: string, right: boolean): boolean {
    const query = "SELECT count FROM failures WHERE address = ? AND started_at > ?";
    const since = Date.now() - FAILURE_WINDOW_MS;
    const row = oneRow(this.#sql.exec<{ count: number }>(query, address, since));
    if (row !== undefined && row.count >= MAX_FAILURES) return false;
    if (!right) this.#add(address);
    return true;
  }

  #add(address: string): void {
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

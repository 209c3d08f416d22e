import { RpcTarget } from "cloudflare:workers";
import { log } from "../../log.ts";
import { AuditBounds } from "../audit-bounds.ts";
import { oneRow } from "../storage.ts";
import { type Audit, NOBODY } from "./audit.ts";

/** This many wrong secrets from one address are heard; then none for the rest of the window. */
export const MAX_FAILURES = 20;

/** How long a window is, from the first failure on. */
const FAILURE_WINDOW_MS = 10 * 60_000;

/** Refused attempts of all addresses together have so many lines of the audit in ten minutes. */
const MAX_REFUSAL_LINES = 100;

/**
 * The hard bound on guessing: wrong sign-ins, joins and links, counted per address. Of each address
 * the audit gets the first wrong secret of a kind, and that it was shut out.
 */
export class Failures extends RpcTarget {
  readonly #sql: SqlStorage;
  readonly #audit: Audit;

  constructor(sql: SqlStorage, audit: Audit) {
    super();
    this.#sql = sql;
    this.#audit = audit;
  }

  /**
   * Hears a guess, and counts a wrong one.
   * @returns false for an address that guessed wrong too often: it is told nothing, right or wrong
   */
  hear(guess: Guess): boolean {
    const query = "SELECT count FROM failures WHERE address = ? AND started_at > ?";
    const since = Date.now() - FAILURE_WINDOW_MS;
    const row = oneRow(this.#sql.exec<{ count: number }>(query, guess.counted, since));
    if (row !== undefined && row.count >= MAX_FAILURES) return false;
    if (!guess.right) this.#add(guess);
    return true;
  }

  #add({ counted, address, kind }: Guess): void {
    const now = Date.now();
    this.#sql.exec("DELETE FROM failures WHERE started_at <= ?", now - FAILURE_WINDOW_MS);
    const { count } = this.#sql
      .exec<{ count: number }>(
        `INSERT INTO failures (address, count, started_at) VALUES (?, 1, ?)
         ON CONFLICT (address) DO UPDATE SET count = count + 1 RETURNING count`,
        counted,
        now,
      )
      .one();
    log("secret.refused", { kind, address, count });
    const bounds = new AuditBounds(this.#sql);
    const isFirst = bounds.admit(`${kind} ${counted}`, 1) !== null;
    if (isFirst) this.#record(bounds, address, `${kind}.refused`, "a wrong secret");
    if (count < MAX_FAILURES) return;
    const detail = `${MAX_FAILURES} wrong secrets from ${counted}, the last for ${kind}`;
    this.#record(bounds, address, "address.shut_out", detail);
  }

  #record(bounds: AuditBounds, address: string, action: string, detail: string): void {
    const note = bounds.admit("refusals", MAX_REFUSAL_LINES);
    if (note !== null) this.#audit.add([{ actor: NOBODY, address, action, detail: detail + note }]);
  }
}

/** What a secret was said for. */
export type GuessKind = "login" | "token" | "join" | "link";

/** `counted` is what counts as one address; `address` is where exactly it came from. */
export type Guess = { counted: string; address: string; kind: GuessKind; right: boolean };

export const FAILURES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS failures (address TEXT PRIMARY KEY, count INTEGER NOT NULL, started_at INTEGER NOT NULL);
`;

import { oneRow } from "../storage.ts";

/**
 * The streams that an agent was asked for and that are not known to be over, each with its session.
 * A row goes when the session has been told, so that what could not be told is told again.
 */
export class AskedStreams {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  add(stream: string, session: string): void {
    const query = "INSERT INTO streams (stream, session, asked_at) VALUES (?, ?, ?)";
    this.#sql.exec(query, stream, session, Date.now());
  }

  sessionOf(stream: string): string | undefined {
    const query = "SELECT session FROM streams WHERE stream = ?";
    return oneRow(this.#sql.exec<{ session: string }>(query, stream))?.session;
  }

  markOpened(stream: string): void {
    this.#sql.exec("UPDATE streams SET opened = 1 WHERE stream = ?", stream);
  }

  forget(stream: string): void {
    this.#sql.exec("DELETE FROM streams WHERE stream = ?", stream);
  }

  all(): AskedStream[] {
    return this.#sql.exec<AskedStream>("SELECT * FROM streams").toArray();
  }

  count(): number {
    return this.#sql.exec<{ n: number }>("SELECT count(*) AS n FROM streams").one().n;
  }
}

/** `asked_at` in ms since the epoch; `opened` is 1 once the agent said so. */
type AskedStream = { stream: string; session: string; asked_at: number; opened: number };

export const ASKED_STREAMS_SCHEMA = `
  CREATE TABLE streams (
    stream TEXT PRIMARY KEY, session TEXT NOT NULL, asked_at INTEGER NOT NULL,
    opened INTEGER NOT NULL DEFAULT 0
  );
`;

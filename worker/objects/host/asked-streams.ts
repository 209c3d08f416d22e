import type { Clipboard, ControlMode, Role } from "../../../protocol/link.ts";
import { addMissingColumns, hasTable, oneRow } from "../storage.ts";

/**
 * The streams that an agent was asked for and that are not known to be over, each with its session.
 * A row goes when the session has been told, so that what could not be told is told again.
 */
export class AskedStreams {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    // Older hosts were made without.
    if (hasTable(sql, "streams")) addMissingColumns(sql, "streams", ...LATER_COLUMNS);
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

  /** Notes the role that a stream has from now on, where it is another than it was opened with. */
  setRole(stream: string, role: Role): void {
    this.#sql.exec(ROLES_SCHEMA);
    const query = `INSERT OR REPLACE INTO stream_roles (stream, role)
       SELECT stream, ? FROM streams WHERE stream = ?`;
    this.#sql.exec(query, role, stream);
  }

  /** The streams whose role changed, those that lost control first. */
  changedRoles(): StreamRole[] {
    if (!hasTable(this.#sql, "stream_roles")) return [];
    const query = "SELECT stream, role FROM stream_roles ORDER BY role DESC";
    return this.#sql.exec<StreamRole>(query).toArray();
  }

  /** It is over, which its session has to be told. @param code if it failed before it was served */
  setOver(stream: string, reason: string, code: number | null): OverStream | undefined {
    const query = `UPDATE streams SET over = ?, over_code = ?, over_at = ? WHERE stream = ?
       RETURNING stream, session, over, over_code`;
    return oneRow(this.#sql.exec<OverStream>(query, reason, code, Date.now(), stream));
  }

  /** Those that are over since that time, in ms since the epoch. */
  over(since: number): OverStream[] {
    const query = "SELECT stream, session, over, over_code FROM streams WHERE over_at > ?";
    return this.#sql.exec<OverStream>(query, since).toArray();
  }

  forget(stream: string): void {
    this.#sql.exec("DELETE FROM streams WHERE stream = ?", stream);
    if (!hasTable(this.#sql, "stream_roles")) return;
    this.#sql.exec("DELETE FROM stream_roles WHERE stream = ?", stream);
  }

  all(): AskedStream[] {
    return this.#sql.exec<AskedStream>("SELECT * FROM streams").toArray();
  }

  /** How many streams each session has open. */
  countOpened(): Map<string, number> {
    const query = "SELECT session, count(*) AS n FROM streams WHERE opened = 1 GROUP BY session";
    const rows = this.#sql.exec<{ session: string; n: number }>(query).toArray();
    return new Map(rows.map(({ session, n }) => [session, n]));
  }

  count(): number {
    return this.#sql.exec<{ n: number }>("SELECT count(*) AS n FROM streams").one().n;
  }
}

/** What a host is asked for a viewer. `token` opens the agent's side of the stream, once. */
export type OpenStream = {
  stream: string;
  token: string;
  role: Role;
  /** Whether it is for an operator or admin, for whom a host's last places are. */
  staff: boolean;
  session: string;
  port: number;
  /** Which of the host's own addresses; absent is loopback. */
  address?: string;
  control: ControlMode;
  clipboard: Clipboard;
  password?: string;
};
/** The role that a stream has. */
export type StreamRole = { stream: string; role: Role };

/** `asked_at` in ms since the epoch; `opened` is 1 once the agent said so. */
type AskedStream = { stream: string; session: string; asked_at: number; opened: number };

/** One that is over, and why; `over_code` is null if it was closed, and did not fail. */
export type OverStream = {
  stream: string;
  session: string;
  over: string;
  over_code: number | null;
};

const LATER_COLUMNS = ["over TEXT", "over_code INTEGER", "over_at INTEGER"];

export const ASKED_STREAMS_SCHEMA = `
  CREATE TABLE streams (
    stream TEXT PRIMARY KEY, session TEXT NOT NULL, asked_at INTEGER NOT NULL,
    opened INTEGER NOT NULL DEFAULT 0, ${LATER_COLUMNS.join(", ")}
  );
`;

/** Made when a role first changes: most hosts, and those from before there were roles, have none. */
const ROLES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS stream_roles (stream TEXT PRIMARY KEY, role TEXT NOT NULL);
`;

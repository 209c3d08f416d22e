import type { Role } from "../../../protocol/link.ts";
import type { StreamRole } from "../host/asked-streams.ts";
import { oneRow } from "../storage.ts";

/**
 * The streams of a session that run, each with three roles: the highest that its credential allows,
 * the one that it has, and the one that its host was last told.
 */
export class OpenStreams {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** @param told the role that its agent was asked for it with */
  add(stream: NewStream, role: Role, told: Role): void {
    this.#sql.exec(
      `INSERT INTO streams (stream, member, allowed, role, told, name, via, opened_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      stream.stream,
      stream.member,
      stream.allowed,
      role,
      told,
      stream.name,
      stream.via,
      Date.now(),
    );
    this.#sql.exec("UPDATE presence SET empty_since = NULL");
  }

  /** @returns whose it was, if it was open */
  remove(stream: string): { via: string } | undefined {
    const query = "DELETE FROM streams WHERE stream = ? RETURNING via";
    const removed = oneRow(this.#sql.exec<{ via: string }>(query, stream));
    if (removed) this.#noteEmpty();
    return removed;
  }

  /** @returns those that were open, and whose they were */
  clear(): { stream: string; via: string }[] {
    const query = "DELETE FROM streams RETURNING stream, via";
    const removed = this.#sql.exec<{ stream: string; via: string }>(query).toArray();
    this.#noteEmpty();
    return removed;
  }

  /** Since when there is none, in ms since the epoch; null while there are, and before the first. */
  emptySince(): number | null {
    const query = "SELECT empty_since FROM presence";
    return this.#sql.exec<{ empty_since: number | null }>(query).one().empty_since;
  }

  #noteEmpty(): void {
    const query = "UPDATE presence SET empty_since = ? WHERE NOT EXISTS (SELECT 1 FROM streams)";
    this.#sql.exec(query, Date.now());
  }

  /** The streams that are open; those of one credential, if it is named. */
  list(via?: string): string[] {
    const query = "SELECT stream FROM streams WHERE ? IS NULL OR via = ?";
    const rows = this.#sql.exec<{ stream: string }>(query, via ?? null, via ?? null).toArray();
    return rows.map(({ stream }) => stream);
  }

  /** The highest role that a person's open streams allow; null if they have none. */
  allowedTo(member: string): Role | null {
    const query = "SELECT min(allowed) AS allowed FROM streams WHERE member = ?"; // control < view
    return this.#sql.exec<{ allowed: Role | null }>(query, member).one().allowed;
  }

  /** The credential that a person came in by last. */
  viaOf(member: string): string | undefined {
    const query = "SELECT via FROM streams WHERE member = ? ORDER BY opened_at DESC LIMIT 1";
    return oneRow(this.#sql.exec<{ via: string }>(query, member))?.via;
  }

  /** The streams of a credential that was revoked control nothing any more, until they are closed. */
  disallow(via: string): void {
    this.#sql.exec("UPDATE streams SET allowed = 'view' WHERE via = ?", via);
  }

  /** Gives control to the streams of one person that allow it, and takes it from all others. */
  setHolder(member: string | null): void {
    const query = `UPDATE streams SET role =
       CASE WHEN allowed = 'control' AND member IS ? THEN 'control' ELSE 'view' END`;
    this.#sql.exec(query, member);
  }

  /**
   * The roles that the host has to be told next: first what is taken away, and only when it was
   * told that, what is given.
   */
  untold(): StreamRole[] {
    const query = "SELECT stream, role FROM streams WHERE role != told AND role = ?";
    const taken = this.#sql.exec<StreamRole>(query, "view").toArray();
    return taken.length > 0 ? taken : this.#sql.exec<StreamRole>(query, "control").toArray();
  }

  markTold(roles: readonly StreamRole[]): void {
    for (const { stream, role } of roles) {
      this.#sql.exec("UPDATE streams SET told = ? WHERE stream = ?", role, stream);
    }
  }
}

/** `member` is the person's id, `allowed` the highest role that their credential has. */
type NewStream = { stream: string; member: string; allowed: Role; name: string; via: string };

export const STREAMS_SCHEMA = `
  CREATE TABLE streams (
    stream TEXT PRIMARY KEY, member TEXT NOT NULL, allowed TEXT NOT NULL, role TEXT NOT NULL,
    told TEXT NOT NULL, name TEXT NOT NULL, via TEXT NOT NULL, opened_at INTEGER NOT NULL
  );
  CREATE TABLE presence (empty_since INTEGER);
  INSERT INTO presence (empty_since) VALUES (NULL);
`;

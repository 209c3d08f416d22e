import { RpcTarget } from "cloudflare:workers";
import type { SessionStatus } from "../../../protocol/api.ts";
import type { Feed } from "./feed.ts";

/** Which sessions there are, for listing. Fed by each session's outbox; a session is the truth. */
export class SessionIndex extends RpcTarget {
  readonly #sql: SqlStorage;
  readonly #feed: Feed;

  constructor(sql: SqlStorage, feed: Feed) {
    super();
    this.#sql = sql;
    this.#feed = feed;
  }

  /** Takes a session's change; older news than it has changes nothing, so delivery may repeat. */
  put(row: SessionIndexRow): void {
    const { rowsWritten } = this.#sql.exec(
      `INSERT INTO sessions (session_id, host_id, created_at, ended_at, version) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (session_id) DO UPDATE SET ended_at = excluded.ended_at, version = excluded.version
       WHERE excluded.version > sessions.version`,
      row.session_id,
      row.host_id,
      row.created_at,
      row.ended_at,
      row.version,
    );
    if (rowsWritten === 0) return;
    const change = row.ended_at !== null ? "ended" : row.version === 1 ? "created" : "changed";
    this.#feed.addSession(row.session_id, change);
  }

  /** How many sessions there are in each state; an open one is as its host is. */
  count(): Partial<Record<SessionStatus, number>> {
    const query = `SELECT CASE WHEN ended_at IS NOT NULL THEN 'ended'
         WHEN coalesce(online, 0) = 1 THEN 'active' ELSE 'unreachable' END AS status, count(*) AS n
       FROM sessions LEFT JOIN host_states USING (host_id) GROUP BY status`;
    const rows = this.#sql.exec<{ status: SessionStatus; n: number }>(query).toArray();
    return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
  }

  /** The newest sessions that have not ended. */
  listOpen(limit: number): string[] {
    const query =
      "SELECT session_id FROM sessions WHERE ended_at IS NULL ORDER BY created_at DESC LIMIT ?";
    return this.#sql
      .exec<{ session_id: string }>(query, limit)
      .toArray()
      .map((row) => row.session_id);
  }
}

export type SessionIndexRow = {
  session_id: string;
  host_id: string;
  created_at: number;
  ended_at: number | null;
  version: number;
};

export const SESSION_INDEX_SCHEMA = `
  CREATE TABLE IF NOT EXISTS sessions (
    session_id TEXT PRIMARY KEY, host_id TEXT NOT NULL, created_at INTEGER NOT NULL, ended_at INTEGER,
    version INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS sessions_open ON sessions (created_at DESC) WHERE ended_at IS NULL;
  CREATE INDEX IF NOT EXISTS sessions_of_host ON sessions (host_id) WHERE ended_at IS NULL;
`;

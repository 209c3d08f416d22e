import { RpcTarget } from "cloudflare:workers";

/** Which sessions there are, for listing. Fed by each session's outbox; a session is the truth. */
export class SessionIndex extends RpcTarget {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    super();
    this.#sql = sql;
  }

  /** Takes a session's change; older news than it has changes nothing, so delivery may repeat. */
  put(row: SessionIndexRow): void {
    this.#sql.exec(
      `INSERT INTO sessions (session_id, host_id, created_at, ended_at, version) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (session_id) DO UPDATE SET ended_at = excluded.ended_at, version = excluded.version
       WHERE excluded.version > sessions.version`,
      row.session_id,
      row.host_id,
      row.created_at,
      row.ended_at,
      row.version,
    );
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

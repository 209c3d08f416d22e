import type { StoredState } from "../session/stored-state.ts";

/** Which sessions a page is of, and where it goes on. */
export type SessionFilter = {
  states: readonly StoredState[];
  host_id?: string | undefined;
  batch_id?: string | undefined;
  /** The last session that the page before held. */
  after?: { created_at: number; session_id: string } | undefined;
};

/**
 * The queries of a page of sessions, newest first: one for each state, since each is then one range
 * of one index, read in order and no further than the page goes. Who asks merges them.
 * @param limit how many rows of each state are read at most
 */
export function sessionQueries(filter: SessionFilter, limit: number): [string, ...unknown[]][] {
  const conditions = ["state = ?"];
  const values: unknown[] = [];
  if (filter.batch_id !== undefined) {
    conditions.push("batch_id = ?");
    values.push(filter.batch_id);
  }
  if (filter.host_id !== undefined) {
    // A batch is small: within one, the rows of other hosts are passed over. `+` keeps SQLite from
    // taking the host's index instead.
    conditions.push(filter.batch_id === undefined ? "host_id = ?" : "+host_id = ?");
    values.push(filter.host_id);
  }
  if (filter.after !== undefined) {
    conditions.push("(created_at, session_id) < (?, ?)");
    values.push(filter.after.created_at, filter.after.session_id);
  }
  const query = `SELECT session_id, created_at, document FROM session_index
    WHERE ${conditions.join(" AND ")} ORDER BY created_at DESC, session_id DESC LIMIT ?`;
  return filter.states.map((state) => [query, state, ...values, limit]);
}

export const SESSION_INDEX_SCHEMA = `
  CREATE TABLE IF NOT EXISTS session_index (
    session_id TEXT PRIMARY KEY, host_id TEXT NOT NULL, batch_id TEXT, state TEXT NOT NULL,
    created_at INTEGER NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS sessions_by_state ON session_index (state, created_at, session_id);
  CREATE INDEX IF NOT EXISTS sessions_of_host ON session_index (host_id, state, created_at, session_id);
  CREATE INDEX IF NOT EXISTS sessions_of_batch ON session_index (batch_id, state, created_at, session_id)
    WHERE batch_id IS NOT NULL;
  DROP TABLE IF EXISTS sessions; -- the index of an earlier version
`;

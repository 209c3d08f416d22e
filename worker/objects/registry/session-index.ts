import { RpcTarget } from "cloudflare:workers";
import type { StoredSession } from "../session/session-row.ts";
import { OPEN_STATES } from "../session/stored-state.ts";
import { type SessionFilter, sessionQueries } from "./session-query.ts";

/**
 * Which sessions there are and what they last said of themselves, for listing without waking them.
 * Fed by each session's outbox; a session is the truth.
 */
export class SessionIndex extends RpcTarget {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    super();
    this.#sql = sql;
  }

  /** Takes a session's change; older news than it has changes nothing, so delivery may repeat. */
  put({ created_at, version, session }: SessionIndexRow): void {
    this.#sql.exec(
      `INSERT INTO session_index (session_id, host_id, batch_id, state, created_at, version, document)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (session_id) DO UPDATE
         SET state = excluded.state, version = excluded.version, document = excluded.document
         WHERE excluded.version > version`,
      session.session_id,
      session.host_id,
      session.batch_id,
      session.state,
      created_at,
      version,
      JSON.stringify(session),
    );
  }

  /** A session was purged: nothing of it is kept here but its lines in the audit. */
  forget(sessionId: string): void {
    this.#sql.exec("DELETE FROM session_index WHERE session_id = ?", sessionId);
    this.#sql.exec("DELETE FROM uses WHERE session_id = ?", sessionId);
  }

  /** The newest sessions of a filter, at most `limit`. */
  page(filter: SessionFilter, limit: number): IndexedSession[] {
    return sessionQueries(filter, limit)
      .flatMap(([query, ...values]) => this.#sql.exec<FoundRow>(query, ...values).toArray())
      .sort((a, b) => b.created_at - a.created_at || (a.session_id < b.session_id ? 1 : -1))
      .slice(0, limit)
      .map(({ created_at, document }) => ({
        created_at,
        session: JSON.parse(document) as StoredSession,
      }));
  }

  /** The sessions of a host that have not ended. */
  openOf(hostId: string): string[] {
    const query = `SELECT session_id FROM session_index
       WHERE host_id = ? AND state IN (SELECT value FROM json_each(?))`;
    const found = this.#sql.exec<FoundRow>(query, hostId, JSON.stringify(OPEN_STATES)).toArray();
    return found.map(({ session_id }) => session_id);
  }
}

type FoundRow = { session_id: string; created_at: number; document: string };

/** `created_at` in ms since the epoch: with the id it is the place of a session in a list. */
export type IndexedSession = { created_at: number; session: StoredSession };

/** `version` tells newer news from older. */
export type SessionIndexRow = IndexedSession & { version: number };

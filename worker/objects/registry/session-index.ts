import { RpcTarget } from "cloudflare:workers";
import type { SessionStatus } from "../../../protocol/api.ts";
import type { BatchChange } from "../../../protocol/events.ts";
import { ANY_ADDRESS, LOOPBACK } from "../../../protocol/ids.ts";
import type { StoredSession } from "../session/session-row.ts";
import { OPEN_STATES } from "../session/stored-state.ts";
import type { Feed } from "./feed.ts";
import { type SessionFilter, sessionQueries } from "./session-query.ts";

/**
 * Which sessions there are and what they last said of themselves, for listing without waking them.
 * Fed by each session's outbox; a session is the truth.
 */
export class SessionIndex extends RpcTarget {
  readonly #sql: SqlStorage;
  readonly #feed: Feed;

  constructor(sql: SqlStorage, feed: Feed) {
    super();
    this.#sql = sql;
    this.#feed = feed;
  }

  /** Takes a session's change; older news than it has changes nothing, so delivery may repeat. */
  put({ created_at, version, session }: SessionIndexRow): void {
    const { rowsWritten } = this.#sql.exec(
      `INSERT INTO session_index (session_id, host_id, batch_id, state, created_at, version, document)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (session_id) DO UPDATE
         SET state = excluded.state, host_id = excluded.host_id, version = excluded.version, document = excluded.document
         WHERE excluded.version > version`,
      session.session_id,
      session.host_id ?? NO_HOST,
      session.batch_id,
      session.state,
      created_at,
      version,
      JSON.stringify(session),
    );
    if (rowsWritten === 0) return;
    const isOver = !OPEN_STATES.includes(session.state);
    const change = isOver ? "ended" : version === 1 ? "created" : "changed";
    this.#feed.addSession(session.session_id, change);
  }

  /** Takes a batch's change; said again it is told again. */
  putBatch(batchId: string, change: BatchChange): void {
    this.#feed.addBatch(batchId, change);
  }

  /** How many sessions there are in each state; an open one is as its host last said it is. */
  count(): Partial<Record<SessionStatus, number>> {
    const query = `SELECT CASE WHEN state != 'open' THEN state
         WHEN coalesce(online, 0) = 1 AND EXISTS (
           SELECT 1 FROM json_each(displays)
           WHERE json_extract(value, '$.port') = json_extract(document, '$.vnc_port')
             AND coalesce(json_extract(value, '$.address'), '${LOOPBACK}')
               IN (coalesce(json_extract(document, '$.address'), '${LOOPBACK}'), '${ANY_ADDRESS}')
         ) THEN 'active' ELSE 'unreachable' END AS status, count(*) AS n
       FROM session_index LEFT JOIN host_states USING (host_id) GROUP BY status`;
    const rows = this.#sql.exec<{ status: SessionStatus; n: number }>(query).toArray();
    return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
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

/** Of a job that has no room on a host yet. */
const NO_HOST = "";

type FoundRow = { session_id: string; created_at: number; document: string };

/** `created_at` in ms since the epoch: with the id it is the place of a session in a list. */
export type IndexedSession = { created_at: number; session: StoredSession };

/** `version` tells newer news from older. */
export type SessionIndexRow = IndexedSession & { version: number };

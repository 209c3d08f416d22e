import type { Result } from "../../problem.ts";
import { addMissingColumns, hasTable, oneRow } from "../storage.ts";
import type { JobEnd, JobPlace } from "./job.ts";
import { TIME_IS_OVER } from "./life.ts";
import {
  type NewSession,
  type PanelTarget,
  QUEUED,
  type SessionRow,
  sessionEnded,
  unknownSession,
} from "./session-row.ts";
import type { StoredState } from "./stored-state.ts";

/** What is stored of a session itself: one row. Its `version` counts the changes. */
export class SessionRecord {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    // Asks for the newest table: what a version without it stored is no session any more.
    this.#exists = hasTable(sql, "presence");
    if (this.#exists) addMissingColumns(sql, "session", ...LATER_COLUMNS);
  }

  get exists(): boolean {
    return this.#exists;
  }

  /** The session as it was stored last. */
  stored(): SessionRow | undefined {
    return this.#exists ? oneRow(this.#sql.exec<SessionRow>("SELECT * FROM session")) : undefined;
  }

  /** The session as it is: one whose time is over has ended, whether or not its alarm has rung. */
  now(): SessionRow | undefined {
    const row = this.stored();
    if (!row || row.ended_at !== null || row.expires_at > Date.now()) return row;
    return { ...row, state: "ended", reason: TIME_IS_OVER, ended_at: row.expires_at };
  }

  /** The same of a session that has not ended. */
  open(): Result<SessionRow> {
    const row = this.now();
    if (!row) return unknownSession();
    return row.ended_at === null ? { ok: true, value: row } : sessionEnded(row);
  }

  /** Makes the session, and in one transaction with it what else belongs to it. */
  create(storage: DurableObjectStorage, input: NewSession, more: () => void): void {
    storage.transactionSync(() => {
      this.#sql.exec(SESSION_SCHEMA);
      this.#insert(input);
      more();
    });
    this.#exists = true;
  }

  #insert(input: NewSession): void {
    this.#sql.exec(
      `INSERT INTO session
         (session_id, host_id, port, address, label, control, clipboard, password, idle_seconds,
          created_at, expires_at, batch_id, job_url, state, reason, ended_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      input.session_id,
      input.host_id,
      input.port,
      input.address ?? null,
      input.label,
      input.control,
      input.clipboard,
      input.password,
      input.idle_seconds,
      input.created_at,
      input.expires_at,
      input.job?.batch_id ?? null,
      input.job?.url ?? null,
      ...firstState(input),
    );
  }

  /** It shows what a hosting panel says, at least until the time that comes with it. */
  retarget({ port, address, password, expires_at }: PanelTarget): void {
    this.#sql.exec(
      `UPDATE session SET port = ?, address = ?, password = ?,
         expires_at = max(expires_at, ?), version = version + 1`,
      port,
      address,
      password,
      expires_at,
    );
  }

  /** Its job has a place, or none (any more). */
  place(stand: JobPlace): void {
    const isOpen = stand.state === "open";
    this.#sql.exec(
      `UPDATE session SET state = ?, host_id = ?, port = ?, reason = ?,
         expires_at = max(expires_at, ?), version = version + 1`,
      stand.state,
      stand.state === "queued" ? null : stand.host_id,
      isOpen ? stand.port : null,
      isOpen ? null : stand.reason,
      isOpen ? stand.expires_at : 0,
    );
  }

  /** It came to its end now. */
  end({ state, reason }: JobEnd): void {
    const query =
      "UPDATE session SET state = ?, reason = ?, ended_at = ?, password = NULL, version = version + 1";
    this.#sql.exec(query, state, reason, Date.now());
  }

  /** All that is stored of it is about to be deleted. */
  forget(): void {
    this.#exists = false;
  }
}

/** The state that a session is made in, its reason, and when it ended. */
function firstState({ job, created_at }: NewSession): [StoredState, string | null, number | null] {
  if (!job) return ["open", null, null];
  return job.failed === null ? ["queued", QUEUED, null] : ["failed", job.failed, created_at];
}

const SESSION_SCHEMA = `
  CREATE TABLE session (
    session_id TEXT NOT NULL, host_id TEXT, port INTEGER, address TEXT, label TEXT,
    control TEXT NOT NULL, clipboard TEXT NOT NULL, password TEXT,
    batch_id TEXT, job_url TEXT, job_over_told INTEGER NOT NULL DEFAULT 0,
    idle_seconds INTEGER, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT, ended_at INTEGER,
    version INTEGER NOT NULL DEFAULT 1, indexed_version INTEGER NOT NULL DEFAULT 0
  );
`;

/** What earlier versions made a session without. */
const LATER_COLUMNS = ["batch_id TEXT", "job_url TEXT", "job_over_told INTEGER NOT NULL DEFAULT 0"];

import type { BatchChange } from "../../../protocol/events.ts";
import type { JobEnd } from "../session/job.ts";
import { addMissingColumns, oneRow } from "../storage.ts";

/**
 * How a job stands here: `new` until its session is made, then as its session says, which is told
 * first and keeps the truth.
 */
export type JobState = "new" | "queued" | "starting" | "open" | "failed" | "ended";

/** Times in ms since the epoch. */
export type JobRow = {
  /** The order in which jobs get room. */
  seq: number;
  job_id: string;
  batch_id: string | null;
  url: string;
  profile: string;
  /** The host that it must run on; null for any. */
  wanted_host: string | null;
  /** The host that it has room on. */
  host_id: string | null;
  port: number | null;
  state: JobState;
  reason: string | null;
  /** 1 while there may be a desktop of it on its host: its room is taken. */
  has_room: number;
  /** How often its host may have been told to start it. */
  is_said: number;
  /** By when its host must say what came of what it was told; null if it was told nothing. */
  answer_by: number | null;
  /** Who gave it, and from which address: for the audit. */
  actor: string;
  address: string;
  created_at: number;
  over_at: number | null;
  /** The order in which jobs were over: the oldest are forgotten first. */
  over_seq: number | null;
};

/** A job of which its host is to start or to stop the desktop, without what it takes to. */
export type ChangingJob = Pick<JobRow, "job_id" | "host_id" | "state">;

/** A job whose URL is none has failed from the start, with that reason. */
export type NewJob = { job_id: string; url: string; failed: string | null };

/** What the jobs of one request have in common; `host_id` is the host that they must run on. */
export type NewJobs = {
  batch_id: string | null;
  profile: string;
  host_id: string | null;
  jobs: readonly NewJob[];
};

/** What queued jobs need, who are alike in that. */
export type Need = Pick<JobRow, "profile" | "wanted_host">;

/** `told`: the last change of it that the registry knows; `is_over` is 1 when all of its jobs are. */
type UntoldBatch = { batch_id: string; told: BatchChange | ""; is_over: number };

export type BatchRow = { batch_id: string; profile: string; created_at: number };

/** All jobs that are not forgotten, in SQLite. */
export class Jobs {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(JOBS_SCHEMA);
    addMissingColumns(sql, "jobs", ...LATER_COLUMNS);
    sql.exec(LATER_INDEXES);
  }

  /** To be called in a transaction. */
  add({ batch_id, profile, host_id, jobs }: NewJobs, by: { actor: string; address: string }): void {
    const now = Date.now();
    if (batch_id !== null) {
      const query = "INSERT INTO batches (batch_id, profile, created_at) VALUES (?, ?, ?)";
      this.#sql.exec(query, batch_id, profile, now);
    }
    for (const job of jobs) {
      this.#sql.exec(
        `INSERT INTO jobs (job_id, batch_id, url, profile, wanted_host, state, reason, actor,
           address, created_at) VALUES (?, ?, ?, ?, ?, 'new', ?, ?, ?, ?)`,
        job.job_id,
        batch_id,
        job.url,
        profile,
        host_id,
        job.failed,
        by.actor,
        by.address,
        now,
      );
    }
  }

  batch(batchId: string): BatchRow | undefined {
    return oneRow(this.#sql.exec<BatchRow>("SELECT * FROM batches WHERE batch_id = ?", batchId));
  }

  job(jobId: string): JobRow | undefined {
    return oneRow(this.#sql.exec<JobRow>("SELECT * FROM jobs WHERE job_id = ?", jobId));
  }

  ofBatch(batchId: string): JobRow[] {
    const query = "SELECT * FROM jobs WHERE batch_id = ? ORDER BY seq";
    return this.#sql.exec<JobRow>(query, batchId).toArray();
  }

  /** The batches of which there is something to tell: that they were made, or are over. */
  untold(): UntoldBatch[] {
    const query = `SELECT batch_id, told, NOT EXISTS (
         SELECT 1 FROM jobs WHERE jobs.batch_id = batches.batch_id AND over_at IS NULL
       ) AS is_over FROM batches WHERE told <> 'ended'`;
    const rows = this.#sql.exec<UntoldBatch>(query).toArray();
    return rows.filter(({ told, is_over }) => told === "" || is_over === 1);
  }

  markTold(batchId: string, told: BatchChange): void {
    this.#sql.exec("UPDATE batches SET told = ? WHERE batch_id = ?", told, batchId);
  }

  /** The first whose session is to be made, in their order: thousands have long URLs. */
  unmade(limit: number): JobRow[] {
    const query = "SELECT * FROM jobs WHERE state = 'new' ORDER BY seq LIMIT ?";
    return this.#sql.exec<JobRow>(query, limit).toArray();
  }

  /** How many sessions of a batch, or of a single job, are to be made. */
  countUnmade({ batch_id, job_id }: { batch_id: string | null; job_id: string }): number {
    const query = `SELECT count(*) AS n FROM jobs WHERE state = 'new' AND (batch_id = ? OR job_id = ?)`;
    return this.#sql.exec<{ n: number }>(query, batch_id, job_id).one().n;
  }

  /**
   * All that jobs that wait for room need. Thousands wait, but few needs differ: each is looked up
   * behind the one before it, where DISTINCT would read all that wait, at every event.
   */
  needs(): Need[] {
    const needs: Need[] = [];
    const from =
      "SELECT profile, wanted_host FROM jobs INDEXED BY jobs_queued WHERE state = 'queued'";
    const order = "ORDER BY profile, wanted_host LIMIT 1";
    const next = (where: string, ...values: string[]) =>
      oneRow(this.#sql.exec<Need>(`${from} ${where} ${order}`, ...values));
    let need = next("");
    while (need) {
      needs.push(need);
      const { profile, wanted_host } = need;
      need =
        next("AND profile = ? AND wanted_host > ?", profile, wanted_host ?? "") ??
        next("AND profile > ?", profile);
    }
    return needs;
  }

  /** The first that wait for room with such a need, in their order. */
  queued({ profile, wanted_host }: Need, limit: number): { job_id: string; seq: number }[] {
    const query = `SELECT job_id, seq FROM jobs
       WHERE state = 'queued' AND profile = ? AND wanted_host IS ? ORDER BY seq LIMIT ?`;
    return this.#sql
      .exec<{ job_id: string; seq: number }>(query, profile, wanted_host, limit)
      .toArray();
  }

  /** The jobs that have room on a host. */
  withRoom(hostId: string): JobRow[] {
    const query = "SELECT * FROM jobs WHERE has_room = 1 AND host_id = ?";
    return this.#sql.exec<JobRow>(query, hostId).toArray();
  }

  /** Whether a desktop of a profile is on its way on a host. */
  isStarting(hostId: string, profile: string): boolean {
    const query = `SELECT 1 FROM jobs
       WHERE has_room = 1 AND host_id = ? AND state = 'starting' AND profile = ? LIMIT 1`;
    return this.#sql.exec(query, hostId, profile).toArray().length > 0;
  }

  /** The jobs that have room and no desktop that shows a picture: it is to start, or to stop. */
  changing(): ChangingJob[] {
    const query = `SELECT job_id, host_id, state FROM jobs
       WHERE has_room = 1 AND state <> 'open' ORDER BY seq`;
    return this.#sql.exec<ChangingJob>(query).toArray();
  }

  /** The hosts on which jobs run, or start. */
  hostsInUse(): string[] {
    const query = `SELECT DISTINCT host_id FROM jobs
       WHERE has_room = 1 AND state IN ('starting', 'open') AND host_id IS NOT NULL`;
    return this.#sql
      .exec<{ host_id: string }>(query)
      .toArray()
      .map(({ host_id }) => host_id);
  }

  /** How many jobs have not come to their end. */
  countOpen(): number {
    const query = `SELECT count(*) AS n FROM jobs WHERE state IN ('new', 'queued', 'starting', 'open')`;
    return this.#sql.exec<{ n: number }>(query).one().n;
  }

  /** Its session is made. @returns false if it was before */
  made({ job_id, reason }: JobRow): boolean {
    const state = reason === null ? "queued" : "failed";
    const query = `UPDATE jobs SET state = ?1, over_at = ?2, over_seq = iif(?2 IS NULL, NULL, ${NEXT_OVER_SEQ})
       WHERE job_id = ?3 AND state = 'new'`;
    const overAt = reason === null ? null : Date.now();
    return this.#sql.exec(query, state, overAt, job_id).rowsWritten > 0;
  }

  giveRoom(jobId: string, hostId: string): void {
    const query = `UPDATE jobs SET state = 'starting', host_id = ?, has_room = 1
       WHERE job_id = ? AND state = 'queued'`;
    this.#sql.exec(query, hostId, jobId);
  }

  /**
   * Its host is told to start it, maybe again.
   * @param answerBy when it must have said what came of it; what was set when it was told first stays
   */
  markSaid(jobId: string, answerBy: number): void {
    const query = `UPDATE jobs SET is_said = is_said + 1, answer_by = coalesce(answer_by, ?) WHERE job_id = ?`;
    this.#sql.exec(query, answerBy, jobId);
  }

  /** It is over, and its host was told to stop it, maybe again. */
  markStopSaid(jobId: string, answerBy: number): void {
    const query = `UPDATE jobs SET answer_by = ?
       WHERE job_id = ? AND has_room = 1 AND over_at IS NOT NULL AND answer_by IS NULL`;
    this.#sql.exec(query, answerBy, jobId);
  }

  /** Those of which their host has not said in time what came of them. */
  unanswered(now: number): JobRow[] {
    const query = "SELECT * FROM jobs WHERE answer_by <= ?";
    return this.#sql.exec<JobRow>(query, now).toArray();
  }

  /** When the first host must have answered, in ms since the epoch; null if none has to. */
  firstAnswerBy(): number | null {
    const query = "SELECT min(answer_by) AS at FROM jobs WHERE answer_by IS NOT NULL";
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }

  /** Nothing of it was started on that host: it waits again, in its place. */
  requeue(jobId: string, hostId: string): void {
    const query = `UPDATE jobs SET state = 'queued', host_id = NULL, has_room = 0, is_said = 0,
         answer_by = NULL
       WHERE job_id = ? AND host_id = ? AND state = 'starting'`;
    this.#sql.exec(query, jobId, hostId);
  }

  /** Its desktop is there. */
  open(jobId: string, hostId: string, port: number): void {
    const query = `UPDATE jobs SET state = 'open', port = ?, answer_by = NULL
       WHERE job_id = ? AND host_id = ? AND state = 'starting'`;
    this.#sql.exec(query, port, jobId, hostId);
  }

  /** It came to its end; of its desktop there may be something left. */
  over(jobId: string, { state, reason }: JobEnd): void {
    const query = `UPDATE jobs SET state = ?, reason = ?, over_at = ?, answer_by = NULL,
         over_seq = ${NEXT_OVER_SEQ}
       WHERE job_id = ? AND state NOT IN ('failed', 'ended')`;
    this.#sql.exec(query, state, reason, Date.now(), jobId);
  }

  /** Of its desktop nothing is left. */
  clearRoom(jobId: string): void {
    this.#sql.exec("UPDATE jobs SET has_room = 0, answer_by = NULL WHERE job_id = ?", jobId);
  }

  /**
   * Forgets what was over before a time, all but the last MAX_KEPT that are over, and batches that
   * have no jobs any more. Also what has room for so long: its host has been away, and if it comes
   * back it is told to stop what nobody knows.
   */
  forget(before: number): void {
    const old = "DELETE FROM jobs WHERE over_at < ? RETURNING batch_id";
    const tooMany = `DELETE FROM jobs WHERE has_room = 0 AND over_seq <=
         (SELECT max(over_seq) FROM jobs WHERE over_seq IS NOT NULL) - ? RETURNING batch_id`;
    const gone = new Set<string | null>();
    for (const [query, bound] of [[old, before] as const, [tooMany, MAX_KEPT] as const]) {
      const rows = this.#sql.exec<{ batch_id: string | null }>(query, bound).toArray();
      for (const { batch_id } of rows) gone.add(batch_id);
    }
    for (const id of gone) {
      this.#sql.exec(
        `DELETE FROM batches WHERE batch_id = ?1
           AND NOT EXISTS (SELECT 1 FROM jobs WHERE batch_id = ?1)`,
        id,
      );
    }
  }

  /** When the first of those that are over was, in ms since the epoch; null if there is none. */
  firstOver(): number | null {
    const query = "SELECT min(over_at) AS at FROM jobs WHERE over_at IS NOT NULL";
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }
}

/**
 * So many jobs that are over are kept at most: four times as many as can be queued or run, a batch of
 * 500 each night for a month, and 160 MB if all of their URLs are as long as can be.
 */
const MAX_KEPT = 20_000;

const NEXT_OVER_SEQ = "(SELECT ifnull(max(over_seq), 0) + 1 FROM jobs WHERE over_seq IS NOT NULL)";

const JOBS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS batches (
    batch_id TEXT PRIMARY KEY, profile TEXT NOT NULL, created_at INTEGER NOT NULL,
    told TEXT NOT NULL DEFAULT ''
  );
  CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL UNIQUE, batch_id TEXT,
    url TEXT NOT NULL, profile TEXT NOT NULL, wanted_host TEXT, host_id TEXT, port INTEGER,
    state TEXT NOT NULL, reason TEXT, has_room INTEGER NOT NULL DEFAULT 0,
    is_said INTEGER NOT NULL DEFAULT 0, answer_by INTEGER, actor TEXT NOT NULL, address TEXT NOT NULL,
    created_at INTEGER NOT NULL, over_at INTEGER, over_seq INTEGER
  );
  CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, seq);
  CREATE INDEX IF NOT EXISTS jobs_queued ON jobs (profile, wanted_host, seq) WHERE state = 'queued';
  CREATE INDEX IF NOT EXISTS jobs_of_batch ON jobs (batch_id, seq);
  CREATE INDEX IF NOT EXISTS jobs_left_of_batch ON jobs (batch_id) WHERE over_at IS NULL;
  CREATE INDEX IF NOT EXISTS jobs_with_room ON jobs (host_id) WHERE has_room = 1;
  CREATE INDEX IF NOT EXISTS jobs_over ON jobs (over_at) WHERE over_at IS NOT NULL;
`;

/** What earlier versions made the table without. */
const LATER_COLUMNS = ["answer_by INTEGER", "over_seq INTEGER"];

const LATER_INDEXES = `
  CREATE INDEX IF NOT EXISTS batches_to_tell ON batches (batch_id) WHERE told <> 'ended';
  CREATE INDEX IF NOT EXISTS jobs_over_in_order ON jobs (over_seq) WHERE over_seq IS NOT NULL;
  CREATE INDEX IF NOT EXISTS jobs_changing ON jobs (seq) WHERE has_room = 1 AND state <> 'open';
  CREATE INDEX IF NOT EXISTS jobs_to_answer ON jobs (answer_by) WHERE answer_by IS NOT NULL;
`;

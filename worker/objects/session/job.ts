import { batches, type Env } from "../../env.ts";
import type { SessionRow } from "./session-row.ts";

/** How a job stands, as objects/batch.ts says it. `expires_at` in ms since the epoch. */
export type JobStand =
  | { state: "queued"; reason: string }
  | { state: "starting"; host_id: string; reason: string }
  | { state: "open"; host_id: string; port: number; expires_at: number }
  | JobEnd;

/** How a job, and with it its session, came to its end. */
export type JobEnd = { state: "ended" | "failed"; reason: string };

/** Where a job that has not ended has its place, or that it has none. */
export type JobPlace = Exclude<JobStand, JobEnd>;

export function isEnd(stand: JobStand): stand is JobEnd {
  return stand.state === "ended" || stand.state === "failed";
}

/** What the audit says of it. */
export function auditLine(stand: JobPlace): { action: string; detail: string } {
  const { state } = stand;
  if (state === "queued") return { action: "session.queued", detail: stand.reason };
  const host = `host ${stand.host_id}`;
  if (state === "starting") return { action: "session.starting", detail: host };
  return { action: "session.started", detail: `${host} port ${stand.port}` };
}

/** Tells objects/batch.ts, which keeps its room for it, that a job's session is over. */
export class JobOutbox {
  readonly #sql: SqlStorage;
  readonly #env: Env;

  constructor(sql: SqlStorage, env: Env) {
    this.#sql = sql;
    this.#env = env;
  }

  isPending({ job_url, ended_at, job_over_told }: SessionRow): boolean {
    return job_url !== null && ended_at !== null && job_over_told === 0;
  }

  /** @throws {Error} if it cannot be told; it stays to be */
  async deliver(row: SessionRow): Promise<void> {
    if (!this.isPending(row)) return;
    const state = row.state === "failed" ? "failed" : "ended";
    await batches(this.#env).sessionOver(row.session_id, { state, reason: row.reason ?? "" });
    this.settle();
  }

  /** It knows. */
  settle(): void {
    this.#sql.exec("UPDATE session SET job_over_told = 1");
  }
}

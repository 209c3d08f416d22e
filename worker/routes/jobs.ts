import type { Context } from "hono";
import {
  type AppliedBatch,
  type AppliedJob,
  ApplyJob,
  type Batch,
  BatchApply,
  type Job,
  type JobLog,
} from "../../protocol/api.ts";
import { randomId } from "../../protocol/ids.ts";
import { parseJobUrl } from "../../protocol/job-url.ts";
import { MAX_BATCH_BYTES, MAX_JOB_URL_BYTES } from "../../protocol/limits.ts";
import { batches, registry, vncHost, vncSession } from "../env.ts";
import type { AppEnv } from "../identity/callers.ts";
import { ownOrigin } from "../identity/origins.ts";
import type { JobRow, NewJob, NewJobs } from "../objects/batch/jobs.ts";
import { QUEUED } from "../objects/session/session-row.ts";
import { rfc3339 } from "../objects/storage.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { callerOf, record } from "./audit.ts";
import { pathId, readBody } from "./body.ts";
import { claimId } from "./idempotency.ts";
import { streamUrl } from "./session-urls.ts";
import { look, type Placed } from "./sights.ts";

/** Of what is no URL so much is shown again. */
const MAX_SHOWN_CHARACTERS = 200;

/** `POST /api/vnc/apply-job`: one job; a repeat with its `Idempotency-Key` is answered the same. */
export async function applyJob(c: Context<AppEnv>): Promise<Response> {
  const body = await readBody(c, ApplyJob);
  const job = newJob("", body.jobUrl);
  if (job.failed !== null) throw new ProblemError(400, "bad_job_url", job.failed);
  const { profile, host_id = null } = body;
  await assertOffered(c, host_id, profile);
  const job_id = await claimId(c, randomId(), body);
  await apply(c, { batch_id: null, profile, host_id, jobs: [{ ...job, job_id }] });
  const row = await batches(c.env).job(job_id);
  const [applied] = await jobsOf(c, row ? [row] : []);
  if (!applied) throw new Error(`The job ${job_id} was taken and is not there.`);
  await record(c, "job.applied", job_id, profile);
  const answer: AppliedJob = { success: true, ...applied };
  return c.json(answer, 202);
}

/** `POST /api/vnc/batch-apply`: up to 500 jobs; one that is bad fails by itself. */
export async function applyBatch(c: Context<AppEnv>): Promise<Response> {
  const body = await readBody(c, BatchApply, MAX_BATCH_BYTES);
  const { profile, host_id = null, jobUrls } = body;
  await assertOffered(c, host_id, profile);
  const batch_id = await claimId(c, randomId(BATCH_ID_BYTES), body);
  const jobs = jobUrls.map((url, n) => newJob(`${batch_id}_job_${n}`, url));
  await apply(c, { batch_id, profile, host_id, jobs });
  await record(c, "batch.applied", batch_id, `${jobs.length} jobs, ${profile}`);
  const answer: AppliedBatch = { success: true, ...(await describeBatch(c, batch_id)) };
  return c.json(answer, 202);
}

/** `GET /api/vnc/batch/:id` */
export async function getBatch(c: Context<AppEnv>): Promise<Response> {
  return c.json(await describeBatch(c, pathId(c, "id")));
}

/** `DELETE /api/vnc/batch/:id`: ends what has not ended of it. Ending it twice is fine. */
export async function endBatch(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "id");
  unwrap(await batches(c.env).end(id, callerOf(c)));
  await record(c, "batch.ended", id);
  return c.body(null, 204);
}

/** `GET /api/vnc/session/:id/log` */
export async function readJobLog(c: Context<AppEnv>): Promise<Response> {
  const session_id = pathId(c, "id");
  const { job_url, host_id } = unwrap(await vncSession(c.env, session_id).describe());
  if (job_url === null) {
    throw new ProblemError(409, "not_a_job", "This session is no job's: no desktop was started.");
  }
  if (host_id === null) {
    throw new ProblemError(409, "not_started", "This job has had no desktop (yet).");
  }
  const log: JobLog = {
    session_id,
    ...unwrap(await vncHost(c.env, host_id).desktops.readLog(session_id)),
  };
  return c.json(log);
}

/** Short: a job's id, which has it in front, is at most 64 characters. */
const BATCH_ID_BYTES = 12;

/** Returns when all sessions are there; it is said again for as long as that makes more of them. */
async function apply(c: Context<AppEnv>, jobs: NewJobs): Promise<void> {
  let left = Infinity;
  for (let vain = 0; vain < MAX_VAIN; ) {
    const now = unwrap(await batches(c.env).apply(jobs, callerOf(c)));
    if (now === 0) return;
    vain = now < left ? 0 : vain + 1;
    left = now;
  }
  const id = jobs.batch_id ?? jobs.jobs[0]?.job_id;
  const detail = `All jobs of ${id} are taken, but ${left} of their sessions are not made yet; they will be. Repeat this with the same Idempotency-Key, or ask for ${id}.`;
  throw new ProblemError(503, "not_all_made", detail);
}

/** So often in a row it may make no session more. */
const MAX_VAIN = 3;

function noSuchBatch(): ProblemError {
  return new ProblemError(404, "no_such_batch", "There is no such batch.");
}

function newJob(job_id: string, text: string): NewJob {
  try {
    return { job_id, url: parseJobUrl(text), failed: null };
  } catch (error) {
    const shown = text.length > MAX_JOB_URL_BYTES ? text.slice(0, MAX_SHOWN_CHARACTERS) : text;
    return { job_id, url: shown, failed: (error as Error).message };
  }
}

/** @throws {ProblemError} 404 for a host that there is not, 409 for one that never runs such jobs */
async function assertOffered(
  c: Context<AppEnv>,
  hostId: string | null,
  profile: string,
): Promise<void> {
  if (hostId === null) return;
  if (!(await registry(c.env).hosts.has(hostId))) {
    const detail = "There is no such host; GET /api/hosts lists them.";
    throw new ProblemError(404, "no_such_host", detail);
  }
  const whyNot = await vncHost(c.env, hostId).desktops.whyNotFor(profile);
  if (whyNot !== null) throw new ProblemError(409, "profile_not_offered", whyNot);
}

async function describeBatch(c: Context<AppEnv>, batchId: string): Promise<Batch> {
  const found = await batches(c.env).describe(batchId);
  if (!found) throw noSuchBatch();
  return {
    batch_id: batchId,
    created_at: rfc3339(found.batch.created_at),
    profile: found.batch.profile,
    view_url: `${ownOrigin(c.req.raw)}/batch/${batchId}`,
    jobs: await jobsOf(c, found.jobs),
  };
}

/** Jobs as they are now; their hosts say which show a picture. */
async function jobsOf(c: Context<AppEnv>, rows: readonly JobRow[]): Promise<Job[]> {
  const open = rows.flatMap(({ state, job_id, host_id, port }): Placed[] =>
    state === "open" && host_id !== null && port !== null
      ? [{ session_id: job_id, host_id, vnc_port: port, address: null }]
      : [],
  );
  const sightOf = await look(c, open);
  return rows.map((row) => {
    const { job_id, url, host_id } = row;
    return {
      job_id,
      session_id: job_id,
      job_url: url,
      host_id,
      ...statusOf(row, sightOf(job_id).reason),
      websocket_url: streamUrl(c, job_id),
      view_url: `${ownOrigin(c.req.raw)}/view/${job_id}`,
    };
  });
}

/** @param unseen why an open one shows no picture; null if it does */
function statusOf(
  { state, reason }: JobRow,
  unseen: string | null,
): Pick<Job, "status" | "reason"> {
  switch (state) {
    case "new":
      return { status: "queued", reason: QUEUED };
    case "queued":
      return { status: "queued", reason: reason ?? QUEUED };
    case "starting":
      return { status: "starting", reason: "Its desktop is starting." };
    case "open":
      return { status: unseen === null ? "active" : "unreachable", reason: unseen };
    default:
      return { status: state, reason };
  }
}

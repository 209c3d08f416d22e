import type { Batch, JobLog } from "../protocol/api.ts";
import { call, callForJson, callUnlessKnown, type Tagged } from "./call.ts";

/** What each job of a request runs as, and where; the edge chooses what is left out. */
export type JobWishes = { profile?: string; host_id?: string };

/**
 * Gives a job's URL a desktop of its own.
 * @param key names this wish: said again with it, the edge makes no second job
 */
export function applyJob(
  jobUrl: string,
  wishes: JobWishes = {},
  key?: string,
): Promise<{ session_id: string }> {
  const body = { jobUrl, ...wishes };
  return callForJson("POST", "/api/vnc/apply-job", { body, headers: keyHeader(key) });
}

/** The same for several. @param key see {@link applyJob} */
export function applyBatch(
  jobUrls: readonly string[],
  wishes: JobWishes,
  key: string,
): Promise<{ batch_id: string }> {
  const body = { jobUrls, ...wishes };
  return callForJson("POST", "/api/vnc/batch-apply", { body, headers: keyHeader(key) });
}

function keyHeader(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { "idempotency-key": key };
}

/** A batch with all its jobs. @param etag of the answer that is known already */
export function readBatch(
  batchId: string,
  etag: string | null,
  signal?: AbortSignal,
): Promise<Tagged<Batch> | "unchanged"> {
  return callUnlessKnown(`/api/vnc/batch/${batchId}`, etag, signal);
}

/** Ends what has not ended of it. */
export async function endBatch(batchId: string): Promise<void> {
  await call("DELETE", `/api/vnc/batch/${batchId}`);
}

/** What a job's desktop printed. */
export function readJobLog(sessionId: string, signal?: AbortSignal): Promise<JobLog> {
  return callForJson("GET", `/api/vnc/session/${sessionId}/log`, { signal });
}

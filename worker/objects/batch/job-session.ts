import { DEFAULT_SESSION_TTL_S } from "../../../protocol/limits.ts";
import type { NewSession } from "../session/session-row.ts";
import type { JobRow } from "./jobs.ts";

/** The session of a job, which has no place yet. */
export function sessionOf({
  job_id,
  created_at,
  batch_id,
  url,
  profile,
  reason,
}: JobRow): NewSession {
  return {
    session_id: job_id,
    host_id: null,
    port: null,
    label: null,
    control: "shared",
    clipboard: "both",
    password: null,
    // A job runs whether or not somebody watches.
    idle_seconds: null,
    created_at,
    expires_at: created_at + DEFAULT_SESSION_TTL_S * 1000,
    job: { batch_id, url, profile, failed: reason },
  };
}

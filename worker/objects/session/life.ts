import { MAX_JOB_WAIT_S } from "../../../protocol/limits.ts";
import type { Env } from "../../env.ts";
import type { NewSession, SessionRow } from "./session-row.ts";

/** When time ends a session, and when it is forgotten. All times in ms since the epoch. */

/** What of a session decides about its time; `emptySince` says since when nobody watches it. */
type Life = Pick<SessionRow, "expires_at" | "ended_at" | "idle_seconds">;

export const TIME_IS_OVER = "The session's time is over.";

/** How long an ended session is kept, unless SESSION_PURGE_DAYS says otherwise. */
const DEFAULT_PURGE_DAYS = 30;
const DAY_MS = 24 * 60 * 60_000;

/** When a new session ends. The time of a job begins when it opens; till then it waits, but not for ever. */
export function firstExpiry({ job, created_at, expires_at }: NewSession): number {
  return job ? created_at + MAX_JOB_WAIT_S * 1000 : expires_at;
}

/**
 * When an open session ends if nobody comes back; never before its first viewer, or without the
 * option.
 */
export function idleEnd({ idle_seconds }: Life, emptySince: number | null): number {
  if (idle_seconds === null || emptySince === null) return Infinity;
  return emptySince + idle_seconds * 1000;
}

/** Why time ends an open session now; null if it does not. */
export function timeIsOver(life: Life, emptySince: number | null): string | null {
  const now = Date.now();
  if (life.expires_at <= now) return TIME_IS_OVER;
  if (idleEnd(life, emptySince) <= now) return `Nobody had watched it for ${life.idle_seconds} s.`;
  return null;
}

/** When an ended session is forgotten. */
export function purgeTime(endedAt: number, env: Env): number {
  const days = Number(env.SESSION_PURGE_DAYS) || DEFAULT_PURGE_DAYS;
  return endedAt + Math.round(days * DAY_MS);
}

import type { SessionStatus } from "../protocol/api.ts";

/** The light of each status: a class of style.css. */
export const STATUS_DOTS: Record<SessionStatus, string> = {
  queued: "waiting",
  starting: "connecting",
  active: "connected",
  unreachable: "waiting",
  failed: "failed",
  ended: "ended",
};

export const STATUS_WORDS: Record<SessionStatus, string> = {
  active: "Active",
  starting: "Starting",
  queued: "Queued",
  unreachable: "Unreachable",
  failed: "Failed",
  ended: "Ended",
};

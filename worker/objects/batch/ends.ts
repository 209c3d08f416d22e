import type { EndCause } from "../../../protocol/link.ts";
import type { JobEnd } from "../session/job.ts";
import type { JobRow } from "./jobs.ts";

/** What a host says of a desktop that is over. */
export type DesktopEnd = { session: string; cause: EndCause; reason: string };

export function isOver(state: JobRow["state"]): boolean {
  return state === "failed" || state === "ended";
}

/**
 * Whether a desktop did not come up, and for a reason that says something about its host. One that
 * had to be asked for again may have come up and ended, all unheard.
 */
export function isHostsFailure({ state, is_said }: JobRow, cause: EndCause): boolean {
  if (state !== "starting") return false;
  return cause === "failed" || cause === "lost" || (is_said <= 1 && UNLESS_UP.has(cause));
}

const UNLESS_UP: ReadonlySet<EndCause> = new Set(["exited", "limit"]);

/** How a job whose desktop is over came to its end: one that nobody or nothing broke has ended. */
export function endOf({ state }: JobRow, { cause, reason }: DesktopEnd): JobEnd {
  const isPlain = cause === "stopped" || cause === "limit" || cause === "exited";
  return { state: state === "open" && isPlain ? "ended" : "failed", reason };
}

/** Of a job that its host was told to start, and of which it said nothing more. */
export function noAnswer(hostName: string, seconds: number): JobEnd {
  const reason = `Its host ${hostName} was told to start its desktop and did not say within ${seconds} s what came of it; look at the log of its agent there, and restart that.`;
  return { state: "failed", reason };
}

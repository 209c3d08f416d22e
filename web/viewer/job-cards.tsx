import { useState } from "preact/hooks";
import type { Session } from "../../protocol/api.ts";
import { parseJobUrl } from "../../protocol/job-url.ts";
import { JobLogDialog } from "../jobs/job-log.tsx";
import type { Preparing } from "./states.ts";

const PREPARING_TITLES: Record<Preparing, string> = {
  queued: "Waiting for room",
  starting: "Starting its desktop",
};

/** A job's desktop is on its way: the page comes to it by itself. */
export function PreparingText({ status, reason }: { status: Preparing; reason: string }) {
  return (
    <>
      <h2>{PREPARING_TITLES[status]}</h2>
      <p data-testid="reason">{reason}</p>
      <p class="hint" data-testid="next">
        You can leave this page open: the desktop shows here as soon as it is there.
      </p>
    </>
  );
}

/** Whether it can be run: a job whose URL is none has failed from the start. */
export function isUrl(text: string | null): boolean {
  try {
    parseJobUrl(text ?? "");
    return true;
  } catch {
    return false;
  }
}

/** Shows what a job's desktop printed, to those who may read it. */
export function JobLogButton({ session }: { session: Session }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="button" onClick={() => setOpen(true)} data-testid="job-log">
        What it printed
      </button>
      {open && (
        <JobLogDialog
          sessionId={session.session_id}
          name={session.job_url ?? session.session_id}
          onClose={() => setOpen(false)}
        />
      )}
    </>
  );
}

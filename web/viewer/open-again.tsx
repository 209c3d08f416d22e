import { useState } from "preact/hooks";
import type { Session } from "../../protocol/api.ts";
import { ApiError, getSession, openDisplay } from "../api.ts";
import { applyJob } from "../jobs-api.ts";
import { navigate } from "../navigate.ts";
import { serverOf, wayBack } from "./way-back.ts";

/**
 * A job runs once more; another session's display is opened. Of a hosting panel's server neither would
 * do: its console may listen elsewhere by now, and has a password that only the panel gives.
 * @returns the page that shows it
 */
async function openOnceMore(over: Session): Promise<string> {
  const { session_id, host_id, vnc_port: port, job_url, label, control, clipboard } = over;
  if (serverOf(over) !== null) return wayBack(over).to;
  const isJob = job_url !== null || host_id === null || port === null;
  const session = isJob
    ? await applyJob(job_url ?? "", profileOf(over))
    : await openDisplay({
        ...{ host_id, port, label, options: { control, clipboard }, over: session_id },
      });
  return `/view/${session.session_id}`;
}

/** What a job ran as; one from before sessions knew it runs as jobs do that name nothing. */
const profileOf = ({ profile }: Session): { profile?: string } =>
  profile === null ? {} : { profile };

/** Opens in a new session what one that is over has shown. @param props.isJob that has run before */
export function OpenAgain({ sessionId, isJob }: { sessionId: string; isJob: boolean }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const open = async () => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      navigate(await openOnceMore(await getSession(sessionId)), "replace");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error.status === 404 ? "Porthole no longer knows what this was." : error.message);
      setBusy(false);
    }
  };
  const [doing, todo] = isJob ? ["Starting…", "Run it again"] : ["Opening…", "Open it again"];
  return (
    <>
      <p class="error" role="alert">
        {problem}
      </p>
      <button
        type="button"
        class="button primary"
        aria-disabled={busy}
        onClick={open}
        data-testid="open-again"
      >
        {busy ? doing : todo}
      </button>
    </>
  );
}

import { useState } from "preact/hooks";
import type { Session } from "../../protocol/api.ts";
import { ApiError, applyJob, getSession, openDisplay } from "../api.ts";
import { navigate } from "../router.tsx";

/** A job runs once more; another session's display is opened. */
function openOnceMore(over: Session): Promise<{ session_id: string }> {
  const { session_id, host_id, vnc_port: port, job_url, label, control, clipboard } = over;
  if (job_url !== null || host_id === null || port === null) return applyJob(job_url ?? "");
  return openDisplay({ host_id, port, label, options: { control, clipboard }, over: session_id });
}

/** Opens in a new session what one that is over has shown. */
export function OpenAgain({ sessionId }: { sessionId: string }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const open = async () => {
    if (busy) return;
    setBusy(true);
    try {
      const over = await getSession(sessionId);
      const session = await openOnceMore(over);
      navigate(`/view/${session.session_id}`, "replace");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error.status === 404 ? "Porthole no longer knows what this was." : error.message);
      setBusy(false);
    }
  };
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
        {busy ? "Opening…" : "Open it again"}
      </button>
    </>
  );
}

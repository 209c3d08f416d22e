import { useState } from "preact/hooks";
import type { Session } from "../../protocol/api.ts";
import { ApiError, endSession } from "../api.ts";
import { Dialog } from "../dialog.tsx";
import { signInPath } from "../next-path.ts";
import { navigate } from "../router.tsx";

/** What is to be known of what is ended. */
type Ending = Pick<Session, "session_id" | "job_url">;

type EndSessionProps = { session: Ending; name: string; onEnded(): void; onClose(): void };

/** Asks once more before a session ends for everybody. */
export function EndSession({ session, name, onEnded, onClose }: EndSessionProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const end = async () => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await endSession(session.session_id);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return navigate(signInPath(location.pathname));
      // It is forgotten already: that is what was asked for.
      if (error.status !== 404) {
        setProblem(error.message);
        return setBusy(false);
      }
    }
    onClose();
    onEnded();
  };
  return (
    <Dialog
      title={session.job_url === null ? "End this session?" : "End this job?"}
      onClose={onClose}
      testId="end-dialog"
    >
      <p>
        <strong class="end-name">{name}</strong> is closed for everyone who has it open, and the
        links to it work no more.{" "}
        {session.job_url === null
          ? "The desktop itself goes on."
          : "The desktop of its job is closed with it."}
      </p>
      <p class="error" role="alert">
        {problem}
      </p>
      <div class="actions">
        <button type="button" class="button" onClick={onClose}>
          Keep it
        </button>
        <button
          type="button"
          class="button danger"
          aria-disabled={busy}
          onClick={end}
          data-testid="confirm-end"
        >
          {busy ? "Ending…" : "End it"}
        </button>
      </div>
    </Dialog>
  );
}

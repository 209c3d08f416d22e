import { useState } from "preact/hooks";
import { ApiError, getSession, openDisplay } from "../api.ts";
import { navigate } from "../router.tsx";

/** Opens the display of a session that is over in a new session. */
export function OpenAgain({ sessionId }: { sessionId: string }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const open = async () => {
    if (busy) return;
    setBusy(true);
    try {
      const over = await getSession(sessionId);
      const { host_id, vnc_port: port, label, control, clipboard } = over;
      const options = { control, clipboard };
      const session = await openDisplay({ host_id, port, label, options, over: sessionId });
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

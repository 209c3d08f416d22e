import { useState } from "preact/hooks";
import { Dialog } from "../dialog.tsx";
import { disableVnc } from "../servers-api.ts";
import { explainOrSignIn } from "../sign-in-again.ts";

type DisableVncProps = { serverId: string; onDone(): void; onClose(): void };

/** Asks once more before VNC is switched off for everybody. */
export function DisableVnc({ serverId, onDone, onClose }: DisableVncProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const disable = async () => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await disableVnc(serverId);
    } catch (error) {
      setProblem(explainOrSignIn(error));
      // Its session may be over all the same.
      onDone();
      return setBusy(false);
    }
    onClose();
    onDone();
  };
  return (
    <Dialog title="Switch VNC off?" onClose={onClose} testId="disable-dialog">
      <p>
        The console of <strong class="end-name">server {serverId}</strong> is closed for everyone
        who has it open, and the links to it work no more. The server itself goes on.
      </p>
      <p class="error" role="alert">
        {problem}
      </p>
      <div class="actions">
        <button type="button" class="button" onClick={onClose}>
          Keep it on
        </button>
        <button
          type="button"
          class="button danger"
          aria-disabled={busy}
          onClick={disable}
          data-testid="confirm-disable"
        >
          {busy ? "Switching off…" : "Switch it off"}
        </button>
      </div>
    </Dialog>
  );
}

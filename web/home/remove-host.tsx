import { useState } from "preact/hooks";
import type { Host } from "../../protocol/api.ts";
import { ApiError, removeHost } from "../api.ts";
import { Dialog } from "../dialog.tsx";

type RemoveHostProps = { host: Host; onRemoved(): void; onClose(): void };

export function RemoveHost({ host, onRemoved, onClose }: RemoveHostProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const remove = async () => {
    if (busy) return;
    setBusy(true);
    try {
      await removeHost(host.host_id);
      onRemoved();
      onClose();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // Someone else removed it in the meantime: that is what was asked for.
      if (error.status === 404) {
        onRemoved();
        return onClose();
      }
      setProblem(error.message);
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Remove ${host.name}?`} onClose={onClose} testId="remove-dialog">
      <p>
        Its agent is cut off at once and everyone who watches it is disconnected. To bring it back,
        add it again with a new line.
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
          onClick={remove}
          data-testid="confirm-remove"
        >
          {busy ? "Removing…" : "Remove"}
        </button>
      </div>
    </Dialog>
  );
}

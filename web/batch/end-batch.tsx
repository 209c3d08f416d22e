import { useState } from "preact/hooks";
import { ApiError } from "../api.ts";
import { Dialog } from "../dialog.tsx";
import { endBatch } from "../jobs-api.ts";
import { explainOrSignIn } from "../sign-in-again.ts";

type EndBatchProps = { batchId: string; open: number; onEnded(): void; onClose(): void };

/** Asks once more before all jobs of a batch end. @param props.open how many have not ended */
export function EndBatch({ batchId, open, onEnded, onClose }: EndBatchProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const end = async () => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await endBatch(batchId);
    } catch (error) {
      // It is forgotten already: that is what was asked for.
      if (!(error instanceof ApiError && error.status === 404)) {
        setProblem(explainOrSignIn(error));
        return setBusy(false);
      }
    }
    onClose();
    onEnded();
  };
  return (
    <Dialog title="End this batch?" onClose={onClose} testId="end-batch-dialog">
      <p>
        {open === 1
          ? "The job that has not ended ends"
          : `The ${open} jobs that have not ended end`}
        , for everyone who has one open. Their desktops are closed, and jobs that wait do not start.
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
          data-testid="confirm-end-batch"
        >
          {busy ? "Ending…" : "End it"}
        </button>
      </div>
    </Dialog>
  );
}

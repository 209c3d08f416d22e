import { ConfirmDialog, unlessForgotten } from "../confirm-dialog.tsx";
import { endBatch } from "../jobs-api.ts";

type EndBatchProps = { batchId: string; open: number; onEnded(): void; onClose(): void };

/** Asks once more before all jobs of a batch end. @param props.open how many have not ended */
export function EndBatch({ batchId, open, onEnded, onClose }: EndBatchProps) {
  return (
    <ConfirmDialog
      title="End this batch?"
      words={{ keep: "Keep it", todo: "End it", doing: "Ending…" }}
      act={() => unlessForgotten(endBatch(batchId))}
      onDone={onEnded}
      onClose={onClose}
      testId="end-batch-dialog"
      confirmTestId="confirm-end-batch"
    >
      <p>
        {open === 1
          ? "The job that has not ended ends"
          : `The ${open} jobs that have not ended end`}
        , for everyone who has one open. Their desktops are closed, and jobs that wait do not start.
      </p>
    </ConfirmDialog>
  );
}

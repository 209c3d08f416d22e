import type { Host } from "../../protocol/api.ts";
import { removeHost } from "../api.ts";
import { ConfirmDialog, unlessForgotten } from "../confirm-dialog.tsx";

type RemoveHostProps = { host: Host; onRemoved(): void; onClose(): void };

/** Asks once more before a host, and all that watch it, are cut off. */
export function RemoveHost({ host, onRemoved, onClose }: RemoveHostProps) {
  return (
    <ConfirmDialog
      title={`Remove ${host.name}?`}
      words={{ keep: "Keep it", todo: "Remove", doing: "Removing…" }}
      act={() => unlessForgotten(removeHost(host.host_id))}
      onDone={onRemoved}
      onClose={onClose}
      testId="remove-dialog"
      confirmTestId="confirm-remove"
    >
      <p>
        Its agent is cut off at once and everyone who watches it is disconnected. To bring it back,
        add it again with a new line.
      </p>
    </ConfirmDialog>
  );
}

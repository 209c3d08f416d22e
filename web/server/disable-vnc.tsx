import { ConfirmDialog } from "../confirm-dialog.tsx";
import { disableVnc } from "../servers-api.ts";

type DisableVncProps = { serverId: string; onDone(): void; onClose(): void };

/** Asks once more before VNC is switched off for everybody. */
export function DisableVnc({ serverId, onDone, onClose }: DisableVncProps) {
  const disable = async () => {
    try {
      await disableVnc(serverId);
    } catch (error) {
      // Its session may be over all the same.
      onDone();
      throw error;
    }
  };
  return (
    <ConfirmDialog
      title="Switch VNC off?"
      words={{ keep: "Keep it on", todo: "Switch it off", doing: "Switching off…" }}
      act={disable}
      onDone={onDone}
      onClose={onClose}
      testId="disable-dialog"
      confirmTestId="confirm-disable"
    >
      <p>
        The console of <strong class="end-name">server {serverId}</strong> is closed for everyone
        who has it open, and the links to it work no more. The server itself goes on.
      </p>
    </ConfirmDialog>
  );
}

import type { Session } from "../../protocol/api.ts";
import { endSession } from "../api.ts";
import { ConfirmDialog, unlessForgotten } from "../confirm-dialog.tsx";

/** What is to be known of what is ended. */
type Ending = Pick<Session, "session_id" | "job_url">;

type EndSessionProps = { session: Ending; name: string; onEnded(): void; onClose(): void };

/** Asks once more before a session ends for everybody. */
export function EndSession({ session, name, onEnded, onClose }: EndSessionProps) {
  const isJob = session.job_url !== null;
  return (
    <ConfirmDialog
      title={isJob ? "End this job?" : "End this session?"}
      words={{ keep: "Keep it", todo: "End it", doing: "Ending…" }}
      act={() => unlessForgotten(endSession(session.session_id))}
      onDone={onEnded}
      onClose={onClose}
      testId="end-dialog"
      confirmTestId="confirm-end"
    >
      <p>
        <strong class="end-name">{name}</strong> is closed for everyone who has it open, and the
        links to it work no more.{" "}
        {isJob ? "The desktop of its job is closed with it." : "The desktop itself goes on."}
      </p>
    </ConfirmDialog>
  );
}

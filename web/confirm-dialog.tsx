import type { ComponentChildren, TargetedMouseEvent } from "preact";
import { useState } from "preact/hooks";
import { ApiError } from "./api.ts";
import { Dialog } from "./dialog.tsx";
import { explainOrSignIn } from "./sign-in-again.ts";

type ConfirmDialogProps = {
  title: string;
  /** What comes of it. */
  children: ComponentChildren;
  /** The buttons: the way out, what is done, and the same while it is being done. */
  words: { keep: string; todo: string; doing: string };
  act(): Promise<void>;
  /** Once it is done, and the dialog is closed; {@link onClose} is called as ever. */
  onDone(): void;
  onClose(): void;
  testId: string;
  confirmTestId: string;
};

/** Asks once more before something is done that cannot be taken back. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const { title, children, words, onClose } = props;
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const confirm = async ({ currentTarget }: TargetedMouseEvent<HTMLButtonElement>) => {
    if (busy) return;
    const dialog = currentTarget.closest("dialog");
    setBusy(true);
    setProblem(null);
    try {
      await props.act();
    } catch (error) {
      setProblem(explainOrSignIn(error));
      return setBusy(false);
    }
    // Nothing beside a modal dialog can have the keyboard: it is closed before somebody is given it.
    dialog?.close();
    props.onDone();
  };
  return (
    <Dialog title={title} onClose={onClose} testId={props.testId}>
      {children}
      <p class="error" role="alert">
        {problem}
      </p>
      <div class="actions">
        <button type="button" class="button" onClick={onClose}>
          {words.keep}
        </button>
        <button
          type="button"
          class="button danger"
          aria-disabled={busy}
          onClick={confirm}
          data-testid={props.confirmTestId}
        >
          {busy ? words.doing : words.todo}
        </button>
      </div>
    </Dialog>
  );
}

/** What is forgotten already is gone: that is what was asked for. */
export async function unlessForgotten(ending: Promise<unknown>): Promise<void> {
  try {
    await ending;
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
}

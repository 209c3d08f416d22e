import type { ComponentChildren, TargetedMouseEvent } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import "./dialog.css";
import { CloseIcon } from "./icons.tsx";

type DialogProps = { title: string; onClose(): void; children: ComponentChildren; testId: string };

/** A modal window; the browser keeps the keyboard in it, and closes it on Escape. */
export function Dialog({ title, onClose, children, testId }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  // Before the effects of what is in it: only an open dialog can have the keyboard.
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    // Closing gives the keyboard back to where it was; being taken out of the page does not.
    return () => shown?.close();
  }, []);
  const closeOnBackdrop = (event: TargetedMouseEvent<HTMLDialogElement>) => {
    // The dialog fills itself with its content: what is hit beside that is the backdrop.
    if (event.target === event.currentTarget) event.currentTarget.close();
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it, by the browser itself
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={titleId}
      onClose={onClose}
      onClick={closeOnBackdrop}
      data-testid={testId}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={titleId}>{title}</h2>
          <button
            type="button"
            class="tool"
            aria-label="Close"
            onClick={() => dialog.current?.close()}
          >
            <CloseIcon />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

import type { ComponentChildren, TargetedKeyboardEvent } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

type AskProps = {
  /** The question. */
  children: ComponentChildren;
  /** The buttons: what is done, and the way out. */
  words: { todo: string; keep: string };
  confirmTestId: string;
  onConfirm(): void;
  /** Whoever shows this gives the keyboard back to what asked. */
  onKeep(): void;
};

/** Asks once more, in its place, before something is done to somebody or taken from everybody. */
export function Ask({ children, words, confirmTestId, onConfirm, onKeep }: AskProps) {
  const keep = useRef<HTMLButtonElement>(null);
  const questionId = useId();
  // Before any key that is pressed next: whoever goes on typing does nothing.
  useLayoutEffect(() => keep.current?.focus(), []);
  const keepOnEscape = (event: TargetedKeyboardEvent<HTMLElement>) => {
    if (event.key !== "Escape") return;
    // It would close the chat.
    event.stopPropagation();
    onKeep();
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for a form
    <div class="chat-ask" role="group" aria-labelledby={questionId} onKeyDown={keepOnEscape}>
      <span id={questionId}>{children}</span>
      <button
        type="button"
        class="button small danger"
        onClick={onConfirm}
        data-testid={confirmTestId}
      >
        {words.todo}
      </button>
      <button type="button" class="button small" ref={keep} onClick={onKeep} data-testid="keep">
        {words.keep}
      </button>
    </div>
  );
}

import type { RefObject, TargetedKeyboardEvent, TargetedSubmitEvent } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import { MAX_CHAT_TEXT_CHARACTERS } from "../../protocol/limits.ts";
import { SendIcon } from "../icons.tsx";

/** A message of one's own that gets another text. */
export type Editing = { seq: number; text: string };

type ComposerProps = {
  field: RefObject<HTMLTextAreaElement | null>;
  /** What is written and not sent; kept by whoever shows this. */
  draft: string;
  onDraft(text: string): void;
  editing: Editing | null;
  /** Why nothing can be said here; null if it can. */
  refused: string | null;
  onTyping(): void;
  onSend(text: string): void;
  /** @returns false if that is not possible now */
  onSave(seq: number, text: string): boolean;
  onCancelEdit(): void;
  onEditLast(): void;
};

/** Where one writes: Enter sends, Shift+Enter begins a new line. */
export function Composer(props: ComposerProps) {
  const { field, draft, editing, refused } = props;
  const hintId = useId();
  const fieldId = useId();
  const [changed, setChanged] = useState("");
  const text = editing ? changed : draft;
  const isEmpty = text.trim() === "";
  useEffect(() => {
    if (!editing) return;
    setChanged(editing.text);
    field.current?.focus();
  }, [editing]);

  const submit = () => {
    if (isEmpty || refused !== null) return;
    if (editing) {
      if (editing.text === text || props.onSave(editing.seq, text)) props.onCancelEdit();
    } else {
      props.onSend(text);
      props.onDraft("");
    }
  };
  const onSubmit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    submit();
    // A button that was pressed has the keyboard: whoever sent one message often has another.
    field.current?.focus();
  };
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTextAreaElement>) => {
    // What a Chinese or Japanese keyboard composes is chosen with Enter too.
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      submit();
    } else if (event.key === "Escape" && editing) {
      event.stopPropagation();
      props.onCancelEdit();
    } else if (event.key === "ArrowUp" && text === "" && !editing) {
      event.preventDefault();
      props.onEditLast();
    }
  };

  return (
    <form class="composer" onSubmit={onSubmit}>
      {editing && (
        <p class="composer-editing">
          Changing a message
          <button type="button" class="button small quiet" onClick={props.onCancelEdit}>
            Cancel
          </button>
        </p>
      )}
      <label for={fieldId} class="visually-hidden">
        {editing ? "Changed message" : "Message"}
      </label>
      <div class="composer-row">
        <textarea
          id={fieldId}
          ref={field}
          rows={1}
          value={text}
          maxLength={MAX_CHAT_TEXT_CHARACTERS}
          placeholder="Write a message"
          readOnly={refused !== null}
          enterkeyhint="send"
          aria-describedby={hintId}
          onInput={({ currentTarget: { value } }) => {
            if (editing) setChanged(value);
            else props.onDraft(value);
            if (value !== "") props.onTyping();
          }}
          onKeyDown={onKeyDown}
          data-testid="write"
        />
        <button
          type="submit"
          class="tool send"
          aria-label={editing ? "Save the change" : "Send"}
          title={editing ? "Save the change" : "Send"}
          aria-disabled={isEmpty || refused !== null}
          data-testid="send"
        >
          <SendIcon />
        </button>
      </div>
      <p id={hintId} class="composer-hint">
        Enter sends, Shift+Enter begins a new line.
      </p>
    </form>
  );
}

import type { RefObject, TargetedKeyboardEvent, TargetedSubmitEvent } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import { storedText } from "../../protocol/chat.ts";
import { MAX_CHAT_TEXT_CHARACTERS } from "../../protocol/limits.ts";
import { SendIcon } from "../icons.tsx";
import "./composer.css";

/** A key that an input method has taken, also where the composition it ends is over already. */
const TAKEN_KEY_CODE = 229;

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
  const limitId = useId();
  const fieldId = useId();
  const [changed, setChanged] = useState<{ of: Editing; text: string } | null>(null);
  const text = editing ? (changed?.of === editing ? changed.text : editing.text) : draft;
  const { length } = storedText(text);
  const excess = length - MAX_CHAT_TEXT_CHARACTERS;
  const isSendable = length > 0 && excess <= 0 && refused === null;
  useEffect(() => {
    if (editing) field.current?.focus();
  }, [editing]);

  const submit = () => {
    if (!isSendable) return;
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
    // What a Chinese or Japanese keyboard composes is chosen with Enter, and left with Escape, too.
    // Safari tells of those only after the composition's end.
    if (event.isComposing || event.keyCode === TAKEN_KEY_CODE) {
      event.stopPropagation();
      return;
    }
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
          placeholder={refused === null ? "Write a message" : "You cannot write here now"}
          readOnly={refused !== null}
          enterkeyhint="send"
          aria-invalid={excess > 0}
          aria-describedby={`${limitId} ${hintId}`}
          onInput={({ currentTarget: { value } }) => {
            if (editing) setChanged({ of: editing, text: value });
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
          aria-disabled={!isSendable}
          data-testid="send"
        >
          <SendIcon />
        </button>
      </div>
      {/* What is pasted stays whole: whoever wrote it cuts it. */}
      <p id={limitId} role="status" class="composer-limit error" data-testid="too-long">
        {excess > 0 && tooLong(excess)}
      </p>
      {refused === null && (
        <p id={hintId} class="composer-hint">
          Enter sends, Shift+Enter begins a new line.
        </p>
      )}
    </form>
  );
}

function tooLong(excess: number): string {
  const [many, limit] = [excess, MAX_CHAT_TEXT_CHARACTERS].map((n) => n.toLocaleString("en"));
  return `${many} ${excess === 1 ? "character" : "characters"} too many: a message has at most ${limit}.`;
}

import { useState } from "preact/hooks";
import type { ChatMessage } from "../../protocol/chat.ts";
import { EditIcon, TrashIcon } from "../icons.tsx";
import { absolute, timeOfDay } from "../time.ts";
import type { Outgoing } from "./chat-state.ts";
import { linkify } from "./linkify.ts";

type MessageProps = {
  message: ChatMessage;
  author: string;
  mine: boolean;
  /** Whether its author is said: not below another of theirs. */
  named: boolean;
  /** Under one's own last message: what became of it. */
  mark: string | null;
  /** null for those that somebody else wrote, and while nothing can be asked of the room. */
  onEdit: (() => void) | null;
  onDelete: (() => void) | null;
};

/** A message that the room has stored. */
export function Message({ message, author, mine, named, mark, onEdit, onDelete }: MessageProps) {
  const [deleting, setDeleting] = useState(false);
  return (
    <li class={`msg ${mine ? "mine" : ""} ${named ? "named" : ""}`} data-testid="message">
      <p class={named ? "msg-head" : "visually-hidden"}>
        <span class="msg-author" data-testid="author">
          {mine ? "You" : author}
        </span>
        {message.from.role === "operator" && !mine && <span class="msg-role">operator</span>}{" "}
        <time dateTime={message.at} title={absolute(message.at)}>
          {timeOfDay(message.at)}
        </time>
      </p>
      <div class="msg-row">
        <p class="msg-text" title={absolute(message.at)} data-testid="text">
          {/* What a text does to the direction of writing ends with it. */}
          <bdi>
            <Text text={message.text} />
          </bdi>
          {message.edited_at && <span class="msg-edited"> (edited)</span>}
        </p>
        {!deleting && (onEdit || onDelete) && (
          <span class="msg-tools">
            {onEdit && (
              <button
                type="button"
                class="tool"
                aria-label={`Edit: ${message.text.slice(0, 40)}`}
                title="Edit"
                onClick={onEdit}
                data-testid="edit"
              >
                <EditIcon />
              </button>
            )}
            {onDelete && (
              <button
                type="button"
                class="tool"
                aria-label={`Delete: ${message.text.slice(0, 40)}`}
                title="Delete"
                onClick={() => setDeleting(true)}
                data-testid="delete"
              >
                <TrashIcon />
              </button>
            )}
          </span>
        )}
      </div>
      {deleting && onDelete && (
        <p class="msg-ask" role="alert">
          Delete this message for everybody?
          <button
            type="button"
            class="button small danger"
            onClick={onDelete}
            data-testid="confirm-delete"
          >
            Delete
          </button>
          <button type="button" class="button small" onClick={() => setDeleting(false)}>
            Keep
          </button>
        </p>
      )}
      {mark && (
        <p class="msg-mark" data-testid="mark">
          {mark}
        </p>
      )}
    </li>
  );
}

type OutgoingProps = {
  outgoing: Outgoing;
  /** Whether it is on its way; else it waits for the room. */
  here: boolean;
  onRetry(): void;
  onDiscard(): void;
};

/** A message of one's own that the room has not shown yet. */
export function OutgoingMessage({ outgoing, here, onRetry, onDiscard }: OutgoingProps) {
  const { text, problem, seq } = outgoing;
  const mark = seq !== null ? "Sent" : here ? "Sending…" : "Waiting until the chat is back…";
  return (
    <li class={`msg mine ${problem ? "failed" : "sending"}`} data-testid="outgoing">
      <div class="msg-row">
        <p class="msg-text">
          <Text text={text} />
        </p>
      </div>
      {problem === null ? (
        <p class="msg-mark">{mark}</p>
      ) : (
        <p class="msg-ask" role="alert">
          <span class="error">Not sent. {problem}</span>
          <button type="button" class="button small" onClick={onRetry} data-testid="try-again">
            Try again
          </button>
          <button type="button" class="button small" onClick={onDiscard} data-testid="discard">
            Remove
          </button>
        </p>
      )}
    </li>
  );
}

function Text({ text }: { text: string }) {
  return linkify(text).map((piece) =>
    piece.href === undefined ? (
      piece.text
    ) : (
      <a href={piece.href} target="_blank" rel="noopener noreferrer">
        {piece.text}
      </a>
    ),
  );
}

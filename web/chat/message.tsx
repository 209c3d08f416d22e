import { useRef, useState } from "preact/hooks";
import type { ChatMessage } from "../../protocol/chat.ts";
import { EditIcon, TrashIcon } from "../icons.tsx";
import { absolute, timeOfDay } from "../time.ts";
import { Ask } from "./ask.tsx";
import type { Outgoing } from "./chat-state.ts";
import { linkify } from "./linkify.ts";
import { memo } from "./memo.ts";
import "./message.css";

/** What can be done about a message. */
export type MessageDeeds = {
  edit(message: { seq: number; text: string }): void;
  delete(seq: number): void;
  retry(cid: string): void;
  discard(cid: string): void;
};

type MessageProps = {
  message: ChatMessage;
  author: string;
  mine: boolean;
  /** Whether its author is said: not below another of theirs. */
  named: boolean;
  /** Under one's own last message: what became of it. */
  mark: string | null;
  mayEdit: boolean;
  mayDelete: boolean;
  deeds: MessageDeeds;
};

/** A message that the room has stored. */
export const Message = memo(function Message(props: MessageProps) {
  const { message, author, mine, named, mark, mayEdit, mayDelete, deeds } = props;
  const { seq, text, at } = message;
  const [deleting, setDeleting] = useState(false);
  const deleteTool = useRef<HTMLButtonElement>(null);
  const keep = () => {
    deleteTool.current?.focus();
    setDeleting(false);
  };
  return (
    <li
      class={`msg ${mine ? "mine" : ""} ${named ? "named" : ""}`}
      data-seq={seq}
      data-testid="message"
    >
      <p class={named ? "msg-head" : "visually-hidden"}>
        <span class="msg-author" data-testid="author">
          {mine ? "You" : author}
        </span>
        {message.from.role === "operator" && !mine && <span class="msg-role">operator</span>}{" "}
        <time dateTime={at} title={absolute(at)}>
          {timeOfDay(at)}
        </time>
      </p>
      <div class="msg-row">
        <p class="msg-text" title={absolute(at)} data-testid="text">
          {/* What a text does to the direction of writing ends with it. */}
          <bdi>
            <Text text={text} />
          </bdi>
          {message.edited_at && <span class="msg-edited"> (edited)</span>}
        </p>
        {(mayEdit || mayDelete) && (
          <span class="msg-tools">
            {mayEdit && (
              <button
                type="button"
                class="tool"
                aria-label={`Edit: ${text.slice(0, 40)}`}
                title="Edit"
                onClick={() => deeds.edit({ seq, text })}
                data-testid="edit"
              >
                <EditIcon />
              </button>
            )}
            {mayDelete && (
              <button
                type="button"
                class="tool"
                ref={deleteTool}
                aria-label={`Delete: ${text.slice(0, 40)}`}
                aria-expanded={deleting}
                title="Delete"
                onClick={() => setDeleting(!deleting)}
                data-testid="delete"
              >
                <TrashIcon />
              </button>
            )}
          </span>
        )}
      </div>
      {deleting && mayDelete && (
        <Ask
          words={{ todo: "Delete", keep: "Keep" }}
          confirmTestId="confirm-delete"
          onConfirm={() => deeds.delete(seq)}
          onKeep={keep}
        >
          Delete this message for everybody?
        </Ask>
      )}
      {mark && (
        <p class="msg-mark" data-testid="mark">
          {mark}
        </p>
      )}
    </li>
  );
});

type OutgoingProps = {
  outgoing: Outgoing;
  /** Whether it is on its way; else it waits for the room. */
  here: boolean;
  deeds: MessageDeeds;
};

/** A message of one's own that the room has not shown yet. */
export const OutgoingMessage = memo(function OutgoingMessage(props: OutgoingProps) {
  const { outgoing, here, deeds } = props;
  const { cid, text, problem, seq } = outgoing;
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
        <p class="msg-problem" role="alert">
          <span class="error">Not sent. {problem}</span>
          <button
            type="button"
            class="button small"
            onClick={() => deeds.retry(cid)}
            data-testid="try-again"
          >
            Try again
          </button>
          <button
            type="button"
            class="button small"
            onClick={() => deeds.discard(cid)}
            data-testid="discard"
          >
            Remove
          </button>
        </p>
      )}
    </li>
  );
});

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

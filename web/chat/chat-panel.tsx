import type { ComponentChildren, TargetedKeyboardEvent } from "preact";
import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import { CloseIcon, PeopleIcon } from "../icons.tsx";
import "./chat.css";
import { ChatPeople } from "./chat-people.tsx";
import { shownChanges } from "./chat-state.ts";
import { Composer, type Editing } from "./composer.tsx";
import { authorNames } from "./lines.ts";
import { MessageLog } from "./message-log.tsx";
import { UnsavedEdits } from "./unsaved-edits.tsx";
import type { ChatOfPage } from "./use-chat.ts";

type ChatPanelProps = {
  page: ChatOfPage;
  title: string;
  /** What stands where nothing was said yet. */
  empty: string;
  draft: string;
  onDraft(text: string): void;
  /** Whether the keyboard goes there at once. */
  takesFocus: boolean;
  /** null for a chat that is a page of its own. */
  onClose: (() => void) | null;
  /** What else belongs to this room, below its name. */
  children?: ComponentChildren;
};

/** A chat: who is there, what was said, and where one writes. */
export function ChatPanel(props: ChatPanelProps) {
  const { page, title, onClose } = props;
  const { room, view, chat, typing } = page;
  const field = useRef<HTMLTextAreaElement>(null);
  const [editing, setEditing] = useState<Editing | null>(null);
  const [peopleShown, setPeopleShown] = useState(false);
  const titleId = useId();
  const peopleId = useId();
  const names = useMemo(() => authorNames(view.state, room.members), [view.state, room.members]);
  useEffect(() => {
    if (props.takesFocus) field.current?.focus();
  }, []);

  const stopEditing = () => {
    setEditing(null);
    field.current?.focus();
  };
  const editLast = () => {
    const own = shownChanges(view.state).findLast(
      (change) => change.type === "message" && change.from.id === view.state.me?.id,
    );
    if (own?.type === "message") setEditing({ seq: own.seq, text: own.text });
  };
  const closeOnEscape = (event: TargetedKeyboardEvent<HTMLElement>) => {
    if (event.key === "Escape") onClose?.();
  };
  const muted = room.members.find(({ id }) => id === room.me?.id)?.muted_until !== undefined;

  return (
    <section
      class="chat"
      aria-labelledby={titleId}
      onKeyDown={closeOnEscape}
      data-link={room.link}
      data-testid="chat"
    >
      <header class="chat-head">
        <h2 id={titleId}>{title}</h2>
        <button
          type="button"
          class="button small quiet"
          aria-expanded={peopleShown}
          aria-controls={peopleId}
          aria-label={`${room.members.length} here: who`}
          onClick={() => setPeopleShown(!peopleShown)}
          data-testid="show-people"
        >
          <PeopleIcon /> {room.members.length}
        </button>
        {onClose && (
          <button
            type="button"
            class="tool"
            aria-label="Close the chat"
            title="Close the chat"
            onClick={onClose}
            data-testid="close-chat"
          >
            <CloseIcon />
          </button>
        )}
      </header>
      {props.children}
      {peopleShown && (
        <ChatPeople
          id={peopleId}
          me={room.me}
          members={room.members}
          names={names}
          onAsk={(message) => chat?.ask(message)}
        />
      )}
      <MessageLog
        page={page}
        empty={props.empty}
        onEdit={(seq, text) => setEditing({ seq, text })}
      />
      <div class="chat-state">
        {/* Nothing that comes and goes by the second is read out. */}
        <p class="chat-typing" aria-hidden="true" data-testid="typing">
          {typingSentence(typing.flatMap((id) => names.get(id) ?? []))}
        </p>
        <p role="status" class="chat-line" data-testid="chat-link">
          {room.refused ??
            (room.link === "away"
              ? "The chat is away. What you write is sent as soon as it is back."
              : muted
                ? "An operator muted you here: nobody hears you for now."
                : null)}
        </p>
        <p role="alert" class="chat-line warn" data-testid="chat-notice">
          {view.notice}
          {view.notice && (
            <button
              type="button"
              class="tool"
              aria-label="Close this notice"
              onClick={() => chat?.dismissNotice()}
            >
              <CloseIcon />
            </button>
          )}
        </p>
      </div>
      <UnsavedEdits page={page} onGone={() => field.current?.focus()} />
      <Composer
        field={field}
        draft={props.draft}
        onDraft={props.onDraft}
        editing={editing}
        refused={room.refused}
        onTyping={() => {
          if (!muted) chat?.typing();
        }}
        onSend={(text) => chat?.send(text.trim())}
        onSave={(seq, text) => chat?.ask({ type: "edit", seq, text: text.trim() }) ?? false}
        onCancelEdit={stopEditing}
        onEditLast={editLast}
      />
    </section>
  );
}

function typingSentence(names: readonly string[]): string {
  if (names.length === 0) return "";
  if (names.length === 1) return `${names[0]} is typing…`;
  if (names.length === 2) return `${names[0]} and ${names[1]} are typing…`;
  return `${names.length} people are typing…`;
}

import type { ComponentChildren, TargetedKeyboardEvent } from "preact";
import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import { CloseIcon, PeopleIcon } from "../icons.tsx";
import "./chat.css";
import "./beside-desktop.css";
import { ChatPeople } from "./chat-people.tsx";
import { ChatStanding } from "./chat-standing.tsx";
import { shownChanges } from "./chat-state.ts";
import { Composer, type Editing } from "./composer.tsx";
import type { MessageDeeds } from "./message.tsx";
import { MessageLog } from "./message-log.tsx";
import { UnsavedEdits } from "./unsaved-edits.tsx";
import type { ChatOfPage } from "./use-chat.ts";
import { useKeptFocus } from "./use-kept-focus.ts";

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
  const { room, view, chat, names, muted, removals } = page;
  const panel = useRef<HTMLElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const [editing, setEditing] = useState<Editing | null>(null);
  const [peopleShown, setPeopleShown] = useState(false);
  const titleId = useId();
  const peopleId = useId();
  useKeptFocus(panel, field);
  useEffect(() => {
    if (props.takesFocus) field.current?.focus();
  }, []);
  const deeds = useMemo(
    (): MessageDeeds => ({
      edit: setEditing,
      delete: (seq) => void chat?.ask({ type: "delete", seq }),
      retry: (cid) => {
        chat?.retry(cid);
        // What was pressed is gone, and whoever said one thing often has another to say.
        field.current?.focus();
      },
      discard: (cid) => {
        chat?.discard(cid);
        field.current?.focus();
      },
    }),
    [chat],
  );

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
  /** Whoever was let in before still sees what they saw. */
  const isShutOut = room.refused !== null && !Number.isFinite(view.state.floor);
  const isMuted = room.me !== null && muted.has(room.me.id);

  return (
    <section
      class="chat"
      ref={panel}
      // What is pressed beside the buttons is in the chat too.
      tabIndex={-1}
      aria-labelledby={titleId}
      onKeyDown={closeOnEscape}
      data-link={room.link}
      data-testid="chat"
    >
      <header class="chat-head">
        <h2 id={titleId}>{title}</h2>
        {room.members.length > 0 && (
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
        )}
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
          muted={muted}
          onMute={(member, seconds) => chat?.ask({ type: "mute", member, seconds })}
          onRemove={removals.remove}
        />
      )}
      {isShutOut ? (
        <p class="log-note shut-out" data-testid="shut-out">
          What was said here is not shown to those who are not let in.
        </p>
      ) : (
        <MessageLog page={page} empty={props.empty} deeds={deeds} />
      )}
      <ChatStanding page={page} isMuted={isMuted} />
      {room.refused !== null && !room.isOver && (
        <p class="chat-again">
          If that has changed, you can come back.
          <button
            type="button"
            class="button small"
            onClick={() => page.connection?.wake()}
            data-testid="come-back"
          >
            Try again
          </button>
        </p>
      )}
      <UnsavedEdits page={page} onGone={() => field.current?.focus()} />
      <Composer
        field={field}
        draft={props.draft}
        onDraft={props.onDraft}
        editing={editing}
        refused={room.refused}
        onTyping={() => {
          if (!isMuted) chat?.typing();
        }}
        onSend={(text) => chat?.send(text.trim())}
        onSave={(seq, text) => chat?.ask({ type: "edit", seq, text: text.trim() }) ?? false}
        onCancelEdit={stopEditing}
        onEditLast={editLast}
      />
    </section>
  );
}

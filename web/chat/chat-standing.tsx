import { CloseIcon } from "../icons.tsx";
import type { ChatOfPage } from "./use-chat.ts";

/** How it stands with a chat: who types, what is not possible, and what can be taken back. */
export function ChatStanding({ page, isMuted }: { page: ChatOfPage; isMuted: boolean }) {
  const { room, view, chat, typing, names, removals } = page;
  return (
    <div class="chat-state">
      {/* Nothing that comes and goes by the second is read out. */}
      <p class="chat-typing" aria-hidden="true" data-testid="typing">
        {typingSentence(typing.flatMap((id) => names.get(id) ?? []))}
      </p>
      <p role="status" class="chat-line" data-testid="chat-link">
        {room.refused ??
          (room.link === "away"
            ? "The chat is away. What you write is sent as soon as it is back."
            : isMuted
              ? "An operator muted you here: nobody hears you for now."
              : null)}
      </p>
      <div role="status">
        {removals.shown.map(({ id, name }) => (
          <p class="chat-line" key={id} data-testid="removed">
            <span>You removed {name} for an hour.</span>
            <button
              type="button"
              class="button small"
              onClick={() => removals.letBack(id)}
              data-testid="let-back"
            >
              Let them back in
            </button>
            <CloseNotice onClose={() => removals.dismiss(id)} />
          </p>
        ))}
      </div>
      <p role="alert" class="chat-line warn" data-testid="chat-notice">
        {view.notice}
        {view.notice && <CloseNotice onClose={() => chat?.dismissNotice()} />}
      </p>
    </div>
  );
}

function CloseNotice({ onClose }: { onClose(): void }) {
  return (
    <button type="button" class="tool" aria-label="Close this notice" onClick={onClose}>
      <CloseIcon />
    </button>
  );
}

function typingSentence(names: readonly string[]): string {
  if (names.length === 0) return "";
  if (names.length === 1) return `${names[0]} is typing…`;
  if (names.length === 2) return `${names[0]} and ${names[1]} are typing…`;
  return `${names.length} people are typing…`;
}

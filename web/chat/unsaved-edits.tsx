import "./unsaved-edits.css";
import type { ChatOfPage } from "./use-chat.ts";

type UnsavedEditsProps = {
  page: ChatOfPage;
  /** One of them is gone from here, with the button that was pressed. */
  onGone(): void;
};

/** Edits that the room did not take, with their texts, and what waits until it is back. */
export function UnsavedEdits({ page, onGone }: UnsavedEditsProps) {
  const { view, room, chat } = page;
  const { revisions } = view.state;
  const waiting = room.link === "away" ? revisions.filter(({ problem }) => problem === null) : [];
  return (
    <>
      <p role="status" class="chat-line waiting-changes" data-testid="waiting-changes">
        {waiting.length > 0 &&
          (waiting.length === 1
            ? "A change waits until the chat is back."
            : `${waiting.length} changes wait until the chat is back.`)}
      </p>
      {revisions.map(
        ({ seq, text, problem }) =>
          problem !== null && (
            <div key={seq} class="unsaved" role="alert" data-testid="unsaved-edit">
              <p class="error">Your change was not saved. {problem}</p>
              <p class="unsaved-text">{text}</p>
              <button
                type="button"
                class="button small"
                onClick={() => {
                  chat?.retry(seq);
                  onGone();
                }}
                data-testid="save-again"
              >
                Try again
              </button>
              <button
                type="button"
                class="button small"
                onClick={() => {
                  chat?.discard(seq);
                  onGone();
                }}
                data-testid="drop-edit"
              >
                Remove
              </button>
            </div>
          ),
      )}
    </>
  );
}

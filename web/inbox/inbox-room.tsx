import { useEffect } from "preact/hooks";
import type { InboxRoom as InboxEntry, SupportState } from "../../protocol/chat.ts";
import { ChatNews } from "../chat/chat-news.tsx";
import { ChatPanel } from "../chat/chat-panel.tsx";
import { unseenMessages } from "../chat/chat-state.ts";
import { useDraft } from "../chat/draft.ts";
import { useChat } from "../chat/use-chat.ts";
import { BackIcon } from "../icons.tsx";
import { Link } from "../router.tsx";
import { absolute, elapsed } from "../time.ts";

type InboxRoomProps = {
  room: string;
  /** As the list has it; null if it does not show this room now. */
  entry: InboxEntry | null;
  onUnseen(count: number): void;
};

/** One guest's chat, with what staff can do about it. */
export function InboxRoom({ room, entry, onUnseen }: InboxRoomProps) {
  const page = useChat(room);
  const { view, chat } = page;
  const { me } = page.room;
  const { support } = view.state;
  const unseen = unseenMessages(view.state).length;
  const [draft, setDraft] = useDraft(room, me?.id ?? null);
  useEffect(() => onUnseen(unseen), [unseen]);
  useEffect(() => () => onUnseen(0), []);
  const isMine = support?.claimed_by != null && support.claimed_by.id === me?.id;
  const isClosed = support?.state === "closed";
  const here = page.room.link === "here";
  return (
    <>
      <ChatNews news={page.news} />
      <ChatPanel
        page={page}
        title={entry?.guest ?? guestIn(page) ?? "Chat"}
        empty="Nothing was said in this chat yet."
        draft={draft}
        onDraft={setDraft}
        takesFocus
        onClose={null}
      >
        <div class="room-state staff">
          <Link to="/inbox" class="tool to-list" label="Back to the list" testId="to-list">
            <BackIcon />
          </Link>
          <p role="status" data-testid="room-state">
            {support && describe(support, isMine)}
          </p>
          {support && here && (
            <span class="room-actions">
              {/* One who closes a room lets go of it too: what is over needs nobody. */}
              {!isClosed && (
                <button
                  type="button"
                  class="button small"
                  onClick={() => chat?.ask({ type: "claim", release: isMine })}
                  data-testid="claim"
                >
                  {isMine ? "Release" : support.claimed_by ? "Take over" : "Claim"}
                </button>
              )}
              {/* One button for both: the keyboard stays on it. */}
              <button
                type="button"
                class="button small"
                onClick={() => chat?.ask({ type: isClosed ? "reopen_room" : "close_room" })}
                data-testid={isClosed ? "reopen-room" : "close-room"}
              >
                {isClosed ? "Reopen" : "Close"}
              </button>
            </span>
          )}
        </div>
      </ChatPanel>
    </>
  );
}

function guestIn({ room, view }: ReturnType<typeof useChat>): string | undefined {
  const authors = [...view.state.changes.values()].flatMap((change) =>
    change.type === "message" ? [change.from] : [],
  );
  return [...room.members, ...authors].find(({ role }) => role === "guest")?.name;
}

function describe({ state, claimed_by, waiting_since }: SupportState, isMine: boolean) {
  if (state === "closed") return "Closed. What its guest says next opens it again.";
  const who = isMine ? "Yours." : claimed_by ? `${claimed_by.name} takes care of it.` : "";
  if (waiting_since === null) return who || "Nobody waits for an answer.";
  return (
    <>
      {who}{" "}
      <span class="room-waits" title={absolute(waiting_since)}>
        Waits for {elapsed(waiting_since, Date.now())}.
      </span>
    </>
  );
}

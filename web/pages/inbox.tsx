import { useState } from "preact/hooks";
import type { InboxState } from "../../protocol/chat.ts";
import "../home/home.css";
import { useNow } from "../home/use-now.ts";
import { Logo } from "../icons.tsx";
import "../inbox/inbox.css";
import { InboxRoom } from "../inbox/inbox-room.tsx";
import { RoomList } from "../inbox/room-list.tsx";
import { useInbox } from "../inbox/use-inbox.ts";
import { Masthead } from "../masthead.tsx";
import { usePage } from "../router.tsx";
import { Segments } from "../segments.tsx";

const FILTERS: readonly { label: string; value: InboxState }[] = [
  { label: "Waiting", value: "waiting" },
  { label: "Open", value: "open" },
  { label: "Closed", value: "closed" },
];

/** The support rooms, for staff. @param props.roomId of the room that is open beside the list */
export function Inbox({ roomId }: { roomId: string | null }) {
  const [filter, setFilter] = useState<InboxState>("open");
  const { rooms, hasMore, waiting, hasMoreWaiting, problem, refresh, more } = useInbox(filter);
  useNow(); // how long somebody waits goes on while nothing changes
  const [unseen, setUnseen] = useState(0);
  const room = roomId === null ? null : `support:${roomId}`;
  // Who waits in the room that is open is counted already.
  const count = Math.max(waiting, unseen);
  const state = rooms ? "ready" : problem ? "error" : "loading";
  const atLeast = hasMoreWaiting ? "+" : "";
  usePage(count > 0 ? `(${count}${atLeast}) Inbox` : "Inbox", state);
  return (
    <div class={`home inbox ${room ? "with-room" : ""}`}>
      <Masthead />
      <main class="inbox-main">
        <section class="inbox-list" aria-label="Chats">
          <div class="inbox-title">
            <h1>Inbox</h1>
            {waiting > 0 && (
              <span class="room-waits" data-testid="waiting-count">
                {waiting}
                {atLeast} {waiting === 1 ? "waits" : "wait"}
              </span>
            )}
          </div>
          <Segments legend="Which chats" choices={FILTERS} value={filter} onChange={setFilter} />
          {problem && (
            <p class="notice-line" role="alert" data-testid="reason">
              {problem}
              {rooms ? " What you see may be out of date." : " It is tried again by itself."}{" "}
              <button type="button" class="button small" onClick={refresh} data-testid="retry">
                Try now
              </button>
            </p>
          )}
          {(rooms || !problem) && <RoomList rooms={rooms} filter={filter} current={room} />}
          {hasMore && (
            <button type="button" class="button more" onClick={more} data-testid="more-rooms">
              Show more chats
            </button>
          )}
        </section>
        {room ? (
          <InboxRoom
            key={room}
            room={room}
            entry={rooms?.find((entry) => entry.room === room) ?? null}
            onUnseen={setUnseen}
          />
        ) : (
          <section class="inbox-none">
            <Logo />
            <p>Choose a chat. Guests open one at {location.origin}/support.</p>
          </section>
        )}
      </main>
    </div>
  );
}

import type { InboxRoom, InboxState } from "../../protocol/chat.ts";
import { Link } from "../router.tsx";
import { absolute, elapsed } from "../time.ts";

const NOBODY: Record<InboxState, string> = {
  waiting: "Nobody waits for an answer.",
  open: "No chat is open.",
  closed: "No chat was closed yet.",
};

type RoomListProps = {
  /** null while they load. */
  rooms: readonly InboxRoom[] | null;
  filter: InboxState;
  /** The room that is open beside the list. */
  current: string | null;
};

/** The support rooms of one kind. */
export function RoomList({ rooms, filter, current }: RoomListProps) {
  if (rooms === null) {
    return (
      <div class="rooms" aria-busy="true" role="status" aria-label="Loading the chats">
        <div class="bone bone-card" />
        <div class="bone bone-card" />
      </div>
    );
  }
  if (rooms.length === 0) {
    return (
      <p class="rooms-none" role="status" data-testid="no-rooms">
        {NOBODY[filter]}
      </p>
    );
  }
  return (
    <ul class="rooms" data-testid="rooms">
      {rooms.map((room) => (
        <li key={room.room}>
          <Entry room={room} current={room.room === current} />
        </li>
      ))}
    </ul>
  );
}

function Entry({ room, current }: { room: InboxRoom; current: boolean }) {
  const { guest, last_message, waiting_since, claimed_by, unread } = room;
  const now = Date.now();
  return (
    <Link to={pathOf(room.room)} class="room" current={current} testId="room">
      <span class="room-head">
        <span class="room-guest">{guest}</span>
        <time dateTime={last_message.at} title={absolute(last_message.at)}>
          {elapsed(last_message.at, now)}
        </time>
      </span>
      <span class="room-last">{last_message.text ?? "A message was deleted."}</span>
      <span class="room-facts">
        {waiting_since && (
          <span class="room-waits" data-testid="waits">
            waits for {elapsed(waiting_since, now)}
          </span>
        )}
        {claimed_by && <span>{claimed_by.me ? "yours" : claimed_by.name}</span>}
        {unread > 0 && (
          <span class="room-unread" data-testid="unread">
            {unread}
            <span class="visually-hidden"> unread</span>
          </span>
        )}
      </span>
    </Link>
  );
}

/** Where a support room is opened beside the list. */
function pathOf(room: string): string {
  return `/inbox/${room.slice("support:".length)}`;
}

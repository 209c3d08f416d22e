import type { InboxRoom, InboxState } from "../../protocol/chat.ts";
import { pageOfRooms } from "../api.ts";

/** How many rooms a page holds at first, and how many more each "more" brings. */
const ROOMS_A_PAGE = 50;

/** What one look at the inbox finds. */
export type Look = {
  rooms: InboxRoom[];
  hasMore: boolean;
  /** How many guests wait, as far as one page tells. */
  waiting: number;
  hasMoreWaiting: boolean;
};

/** Reads so many pages of a list, and who waits. */
export async function lookAt(
  filter: InboxState,
  pages: number,
  signal: AbortSignal,
): Promise<Look> {
  const [{ rooms, hasMore }, waiting] = await Promise.all([
    readPages(filter, pages, signal),
    pageOfRooms("waiting", ROOMS_A_PAGE, null, signal),
  ]);
  return {
    rooms,
    hasMore,
    waiting: waiting.items.length,
    hasMoreWaiting: waiting.next_cursor !== null,
  };
}

async function readPages(filter: InboxState, pages: number, signal: AbortSignal) {
  // By name: a room that somebody writes in moves, and can be on two of the pages.
  const rooms = new Map<string, InboxRoom>();
  let cursor: string | null = null;
  for (let page = 0; page === 0 || (page < pages && cursor !== null); page++) {
    const { items, next_cursor } = await pageOfRooms(filter, ROOMS_A_PAGE, cursor, signal);
    for (const room of items) if (!rooms.has(room.room)) rooms.set(room.room, room);
    cursor = next_cursor;
  }
  return { rooms: [...rooms.values()], hasMore: cursor !== null };
}

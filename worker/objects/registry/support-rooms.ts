import { RpcTarget } from "cloudflare:workers";
import type { InboxRoom, InboxState } from "../../../protocol/chat.ts";
import type { RoomChange } from "../../../protocol/events.ts";
import { addMissingColumns, oneRow } from "../storage.ts";
import type { Feed } from "./feed.ts";

/** So many support rooms one address opens in an hour. */
export const MAX_ROOMS_PER_ADDRESS = 10;

const OPENING_WINDOW_MS = 60 * 60_000;

/**
 * Which support rooms there are, for the inbox of staff. Fed by each room's outbox, and a room that
 * nobody has said anything in is not in it; a room is the truth about itself.
 */
export class SupportRooms extends RpcTarget {
  readonly #sql: SqlStorage;
  readonly #feed: Feed;

  constructor(sql: SqlStorage, feed: Feed) {
    super();
    this.#sql = sql;
    this.#feed = feed;
  }

  /**
   * Asks whether one more room may be opened from an address, and counts it.
   * @param counted what counts as one address
   */
  admit(counted: string): boolean {
    const now = Date.now();
    this.#sql.exec("DELETE FROM support_openings WHERE started_at <= ?", now - OPENING_WINDOW_MS);
    return (
      this.#sql.exec(
        `INSERT INTO support_openings (address, used, started_at) VALUES (?, 1, ?)
         ON CONFLICT (address) DO UPDATE SET used = used + 1 WHERE used < ?`,
        counted,
        now,
        MAX_ROOMS_PER_ADDRESS,
      ).rowsWritten > 0
    );
  }

  /** Takes a room's news; older news than it has changes nothing, so delivery may repeat. */
  put(row: SupportIndexRow): void {
    const query = "SELECT * FROM support_rooms WHERE room = ?";
    const changes = changesOf(oneRow(this.#sql.exec<Row>(query, row.room)), row);
    this.#sql.exec(
      `INSERT INTO support_rooms (room, guest, created_at, state, waiting_since, claimed_name,
         claimed_person, last_seq, last_at, last_from, last_text, version, deleted)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (room) DO UPDATE SET state = excluded.state, waiting_since = excluded.waiting_since,
         claimed_name = excluded.claimed_name, claimed_person = excluded.claimed_person,
         last_seq = excluded.last_seq, last_at = excluded.last_at, last_from = excluded.last_from,
         last_text = excluded.last_text, version = excluded.version, deleted = excluded.deleted
       WHERE excluded.version > support_rooms.version`,
      row.room,
      row.guest,
      row.created_at,
      row.state,
      row.waiting_since,
      row.claimed_name,
      row.claimed_person,
      row.last_seq,
      row.last_at,
      row.last_from,
      row.last_text,
      row.version,
      row.deleted,
    );
    for (const { person, seq, deleted } of row.reads) {
      this.#sql.exec(
        `INSERT INTO support_reads (room, person, seq, deleted) VALUES (?, ?, ?, ?)
         ON CONFLICT (room, person) DO UPDATE SET seq = excluded.seq, deleted = excluded.deleted
         WHERE excluded.seq >= support_reads.seq`,
        row.room,
        person,
        seq,
        deleted,
      );
    }
    for (const change of changes) this.#feed.addRoom(row.room, change);
  }

  /** A room and all that was said in it is gone. */
  remove(room: string): void {
    const query = "DELETE FROM support_rooms WHERE room = ?";
    if (this.#sql.exec(query, room).rowsWritten > 0) this.#feed.addRoom(room, "removed");
    this.#sql.exec("DELETE FROM support_reads WHERE room = ?", room);
  }

  /**
   * The inbox as a person of staff sees it.
   * @param after the last room of the page before, as its `next_cursor` says
   */
  page(options: {
    state: InboxState;
    person: string;
    after: { at: number; room: string } | null;
    limit: number;
  }): { items: InboxRoom[]; next: { at: number; room: string } | null } {
    const { state, person, after, limit } = options;
    const { where, at, order } = ORDERS[state];
    const compare = order === "ASC" ? ">" : "<";
    const from = after ? `AND (${at}, support_rooms.room) ${compare} (?, ?)` : "";
    const rows = this.#sql
      .exec<Row>(
        `SELECT support_rooms.*, ${at} AS sorted_by, coalesce(seq, 0) AS read_seq,
             coalesce(support_reads.deleted, 0) AS read_deleted
           FROM support_rooms LEFT JOIN support_reads
             ON support_reads.room = support_rooms.room AND person = ?
           WHERE ${where} ${from} ORDER BY ${at} ${order}, support_rooms.room ${order} LIMIT ?`,
        person,
        ...(after ? [after.at, after.room] : []),
        limit + 1,
      )
      .toArray();
    const last = rows[limit - 1];
    const next = rows.length > limit && last ? { at: last.sorted_by, room: last.room } : null;
    return { items: rows.slice(0, limit).map((row) => toInboxRoom(row, person)), next };
  }
}

/** What is new in a room's news. */
function changesOf(before: Row | undefined, after: SupportIndexRow): RoomChange[] {
  const read: RoomChange[] = after.reads.length > 0 ? ["read"] : [];
  if (before && after.version <= before.version) return read;
  const changes: RoomChange[] = [];
  const was = before ?? { state: null, waiting_since: null, claimed_person: null };
  if (after.state !== was.state) changes.push(after.state === "open" ? "opened" : "closed");
  if (after.waiting_since !== null && was.waiting_since === null) changes.push("waiting");
  if (after.claimed_person !== was.claimed_person) changes.push("claimed");
  const isSaid = before?.last_seq !== after.last_seq;
  if (isSaid || changes.length === 0) changes.push("message");
  return [...changes, ...read];
}

/** Which rooms, and in which order; all of it our own words. */
const ORDERS: Record<InboxState, { where: string; at: string; order: "ASC" | "DESC" }> = {
  waiting: { where: "waiting_since IS NOT NULL", at: "waiting_since", order: "ASC" },
  open: { where: "state = 'open'", at: "last_at", order: "DESC" },
  closed: { where: "state = 'closed'", at: "last_at", order: "DESC" },
};

function toInboxRoom(row: Row, person: string): InboxRoom {
  const time = (epochMs: number) => new Date(epochMs).toISOString();
  const { claimed_name: name, last_seq: seq, last_from: from, last_text: text } = row;
  return {
    room: row.room,
    guest: row.guest,
    state: row.state,
    claimed_by: name === null ? null : { name, me: row.claimed_person === person },
    waiting_since: row.waiting_since === null ? null : time(row.waiting_since),
    created_at: time(row.created_at),
    last_message: { seq, from, text, at: time(row.last_at) },
    unread: Math.max(0, seq - row.read_seq - (row.deleted - row.read_deleted)),
  };
}

/** What a room tells the index of itself. Times in ms since the epoch. */
export type SupportIndexRow = {
  room: string;
  guest: string;
  created_at: number;
  state: "open" | "closed";
  waiting_since: number | null;
  claimed_name: string | null;
  claimed_person: string | null;
  last_seq: number;
  last_at: number;
  last_from: string;
  last_text: string | null;
  version: number;
  /** How many of its messages were deleted. */
  deleted: number;
  /** How far people of staff have read, and how many up to there were deleted; what changed. */
  reads: { person: string; seq: number; deleted: number }[];
};

type Row = Omit<SupportIndexRow, "reads"> & {
  sorted_by: number;
  read_seq: number;
  read_deleted: number;
};

/** Makes the tables, also where an earlier version made them. */
export function makeSupportRooms(sql: SqlStorage): void {
  sql.exec(SUPPORT_ROOMS_SCHEMA);
  for (const table of ["support_rooms", "support_reads"]) {
    addMissingColumns(sql, table, "deleted INTEGER NOT NULL DEFAULT 0");
  }
}

const SUPPORT_ROOMS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS support_rooms (
    room TEXT PRIMARY KEY, guest TEXT NOT NULL, created_at INTEGER NOT NULL, state TEXT NOT NULL,
    waiting_since INTEGER, claimed_name TEXT, claimed_person TEXT, last_seq INTEGER NOT NULL,
    last_at INTEGER NOT NULL, last_from TEXT NOT NULL, last_text TEXT, version INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS support_rooms_state ON support_rooms (state, last_at DESC, room DESC);
  CREATE INDEX IF NOT EXISTS support_rooms_waiting ON support_rooms (waiting_since, room) WHERE waiting_since IS NOT NULL;
  CREATE TABLE IF NOT EXISTS support_reads (
    room TEXT NOT NULL, person TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (room, person)
  );
  CREATE TABLE IF NOT EXISTS support_openings (
    address TEXT PRIMARY KEY, used INTEGER NOT NULL, started_at INTEGER NOT NULL
  );
`;

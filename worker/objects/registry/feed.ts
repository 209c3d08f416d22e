import { CloseCode } from "../../../protocol/close-codes.ts";
import type {
  BatchChange,
  Change,
  EdgeEvent,
  HostChange,
  RoomChange,
  SessionChange,
} from "../../../protocol/events.ts";
import { KEPT_CHANGES } from "../../../protocol/limits.ts";
import { log } from "../../log.ts";
import { closeQuietly } from "../../sockets.ts";
import { rfc3339 } from "../storage.ts";

/**
 * The changes of hosts, sessions, batches and support rooms, numbered: the last ones are kept, each is sent to
 * who watches; those of support rooms to staff alone, and the others miss their numbers.
 * What is sent to a watcher that does not read waits in this object's memory, and nothing tells how
 * much that is: so watchers say what they have seen, and one that is further behind than the feed
 * remembers is cut off. It comes back and is told to read everything anew, which is less by then.
 */
export class Feed {
  readonly #ctx: DurableObjectState;
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    this.#sql = ctx.storage.sql;
  }

  addHost(id: string, change: HostChange): void {
    this.#add("host", id, change);
  }

  addSession(id: string, change: SessionChange): void {
    this.#add("session", id, change);
  }

  addBatch(id: string, change: BatchChange): void {
    this.#add("batch", id, change);
  }

  addRoom(room: string, change: RoomChange): void {
    this.#add("room", room, change);
  }

  /** The number of the newest change; 0 before the first. */
  lastSeq(): number {
    const query = "SELECT coalesce(max(seq), 0) AS seq FROM changes";
    return this.#sql.exec<{ seq: number }>(query).one().seq;
  }

  /**
   * Every change after one that somebody is told of; null if they are not all remembered, or that
   * one was never made.
   */
  after(seq: number, staff: boolean): Change[] | null {
    const last = this.lastSeq();
    if (seq > last || last - seq > KEPT_CHANGES) return null;
    const query = `SELECT * FROM changes WHERE seq > ? ${toldTo(staff)} ORDER BY seq`;
    return this.#sql.exec<ChangeRow>(query, seq).toArray().map(toChange);
  }

  /** How far somebody has read who says so: past what they are not told of, too. */
  readUpTo(seen: number, staff: boolean): number {
    const last = this.lastSeq();
    const query = `SELECT 1 FROM changes WHERE seq > ? ${toldTo(staff)} LIMIT 1`;
    const hasMore = this.#sql.exec(query, seen).toArray().length > 0;
    return hasMore ? Math.min(seen, last) : last;
  }

  #add(kind: Change["kind"], id: string, change: Change["change"]): void {
    const row = this.#sql
      .exec<ChangeRow>(
        "INSERT INTO changes (at, kind, id, change) VALUES (?, ?, ?, ?) RETURNING *",
        Date.now(),
        kind,
        id,
        change,
      )
      .one();
    this.#sql.exec("DELETE FROM changes WHERE seq <= ?", row.seq - KEPT_CHANGES);
    for (const socket of openSockets(this.#ctx)) {
      const watcher = watcherOf(socket);
      const { via, seen, staff } = watcher;
      if (kind === "room" && !staff) {
        // Who has read all there was for them is not to fall behind by what they are not told.
        if (seen === row.seq - 1) attachWatcher(socket, { ...watcher, seen: row.seq });
        continue;
      }
      if (row.seq - seen <= KEPT_CHANGES) {
        sendEvent(socket, toChange(row));
        continue;
      }
      log("events.too_slow", { via, seen, seq: row.seq });
      closeQuietly(socket, CloseCode.tooMany, TOO_SLOW);
    }
  }
}

/** Which changes somebody is told of: a part of a query. */
function toldTo(staff: boolean): string {
  return staff ? "" : "AND kind != 'room'";
}

/**
 * Who watches: since when, when it last said something, and the last change that it has read.
 * `staff` may read the inbox.
 */
export type Watcher = { via: string; staff: boolean; since: number; heard: number; seen: number };

export function attachWatcher(socket: WebSocket, watcher: Watcher): void {
  socket.serializeAttachment(watcher);
}

export function watcherOf(socket: WebSocket): Watcher {
  return socket.deserializeAttachment() as Watcher;
}

/** A closing socket can still be listed. */
export function openSockets(ctx: DurableObjectState): WebSocket[] {
  return ctx.getWebSockets().filter((socket) => socket.readyState === WebSocket.OPEN);
}

export function sendEvent(socket: WebSocket, event: EdgeEvent): void {
  try {
    socket.send(JSON.stringify(event));
  } catch {
    // It closed in this moment; who comes back says what they saw.
  }
}

const TOO_SLOW =
  "You did not say that you read the last changes; connect again with ?since=<the last one>.";

type ChangeRow = { seq: number; at: number; kind: string; id: string; change: string };

function toChange({ seq, at, kind, id, change }: ChangeRow): Change {
  return { seq, at: rfc3339(at), kind, id, change } as Change;
}

export const FEED_SCHEMA = `
  CREATE TABLE IF NOT EXISTS changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    change TEXT NOT NULL
  );
`;

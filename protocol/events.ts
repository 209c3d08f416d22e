import * as v from "valibot";

/**
 * What `/api/events` says: JSON text, one object a message. A change only names what changed; the
 * item itself is read where it always is, over REST, so that there is one truth and one shape of it.
 */

/** What can change of a host. */
export type HostChange =
  | "joined"
  | "online"
  | "offline"
  | "agent" // its agent's version
  | "displays"
  | "streams" // how many there are
  | "latency"
  | "renamed" // its name, or its label
  | "removed";

/** What can change of a session; also what changes of its host can change its status. */
export type SessionChange = "created" | "changed" | "viewers" | "ended";

/** What can change of a batch as a whole; what changes of its jobs changes their sessions. */
export type BatchChange = "created" | "ended"; // all of its jobs have

/**
 * What can change of a support room; `id` is its whole name. Only who may read the inbox, operators
 * and up, is told.
 */
export type RoomChange =
  | "opened" // also once more, by a message after it was closed
  | "waiting" // its guest waits for an answer from now on
  | "claimed" // or released
  | "closed"
  | "message" // something was said, changed or deleted
  | "read" // somebody of staff has read further
  | "removed";

export type Change = {
  /** Counts the changes, without gaps for who is told of all. */
  seq: number;
  /** When the edge's registry heard of it; RFC 3339, UTC. */
  at: string;
  id: string;
} & (
  | { kind: "host"; change: HostChange }
  | { kind: "session"; change: SessionChange }
  | { kind: "batch"; change: BatchChange }
  | { kind: "room"; change: RoomChange }
);

export type EdgeEvent =
  /** The first message: every change after `seq` follows. */
  | { kind: "ready"; seq: number }
  /** In place of `ready`: changes were missed, so read everything anew; those after `seq` follow. */
  | { kind: "reset"; seq: number }
  | Change;

/** What a watcher says, now and then: it has read up to the change `seen`. */
export const WatcherToEdge = v.object({ seen: v.pipe(v.number(), v.integer(), v.minValue(0)) });

import * as v from "valibot";
import { Id } from "./ids.ts";
import { MAX_CHAT_TEXT_CHARACTERS, MAX_NAME_CHARACTERS } from "./limits.ts";

/**
 * What a page and a chat room say to each other on `/chat-ws`: JSON text, every message an object
 * with a `type`.
 *
 * A client that connects with `?batch=1` says that it understands frames that are an array of such
 * objects, and that it answers each `sync` with the same `sync`. It gets many messages in few
 * frames, and is waited for when it is slow. Any other gets one object a frame and no `sync`; since
 * nobody can see whether it reads, it is closed with 4429 after a set amount (see docs/api.md) and
 * goes on by connecting again with `?since=`.
 */

/** Half of a surrogate pair is no character. */
const HALF_CHARACTER = /\p{Surrogate}/u;

/** What a client sends of those becomes U+FFFD. */
function toWholeCharacters(text: string): string {
  return text.replaceAll(new RegExp(HALF_CHARACTER, "gu"), "\ufffd");
}

/** The text of a message as a room stores it, and counts its characters. */
export function storedText(text: string): string {
  return toWholeCharacters(text).trim();
}

/**
 * What shows nothing, or turns around what stands beside it. A joiner stays: it makes one picture of
 * two, and one word of Persian.
 */
const UNSEEN =
  /[\p{Cc}\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0]/gu;

/** A name of which all can be seen; empty if nothing can. */
export function visibleName(name: string): string {
  const visible = name.replaceAll(UNSEEN, "").trim();
  return /[^\p{C}\p{M}\p{Z}]/u.test(visible) ? visible : "";
}

const ChatText = v.pipe(
  v.string(),
  v.transform(storedText),
  v.minLength(1),
  v.maxLength(MAX_CHAT_TEXT_CHARACTERS),
);
/** RFC 3339, UTC. */
const Time = v.pipe(v.string(), v.isoTimestamp());
const Seq = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

const DAY_S = 24 * 60 * 60;

export const ClientToRoom = v.variant("type", [
  v.object({
    type: v.literal("send"),
    /** The sender's own id for the message: sending it twice stores it once. */
    cid: v.pipe(
      v.string(),
      v.minLength(1),
      v.maxLength(64),
      v.check((cid) => !HALF_CHARACTER.test(cid), "must be whole characters"),
    ),
    text: ChatText,
  }),
  /** One's own message gets another text. */
  v.object({ type: v.literal("edit"), seq: Seq, text: ChatText }),
  /** One's own message, as staff anybody's, loses its text for good. */
  v.object({ type: v.literal("delete"), seq: Seq }),
  /** Volatile: the others are told, at most every 2 s. */
  v.object({ type: v.literal("typing") }),
  /** All messages up to this one were seen by the person; it never goes back. */
  v.object({ type: v.literal("read"), seq: Seq }),
  /** The same as the room's `sync`: everything before it has arrived. */
  v.object({ type: v.literal("sync"), mark: v.pipe(v.string(), v.maxLength(64)) }),
  /** Staff: nothing of this person is heard for so long; 0 ends it. */
  v.object({
    type: v.literal("mute"),
    member: Id,
    seconds: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(30 * DAY_S)),
  }),
  /** Staff: closes this person's sockets with 4403 and keeps them out for so long; 0 ends it. */
  v.object({
    type: v.literal("remove"),
    member: Id,
    seconds: v.optional(
      v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(30 * DAY_S)),
      60 * 60,
    ),
  }),
  /** Staff, of a support room: takes it over, also from somebody else; or lets go of it. */
  v.object({ type: v.literal("claim"), release: v.optional(v.boolean(), false) }),
  /** Staff, of a support room: done. What its guest says next opens it again. */
  v.object({ type: v.literal("close_room") }),
  /** Staff, of a support room that is done: it is open again, with nobody who takes care of it. */
  v.object({ type: v.literal("reopen_room") }),
  v.object({
    type: v.literal("control"),
    /**
     * Of a session where one controls at a time: `ask` for control, which is granted at once if
     * nobody has it; `give` it to the member `to`; `take` it, as staff; `release` it, or withdraw
     * what one asked.
     */
    op: v.picklist(["ask", "give", "take", "release"]),
    to: v.optional(Id),
  }),
]);
export type ClientToRoom = v.InferOutput<typeof ClientToRoom>;

/** What somebody wants done about who controls. */
export type ControlRequest = Omit<Extract<ClientToRoom, { type: "control" }>, "type">;

/**
 * A person in a room. Their tabs and windows have one `id`, which says nothing of how they came in;
 * who came by a share link, or opened a support room, is a guest.
 */
export const Member = v.object({
  id: Id,
  name: v.string(),
  role: v.picklist(["guest", "viewer", "operator"]),
});
export type Member = v.InferOutput<typeof Member>;

/** Somebody who is here; `muted_until` (RFC 3339) while staff has muted them. */
export type PresentMember = Member & { muted_until?: string };

/** Who controls the session, if anybody does, and who asked to, the first one first. */
export type Control = { holder: Member | null; asking: Member[] };

/** A message as it is now: a new one, or with `edited_at` one whose text was changed. */
export const ChatMessage = v.object({
  type: v.literal("message"),
  /** Counts every change of the room, without gaps. */
  rev: Seq,
  /** Counts the messages of the room, without gaps. */
  seq: Seq,
  cid: v.string(),
  from: Member,
  text: v.string(),
  /** RFC 3339, UTC. */
  at: Time,
  edited_at: v.exactOptional(Time),
});
export type ChatMessage = v.InferOutput<typeof ChatMessage>;

/** A message was deleted; its text is gone. */
const ChatDeletion = v.object({ type: v.literal("deleted"), rev: Seq, seq: Seq });
export type ChatDeletion = v.InferOutput<typeof ChatDeletion>;

/** What has a `rev`, and is told again to who connects with `?since=<an older rev>`. */
export const ChatChange = v.variant("type", [ChatMessage, ChatDeletion]);
export type ChatChange = v.InferOutput<typeof ChatChange>;

/** How far a person has read. */
export type ReadMark = { member: string; seq: number };

/** The life of a support room. */
export type SupportState = {
  state: "open" | "closed";
  claimed_by: Member | null;
  /** Since when its guest waits for staff's answer (RFC 3339), if they do. */
  waiting_since: string | null;
};

export type RoomToClient =
  | {
      type: "welcome";
      me: Member;
      members: PresentMember[];
      last_rev: number;
      /**
       * The first change that is still known: who connects with a `since` of less than this less
       * one has missed some for good, and should load the room's history anew.
       */
      from_rev: number;
      reads: ReadMark[];
    }
  | ChatChange
  /** The message is stored, under this `seq`; for a resend the `seq` that it had. */
  | { type: "ack"; cid: string; seq: number }
  | { type: "presence"; members: PresentMember[] }
  | { type: "typing"; member: string }
  /** The marks that moved, at most once a second. */
  | { type: "read"; marks: ReadMark[] }
  | { type: "sync"; mark: string }
  /** Where one controls at a time: after the welcome, and after every change. */
  | ({ type: "control" } & Control)
  /** Of a support room: after the welcome, and after every change. */
  | ({ type: "room" } & SupportState)
  /**
   * To the sender alone. `answers` is the `type` of what it refuses, unless the room could not read
   * that; `cid` or `seq` say of which message, where it is about one.
   */
  | {
      type: "error";
      code: string;
      message: string;
      answers?: ClientToRoom["type"];
      cid?: string;
      seq?: number;
    };

/** `POST /api/chat/support`: a guest opens their support room, or finds it again. */
export const OpenSupport = v.strictObject({
  name: v.optional(
    v.pipe(
      v.string(),
      v.transform(toWholeCharacters),
      v.transform(visibleName),
      v.minLength(1),
      v.maxLength(MAX_NAME_CHARACTERS),
    ),
  ),
});

/** What a guest learns of their support room. */
export const SupportRoom = v.object({
  room: v.string(),
  name: v.string(),
  websocket_url: v.string(),
  expires_at: Time,
});
export type SupportRoom = v.InferOutput<typeof SupportRoom>;

/** Which rooms of the inbox: `waiting`, the longest first, or the others, the newest first. */
export const InboxState = v.picklist(["waiting", "open", "closed"]);
export type InboxState = v.InferOutput<typeof InboxState>;

/** A support room in the inbox, as the one who asks sees it. */
export const InboxRoom = v.object({
  room: v.string(),
  /** What its guest calls themselves. */
  guest: v.string(),
  state: v.picklist(["open", "closed"]),
  claimed_by: v.nullable(v.object({ name: v.string(), me: v.boolean() })),
  waiting_since: v.nullable(Time),
  created_at: Time,
  /** `text` is cut; null if it was deleted. */
  last_message: v.object({ seq: Seq, from: v.string(), text: v.nullable(v.string()), at: Time }),
  /** Messages after the last one that the person who asks has read or written. */
  unread: v.number(),
});
export type InboxRoom = v.InferOutput<typeof InboxRoom>;

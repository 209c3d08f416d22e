import * as v from "valibot";
import { Id } from "./ids.ts";
import { MAX_CHAT_TEXT_CHARACTERS } from "./limits.ts";

/** What a page and a chat room say to each other on `/chat-ws`: JSON text with a `type`. */

export const ClientToRoom = v.variant("type", [
  v.object({
    type: v.literal("send"),
    /** The sender's own id for the message: sending it twice stores it once. */
    cid: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
    text: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(MAX_CHAT_TEXT_CHARACTERS)),
  }),
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
 * who came by a share link is a guest.
 */
export type Member = { id: string; name: string; role: "guest" | "viewer" | "operator" };

/** Who controls the session, if anybody does, and who asked to, the first one first. */
export type Control = { holder: Member | null; asking: Member[] };

export type ChatMessage = {
  type: "message";
  /** Counts every change of the room, without gaps. */
  rev: number;
  /** Counts the messages of the room, without gaps. */
  seq: number;
  cid: string;
  from: Member;
  text: string;
  /** RFC 3339, UTC. */
  at: string;
};

export type RoomToClient =
  | { type: "welcome"; me: Member; members: Member[]; last_rev: number }
  | ChatMessage
  | { type: "ack"; cid: string; seq: number }
  | { type: "presence"; members: Member[] }
  /** Where one controls at a time: after the welcome, and after every change. */
  | ({ type: "control" } & Control)
  | { type: "error"; code: string; message: string };

import * as v from "valibot";
import { MAX_CHAT_TEXT_CHARACTERS } from "./limits.ts";

/** What a page and a chat room say to each other on `/chat-ws`: JSON text with a `type`. */

export const ClientToRoom = v.variant("type", [
  v.object({
    type: v.literal("send"),
    /** The sender's own id for the message: sending it twice stores it once. */
    cid: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
    text: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(MAX_CHAT_TEXT_CHARACTERS)),
  }),
]);
export type ClientToRoom = v.InferOutput<typeof ClientToRoom>;

export type Member = { id: string; name: string; role: "guest" | "viewer" | "operator" | "staff" };

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
  | { type: "error"; code: string; message: string };

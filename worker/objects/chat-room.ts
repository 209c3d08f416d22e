import { DurableObject } from "cloudflare:workers";
import {
  type ChatMessage,
  ClientToRoom,
  type ControlRequest,
  type Member,
  type RoomToClient,
} from "../../protocol/chat.ts";
import { CloseCode } from "../../protocol/close-codes.ts";
import { ROOM_PATTERN } from "../../protocol/ids.ts";
import { LINK_PING, LINK_PONG, MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import { parseMessage } from "../../protocol/link.ts";
import { type Env, vncSession } from "../env.ts";
import { describeError, log } from "../log.ts";
import { problemResponse, type Refusal } from "../problem.ts";
import { chosenProtocol, closeQuietly } from "../sockets.ts";
import type { ControlState, RoomEntry } from "./session/control.ts";
import { VIEWER_HEADER, type ViewerEntry } from "./session/entry.ts";
import { hasTable, oneRow } from "./storage.ts";

/**
 * One chat room; a session's room is entered by whoever may enter the session. A message is
 * stored, then acknowledged, then sent to all; the members' sockets hibernate.
 */
export class ChatRoom extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;
  #exists = hasTable(this.#sql, "messages");
  /** Its session ended while somebody was on the way in. */
  #closed = false;
  /** Credentials that were revoked while somebody may have been on the way in with them. */
  readonly #revoked = new Set<string>();
  /** The newest that the session said while somebody may have been on the way in. */
  #control: ControlState | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(LINK_PING, LINK_PONG));
  }

  /** Everybody out, or those who came in by one credential. */
  async close(code: CloseCode, reason: string, via: string | null): Promise<void> {
    if (via === null) this.#closed = true;
    else this.#revoked.add(via);
    for (const socket of this.#sockets()) {
      if (via === null || attachment(socket).via === via) closeQuietly(socket, code, reason);
    }
  }

  /** Forgets all that was said: the room's session is purged. */
  async purge(): Promise<void> {
    this.#exists = false;
    await this.ctx.storage.deleteAll();
  }

  /** Who controls now, from the session, which decides that. */
  async tellControl(control: ControlState): Promise<void> {
    if (control.version <= (this.#control?.version ?? 0)) return;
    this.#control = control;
    this.#sendToAll(controlMessage(control));
  }

  /** `/?session=<id>&since=<rev>`, from the Worker, with who comes in VIEWER_HEADER. */
  override async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const entry = JSON.parse(request.headers.get(VIEWER_HEADER) ?? "") as ViewerEntry;
    const session = vncSession(this.env, url.searchParams.get("session") ?? "");
    const admitted = await session.enterRoom(entry);
    if (!admitted.ok) return problemResponse(admitted.refusal);
    if (this.#closed) return problemResponse(ROOM_CLOSED);
    const { me, via, role, staff, control } = admitted.value;
    if (this.#revoked.has(via)) return problemResponse(CREDENTIAL_REVOKED);

    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.ctx.acceptWebSocket(server);
    server.serializeAttachment({ me, via, role, staff } satisfies Attachment);
    const since = Number(url.searchParams.get("since") ?? Number.POSITIVE_INFINITY);
    send(server, { type: "welcome", me, members: this.#members(), last_rev: this.#lastRev() });
    const newest = newer(control, this.#control);
    if (newest) send(server, controlMessage(newest));
    for (const message of this.#messagesAfter(since)) send(server, message);
    this.#sendToAll({ type: "presence", members: this.#members() });
    return new Response(null, { status: 101, webSocket: client, headers: chosenProtocol(request) });
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const size = typeof data === "string" ? data.length : data.byteLength;
    if (size > MAX_MESSAGE_BYTES) {
      const reason = `A chat message is over ${MAX_MESSAGE_BYTES / 1024} KiB.`;
      return closeQuietly(socket, CloseCode.malformed, reason);
    }
    const parsed = parseMessage(ClientToRoom, data);
    if (parsed.kind !== "message") {
      const message =
        parsed.kind === "unknown"
          ? `This room does not know messages of the type ${parsed.type}.`
          : `The room could not read that: ${parsed.why}.`;
      return send(socket, { type: "error", code: parsed.kind, message });
    }
    if (parsed.message.type === "control") return this.#requestControl(socket, parsed.message);
    const { cid, text } = parsed.message;
    const from = attachment(socket).me;
    const stored = this.#store(from, cid, text);
    send(socket, { type: "ack", cid, seq: stored.message.seq });
    if (stored.isNew) this.#sendToAll(stored.message);
  }

  /** Passes on what somebody wants done about control; the session tells all what came of it. */
  async #requestControl(socket: WebSocket, { op, to }: ControlRequest): Promise<void> {
    const { me, via, role, staff } = attachment(socket);
    const who = { member: me.id, via, role, staff };
    try {
      const done = await this.#session().requestControl(who, { op, to });
      if (done.ok) return;
      const { code, detail: message } = done.refusal;
      send(socket, { type: "error", code, message });
    } catch (error) {
      log("chat.control_failed", { room: this.ctx.id.name, error: describeError(error) });
      const message = "That did not reach the session; try again.";
      send(socket, { type: "error", code: "try_again", message });
    }
  }

  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    closeQuietly(socket, code, reason);
    await this.#left(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#left(socket);
  }

  async #left(socket: WebSocket): Promise<void> {
    this.#sendToAll({ type: "presence", members: this.#members() });
    const { me, via } = attachment(socket);
    try {
      await this.#session().leftRoom(via, me.name);
    } catch (error) {
      log("chat.tell_failed", { room: this.ctx.id.name, error: describeError(error) });
    }
  }

  #session() {
    return vncSession(this.env, ROOM_PATTERN.exec(this.ctx.id.name ?? "")?.[2] ?? "");
  }

  /** Stores a message once: a resend, told by person and cid, finds the first one. */
  #store(from: Member, cid: string, text: string): { message: ChatMessage; isNew: boolean } {
    if (!this.#exists) {
      this.#sql.exec(SCHEMA);
      this.#exists = true;
    }
    const again = oneRow(
      this.#sql.exec<MessageRow>(
        "SELECT * FROM messages WHERE sender = ? AND cid = ?",
        from.id,
        cid,
      ),
    );
    if (again) return { message: toMessage(again), isNew: false };
    const row = this.#sql
      .exec<MessageRow>(
        `INSERT INTO messages (seq, rev, sender, cid, author, text, at)
         SELECT coalesce(max(seq), 0) + 1, coalesce(max(rev), 0) + 1, ?, ?, ?, ?, ? FROM messages RETURNING *`,
        from.id,
        cid,
        JSON.stringify(from),
        text,
        Date.now(),
      )
      .one();
    log("chat.message", { room: this.ctx.id.name, seq: row.seq });
    return { message: toMessage(row), isNew: true };
  }

  #messagesAfter(rev: number): ChatMessage[] {
    if (!this.#exists || !Number.isFinite(rev)) return [];
    const query = "SELECT * FROM messages WHERE rev > ? ORDER BY rev";
    return this.#sql.exec<MessageRow>(query, rev).toArray().map(toMessage);
  }

  #lastRev(): number {
    if (!this.#exists) return 0;
    return this.#sql
      .exec<{ rev: number }>("SELECT coalesce(max(rev), 0) AS rev FROM messages")
      .one().rev;
  }

  #sockets(): WebSocket[] {
    return this.ctx.getWebSockets().filter((socket) => socket.readyState === WebSocket.OPEN);
  }

  /** Everybody who is here, once, however many tabs they have. */
  #members(): Member[] {
    const members = this.#sockets().map((socket) => attachment(socket).me);
    return [...new Map(members.map((member) => [member.id, member])).values()];
  }

  #sendToAll(message: RoomToClient): void {
    for (const socket of this.#sockets()) send(socket, message);
  }
}

const ROOM_CLOSED: Refusal = {
  status: 410,
  code: "room_closed",
  detail: "The session has ended, and its chat with it.",
};

const CREDENTIAL_REVOKED: Refusal = {
  status: 401,
  code: "revoked",
  detail: "This credential was revoked.",
};

/** Who somebody is here, their credential, and the highest role that it has in the session. */
type Attachment = Omit<RoomEntry, "control">;

function attachment(socket: WebSocket): Attachment {
  return socket.deserializeAttachment() as Attachment;
}

type MessageRow = {
  seq: number;
  rev: number;
  sender: string;
  cid: string;
  author: string;
  text: string;
  at: number;
};

const SCHEMA = `
  CREATE TABLE messages (
    seq INTEGER PRIMARY KEY, rev INTEGER NOT NULL UNIQUE, sender TEXT NOT NULL, cid TEXT NOT NULL,
    author TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE (sender, cid)
  );
`;

function toMessage(row: MessageRow): ChatMessage {
  return {
    type: "message",
    rev: row.rev,
    seq: row.seq,
    cid: row.cid,
    from: JSON.parse(row.author) as Member,
    text: row.text,
    at: new Date(row.at).toISOString(),
  };
}

function controlMessage({ holder, asking }: ControlState): RoomToClient {
  return { type: "control", holder, asking };
}

/** What a newcomer was let in with can be older than what the room heard meanwhile. */
function newer(a: ControlState | null, b: ControlState | null): ControlState | null {
  return a && b ? (a.version > b.version ? a : b) : a;
}

function send(socket: WebSocket, message: RoomToClient): void {
  try {
    socket.send(JSON.stringify(message));
  } catch {
    // It closed in this moment; webSocketClose tells the others.
  }
}

import { DurableObject } from "cloudflare:workers";
import {
  type ChatChange,
  ClientToRoom,
  type ControlRequest,
  type PresentMember,
  type ReadMark,
  type RoomToClient,
} from "../../protocol/chat.ts";
import { CloseCode } from "../../protocol/close-codes.ts";
import { ROOM_PATTERN } from "../../protocol/ids.ts";
import {
  LINK_PING,
  LINK_PONG,
  MAX_MESSAGE_BYTES,
  MAX_ROOM_SOCKETS,
  MAX_ROOM_SOCKETS_PER_PERSON,
} from "../../protocol/limits.ts";
import { parseMessage } from "../../protocol/link.ts";
import { type Env, vncSession } from "../env.ts";
import { describeError, log } from "../log.ts";
import { problemResponse, type Refusal, type Result } from "../problem.ts";
import { chosenProtocol, closeQuietly } from "../sockets.ts";
import { Allowance } from "./chat/allowance.ts";
import { Coalesced } from "./chat/coalesced.ts";
import type { Connection, Who } from "./chat/connection.ts";
import { Delivery } from "./chat/delivery.ts";
import { History } from "./chat/history.ts";
import { Moderation } from "./chat/moderation.ts";
import { News } from "./chat/news.ts";
import { ReadMarks } from "./chat/read-marks.ts";
import {
  CREDENTIAL_REVOKED,
  describeBar,
  NO_SUCH_MEMBER,
  NO_SUCH_ROOM,
  NOT_STAFF,
  ROOM_CLOSED,
  ROOM_FULL,
  TOO_MANY_TABS,
} from "./chat/refusals.ts";
import { Support } from "./chat/support.ts";
import type { ControlState, RoomEntry } from "./session/control.ts";
import { VIEWER_HEADER, type ViewerEntry } from "./session/entry.ts";
import { PEOPLE_SCHEMA, People } from "./session/people.ts";

/**
 * One chat room: `session:<id>` is entered by whoever may enter the session, `support:<id>` by the
 * guest who opened it and by staff. What is said is stored, then acknowledged, then sent to all;
 * the members' sockets hibernate. Each concern has its file in chat/; here is who comes and goes,
 * and what is done with each message.
 */
export class ChatRoom extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;
  readonly #history = new History(this.#sql);
  readonly #marks = new ReadMarks(this.#sql);
  readonly #moderation = new Moderation(this.#sql);
  readonly #support = new Support(this.#sql);
  readonly #people = new People(this.#sql);
  readonly #news = new News(this.ctx, this.env, this.#history, this.#support);
  readonly #allowance = new Allowance();
  readonly #delivery = new Delivery(this.ctx, this.#history, {
    level: (connection) => this.#delivery.tell([connection], ...this.#standing()),
    cut: ({ who }) => {
      log("chat.cut", { room: this.ctx.id.name, member: who.me.id });
      this.#presence.ask();
    },
  });
  readonly #presence = new Coalesced(
    () => (this.#delivery.connections.length > FEW_SOCKETS ? PRESENCE_EVERY_MS : 0),
    () => this.#delivery.tellAll({ type: "presence", members: this.#members() }),
  );
  readonly #moved = new Map<string, ReadMark>();
  readonly #reads = new Coalesced(
    () => READS_EVERY_MS,
    () => {
      this.#delivery.tellAll({ type: "read", marks: [...this.#moved.values()] });
      this.#moved.clear();
    },
  );
  /** When each person was last shown to type, in ms since the epoch. */
  readonly #typed = new Map<string, number>();
  /** Its session ended while somebody was on the way in. */
  #closed = false;
  /** Credentials that were revoked while somebody may have been on the way in with them. */
  readonly #revoked = new Set<string>();
  /** The newest that the session said, to this room or to somebody on the way in. */
  #control: ControlState | null = null;
  /** The version of it that all were told. */
  #toldControl = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(LINK_PING, LINK_PONG));
  }

  /** Everybody out, or those who came in by one credential. */
  async close(code: CloseCode, reason: string, via: string | null): Promise<void> {
    if (via === null) this.#closed = true;
    else this.#revoked.add(via);
    this.#closeThose(({ who }) => via === null || who.via === via, code, reason);
  }

  /** Who controls now, from the session, which decides that. */
  async tellControl(control: ControlState): Promise<void> {
    if (control.version <= this.#toldControl) return;
    this.#toldControl = control.version;
    this.#knowControl(control);
    this.#delivery.tellAll(controlMessage(control));
  }

  /** The newest messages before a `seq`, the newest first. */
  async page(before: number, limit: number): Promise<{ items: ChatChange[]; more: boolean }> {
    return this.#history.page(before, limit);
  }

  // A support room and its guest.

  /** Makes this a support room. @param hash of its guest's secret */
  async openSupport(hash: string, name: string): Promise<{ good_until: number }> {
    if (!this.#support.exists) {
      this.ctx.storage.transactionSync(() => {
        this.#sql.exec(PEOPLE_SCHEMA);
        this.#support.open(hash, name);
      });
      this.#news.soon();
    }
    return { good_until: this.#support.renew() };
  }

  /** The guest of a secret. @param renew whether they come for their cookie anew */
  async supportGuest(
    hash: string,
    renew = false,
  ): Promise<{ name: string; good_until: number } | null> {
    const guest = this.#support.guest(hash);
    return guest && renew ? { ...guest, good_until: this.#support.renew() } : guest;
  }

  async isSupportRoom(): Promise<boolean> {
    return this.#support.exists;
  }

  // Coming and going.

  /** `/?since=<rev>&batch=1`, from the Worker, with who comes in VIEWER_HEADER. */
  override async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const entry = JSON.parse(request.headers.get(VIEWER_HEADER) ?? "") as ViewerEntry;
    const admitted = await this.#admit(entry);
    if (!admitted.ok) return problemResponse(admitted.refusal);
    const { control, ...who } = admitted.value;
    const refusal = this.#whyNot(who);
    if (refusal) {
      await this.#tellLeft(who);
      return problemResponse(refusal);
    }
    if (control) this.#knowControl(control);

    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.ctx.acceptWebSocket(server);
    const since = searchParams.get("since");
    this.#delivery.add(server, who, {
      batched: searchParams.get("batch") === "1",
      since: since === null ? null : Number(since),
      hello: (last_rev) => [
        {
          type: "welcome",
          me: who.me,
          members: this.#members(),
          last_rev,
          from_rev: this.#history.fromRev,
          reads: this.#marks.list(),
        },
        ...this.#lifeMessages(),
      ],
    });
    this.#presence.ask();
    return new Response(null, { status: 101, webSocket: client, headers: chosenProtocol(request) });
  }

  async #admit(entry: ViewerEntry): Promise<Result<RoomEntry>> {
    const session = this.#session();
    if (session) return session.enterRoom(entry);
    if (!this.#support.exists || "ticket" in entry) return { ok: false, refusal: NO_SUCH_ROOM };
    const { via, role, staff, address, name } = entry;
    const me = this.#people.enter(entry);
    this.#news.record({ actor: via, address, action: "chat.opened", detail: `as ${name}` });
    return { ok: true, value: { me, via, role, staff, control: null } };
  }

  /** Why somebody who may enter cannot now, if so. */
  #whyNot(who: Who): Refusal | null {
    if (this.#closed) return ROOM_CLOSED;
    if (this.#revoked.has(who.via)) return CREDENTIAL_REVOKED;
    const until = this.#moderation.barredUntil(who.me.id, "removed");
    if (until !== null) return { status: 403, ...describeBar("removed", until) };
    const sockets = this.ctx.getWebSockets();
    if (sockets.length >= MAX_ROOM_SOCKETS) return ROOM_FULL;
    // Also those that are closing: until the other end has read on, they hold what it was sent.
    const own = sockets.filter((socket) => this.#delivery.of(socket).who.me.id === who.me.id);
    return own.length >= MAX_ROOM_SOCKETS_PER_PERSON ? TOO_MANY_TABS : null;
  }

  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    closeQuietly(socket, code, reason);
    await this.#left(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#left(socket);
  }

  async #left(socket: WebSocket): Promise<void> {
    const { who } = this.#delivery.of(socket);
    this.#delivery.remove(socket);
    this.#presence.ask();
    await this.#tellLeft(who);
  }

  async #tellLeft({ via, me }: Who): Promise<void> {
    const session = this.#session();
    if (!session) {
      this.#news.record({ actor: via, action: "chat.closed", detail: `as ${me.name}` });
      return;
    }
    try {
      await session.leftRoom(via, me.name);
    } catch (error) {
      log("chat.tell_failed", { room: this.ctx.id.name, error: describeError(error) });
    }
  }

  #closeThose(which: (connection: Connection) => boolean, code: CloseCode, reason: string): void {
    for (const connection of this.#delivery.connections) {
      if (!which(connection)) continue;
      this.#delivery.remove(connection.socket);
      closeQuietly(connection.socket, code, reason);
    }
    this.#presence.ask();
  }

  // What members say.

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const connection = this.#delivery.of(socket);
    if (!connection.isOpen) return;
    const size = typeof data === "string" ? data.length : data.byteLength;
    if (size > MAX_MESSAGE_BYTES) {
      const reason = `A chat message is over ${MAX_MESSAGE_BYTES / 1024} KiB.`;
      return closeQuietly(socket, CloseCode.malformed, reason);
    }
    const parsed = parseMessage(ClientToRoom, data);
    const message = parsed.kind === "message" ? parsed.message : null;
    const allowed = this.#allowance.take(connection.who.me.id, COSTS[message?.type ?? "send"] ?? 1);
    if (allowed !== "fine") {
      this.#error(connection, TOO_FAST, message);
      if (allowed === "over") closeQuietly(socket, CloseCode.tooMany, TOO_FAST.detail);
      return;
    }
    if (message) return this.#do(connection, message);
    if (parsed.kind === "unknown") {
      const detail = `This room does not know messages of the type ${parsed.type}.`;
      this.#error(connection, { code: parsed.kind, detail });
    } else if (parsed.kind === "malformed") {
      const detail = `The room could not read that: ${parsed.why}.`;
      this.#error(connection, { code: parsed.kind, detail });
    }
  }

  async #do(connection: Connection, message: ClientToRoom): Promise<void> {
    const { me, staff, via } = connection.who;
    const muted = MUTABLE.has(message.type) && this.#moderation.barredUntil(me.id, "muted");
    if (muted) return this.#error(connection, describeBar("muted", muted), message);
    if (STAFF_ONLY.has(message.type) && !staff) return this.#error(connection, NOT_STAFF);
    switch (message.type) {
      case "sync":
        return this.#delivery.heard(connection, message.mark);
      case "send": {
        const { cid, text } = message;
        const { seq, added } = this.#history.add(me, cid, text);
        if (added) this.#said(connection.who, seq);
        return this.#delivery.publish(added, connection, [{ type: "ack", cid, seq }]);
      }
      case "edit": {
        const edited = this.#history.edit(message.seq, me.id, message.text);
        if (!edited.ok) return this.#error(connection, edited.refusal, message);
        this.#news.changed();
        return this.#delivery.publish(edited.value, connection, []);
      }
      case "delete": {
        const deleted = this.#history.delete(message.seq, me.id, staff);
        if (!deleted.ok) return this.#error(connection, deleted.refusal, message);
        const { isNew, own, ...change } = deleted.value;
        if (!isNew) return this.#delivery.tell([connection], change);
        const detail = `message ${message.seq}`;
        if (!own) this.#news.record({ actor: via, action: "chat.message_deleted", detail });
        this.#news.changed();
        return this.#delivery.publish(change, connection, []);
      }
      case "typing":
        return this.#typing(me.id);
      case "read":
        return this.#read(connection.who, message.seq);
      case "mute":
      case "remove":
        return this.#bar(connection, message);
      case "claim":
      case "close_room":
        return this.#takeCare(connection, message);
      case "control":
        return this.#requestControl(connection, message);
    }
  }

  /** A message is stored: what follows for who has read what, and for the life of a support room. */
  #said({ via, staff }: Who, seq: number): void {
    if (staff) this.#support.staffRead(via, seq);
    if (this.#support.said(staff)) this.#delivery.tellAll(...this.#lifeMessages());
    this.#news.changed();
  }

  #typing(member: string): void {
    const now = Date.now();
    if (now - (this.#typed.get(member) ?? 0) < TYPING_EVERY_MS) return;
    this.#typed.set(member, now);
    const others = this.#delivery.connections.filter(
      ({ who, behind }) => who.me.id !== member && behind === null,
    );
    this.#delivery.tell(others, { type: "typing", member });
  }

  #read({ me, via, staff }: Who, wanted: number): void {
    const seq = Math.min(wanted, this.#history.lastSeq);
    if (seq === 0 || !this.#marks.move(me.id, seq)) return;
    this.#moved.set(me.id, { member: me.id, seq });
    this.#reads.ask();
    if (!staff) return;
    this.#support.staffRead(via, seq);
    if (this.#support.exists) this.#news.soon();
  }

  #bar(by: Connection, request: Extract<ClientToRoom, { type: "mute" | "remove" }>): void {
    const { type, member, seconds } = request;
    const theirs = this.#delivery.connections.filter(({ who }) => who.me.id === member);
    if (theirs.some(({ who }) => who.staff)) {
      return this.#error(by, { code: "is_staff", detail: "An operator cannot be shut out here." });
    }
    // Somebody who has left can still be barred, if anything of them is known here.
    if (seconds > 0 && theirs.length === 0 && !this.#history.hasSender(member)) {
      return this.#error(by, NO_SUCH_MEMBER);
    }
    const how = type === "mute" ? "muted" : "removed";
    this.#moderation.bar(member, how, seconds);
    const name = theirs[0]?.who.me.name ?? "somebody";
    const detail = `${name} (${member}), ${seconds === 0 ? "no longer" : `for ${seconds} s`}`;
    this.#news.record({ actor: by.who.via, action: `chat.${how}`, detail });
    const until = this.#moderation.barredUntil(member, how);
    if (how === "removed" && until !== null) {
      const { detail: reason } = describeBar("removed", until);
      this.#closeThose(({ who }) => who.me.id === member, CloseCode.forbidden, reason);
    }
    this.#presence.ask();
  }

  #takeCare(
    by: Connection,
    request: Extract<ClientToRoom, { type: "claim" | "close_room" }>,
  ): void {
    if (!this.#support.exists) {
      const detail = "This is a session's room; it lives as long as its session.";
      return this.#error(by, { code: "not_support", detail });
    }
    const { me, via } = by.who;
    if (request.type === "close_room") this.#support.close();
    else if (request.release) this.#support.claim(null, null);
    else this.#support.claim(me, via);
    const verb = request.type === "close_room" ? "done" : request.release ? "released" : "claimed";
    this.#news.record({ actor: via, action: `chat.${verb}`, detail: `as ${me.name}` });
    this.#delivery.tellAll(...this.#lifeMessages());
  }

  /** Passes on what somebody wants done about control; the session tells all what came of it. */
  async #requestControl(connection: Connection, { op, to }: ControlRequest): Promise<void> {
    const { me, via, role, staff } = connection.who;
    const who = { member: me.id, via, role, staff };
    const session = this.#session();
    if (!session) {
      const detail = "No desktop belongs to this room.";
      return this.#error(connection, { code: "not_exclusive", detail });
    }
    try {
      const done = await session.requestControl(who, { op, to });
      if (!done.ok) this.#error(connection, done.refusal);
    } catch (error) {
      log("chat.control_failed", { room: this.ctx.id.name, error: describeError(error) });
      const detail = "That did not reach the session; try again.";
      this.#error(connection, { code: "try_again", detail });
    }
  }

  /** Tells one socket why not; of which message, if it was about one. */
  #error(
    to: Connection,
    { code, detail }: Pick<Refusal, "code" | "detail">,
    about: ClientToRoom | null = null,
  ): void {
    const which =
      about && "cid" in about
        ? { cid: about.cid }
        : about && "seq" in about
          ? { seq: about.seq }
          : {};
    this.#delivery.tell([to], { type: "error", code, message: detail, ...which });
  }

  // How things are.

  /** Everybody who is here, once, however many tabs they have. */
  #members(): PresentMember[] {
    const members = new Map(this.#delivery.connections.map(({ who }) => [who.me.id, who.me]));
    return [...members.values()].map((member) => {
      const until = this.#moderation.barredUntil(member.id, "muted");
      return until === null ? member : { ...member, muted_until: new Date(until).toISOString() };
    });
  }

  /** What has no `rev`, for somebody who missed some of it. */
  #standing(): RoomToClient[] {
    return [{ type: "presence", members: this.#members() }, ...this.#lifeMessages()];
  }

  /** Who controls the session, or how it stands with a support room. */
  #lifeMessages(): RoomToClient[] {
    const support = this.#support.state();
    if (support) return [{ type: "room", ...support }];
    return this.#control ? [controlMessage(this.#control)] : [];
  }

  #knowControl(control: ControlState): void {
    if (control.version > (this.#control?.version ?? -1)) this.#control = control;
  }

  /** The session whose room this is, if it is one's. */
  #session() {
    const [, kind, id = ""] = ROOM_PATTERN.exec(this.ctx.id.name ?? "") ?? [];
    return kind === "session" ? vncSession(this.env, id) : null;
  }

  override async alarm(): Promise<void> {
    await this.#news.alarm();
  }
}

/** With more, presence is told at most so often: it would drown a room that all come back to. */
const FEW_SOCKETS = 20;
const PRESENCE_EVERY_MS = 250;
const READS_EVERY_MS = 1_000;
const TYPING_EVERY_MS = 2_000;

/** What a message costs of its sender's allowance, in plain ones. What leaves lines costs more. */
const COSTS: Partial<Record<ClientToRoom["type"], number>> = {
  sync: 0.1,
  control: 10,
  mute: 10,
  remove: 10,
  claim: 10,
  close_room: 10,
};

const MUTABLE: ReadonlySet<ClientToRoom["type"]> = new Set(["send", "edit", "typing"]);
const STAFF_ONLY: ReadonlySet<ClientToRoom["type"]> = new Set([
  "mute",
  "remove",
  "claim",
  "close_room",
]);

const TOO_FAST = {
  code: "too_fast",
  detail: "You are sending faster than this room takes; wait a moment and send it again.",
};

function controlMessage({ holder, asking }: ControlState): RoomToClient {
  return { type: "control", holder, asking };
}

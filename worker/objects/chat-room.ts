import { DurableObject } from "cloudflare:workers";
import { type ChatChange, ClientToRoom, type RoomToClient } from "../../protocol/chat.ts";
import { CloseCode } from "../../protocol/close-codes.ts";
import { ROOM_PATTERN } from "../../protocol/ids.ts";
import { LINK_PING, LINK_PONG, MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import { parseMessage } from "../../protocol/messages.ts";
import { type Env, vncSession } from "../env.ts";
import { describeError, log } from "../log.ts";
import { problemResponse, type Refusal, type Result } from "../problem.ts";
import { chosenProtocol, closeQuietly } from "../sockets.ts";
import { Allowance } from "./chat/allowance.ts";
import { Comers } from "./chat/comers.ts";
import type { Who } from "./chat/connection.ts";
import { Deeds } from "./chat/deeds.ts";
import { Delivery } from "./chat/delivery.ts";
import { History } from "./chat/history.ts";
import { Moderation } from "./chat/moderation.ts";
import { News } from "./chat/news.ts";
import { whyNoPlace } from "./chat/places.ts";
import { Presence } from "./chat/presence.ts";
import { ReadMarks } from "./chat/read-marks.ts";
import {
  CREDENTIAL_REVOKED,
  describeBar,
  NO_SUCH_ROOM,
  ROOM_CLOSED,
  TOO_FAST,
} from "./chat/refusals.ts";
import { ShownControl } from "./chat/shown-control.ts";
import { Silence } from "./chat/silence.ts";
import { Support } from "./chat/support.ts";
import type { ControlState, RoomEntry } from "./session/control.ts";
import { type Grant, VIEWER_HEADER, type ViewerEntry } from "./session/entry.ts";
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
  readonly #comers = new Comers(this.#sql);
  readonly #support = new Support(this.#sql);
  readonly #people = new People(this.#sql);
  readonly #news = new News(this.ctx, this.env, this.#history, this.#support, () =>
    this.#silence.nextLook(),
  );
  readonly #allowance = new Allowance();
  readonly #delivery = new Delivery(this.ctx, this.#history, {
    level: (connection) => this.#delivery.tell([connection], ...this.#standing(connection.who)),
    closed: () => this.#presence.changed(),
  });
  readonly #presence = new Presence(this.#delivery, this.#moderation);
  readonly #control = new ShownControl(this.ctx.storage.kv, this.#delivery);
  readonly #deeds = new Deeds({
    history: this.#history,
    marks: this.#marks,
    moderation: this.#moderation,
    support: this.#support,
    news: this.#news,
    delivery: this.#delivery,
    presence: this.#presence,
    session: () => this.#session(),
  });
  readonly #silence = new Silence(this.ctx, this.env, this.#delivery, this.#deeds);
  /** Its session ended while somebody was on the way in. */
  #closed = false;
  /** Credentials that were revoked while somebody may have been on the way in with them. */
  readonly #revoked = new Set<string>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(LINK_PING, LINK_PONG));
  }

  /** Everybody out, or those who came in by one credential. */
  async close(code: CloseCode, reason: string, via: string | null): Promise<void> {
    if (via === null) this.#closed = true;
    else this.#revoked.add(via);
    const those = this.#delivery.connections.filter(({ who }) => via === null || who.via === via);
    this.#delivery.close(those, code, reason);
  }

  /** Forgets all that was said: the room's session is purged, so nobody can ask for it any more. */
  async purge(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }

  /** Who controls now, from the session, which decides that. */
  async tellControl(control: ControlState): Promise<void> {
    this.#control.tell(control);
  }

  /** The newest messages before a `seq`, the newest first; not for whom staff has removed. */
  async page(
    before: number,
    limit: number,
    reader: Grant,
  ): Promise<Result<{ items: ChatChange[]; more: boolean }>> {
    const until = this.#moderation.removedUntil(this.#comers.membersOf(reader));
    if (until !== null) return { ok: false, refusal: describeBar("removed", until) };
    return { ok: true, value: this.#history.page(before, limit) };
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
    if (!who.staff) this.#comers.note(entry, who.via, who.me.id);
    const refusal = this.#whyNot(who);
    if (refusal) {
      await this.#tellLeft(who);
      return problemResponse(refusal);
    }
    if (control) this.#control.know(control);

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
          members: this.#presence.members(),
          last_rev,
          from_rev: this.#history.fromRev,
          reads: this.#marks.list(who.me.id),
        },
        ...this.#lifeMessages(),
      ],
    });
    this.#presence.changed();
    this.ctx.waitUntil(this.#silence.letGo().then(() => this.#news.came()));
    return new Response(null, { status: 101, webSocket: client, headers: chosenProtocol(request) });
  }

  async #admit(entry: ViewerEntry): Promise<Result<RoomEntry>> {
    const session = this.#session();
    if (session) return session.enterRoom(entry);
    if (!this.#support.exists || "ticket" in entry) return { ok: false, refusal: NO_SUCH_ROOM };
    const { via, role, staff, address, name } = entry;
    const me = this.#people.enter(entry);
    const line = { actor: via, address, action: "chat.opened", detail: `as ${name}` };
    this.#news.record(line, staff ? null : MAX_GUEST_LINES);
    return { ok: true, value: { me, via, role, staff, control: null } };
  }

  /** Why somebody who may enter cannot now, if so. */
  #whyNot(who: Who): Refusal | null {
    if (this.#closed) return ROOM_CLOSED;
    if (this.#revoked.has(who.via)) return CREDENTIAL_REVOKED;
    const until = this.#moderation.barredUntil(who.me.id, "removed");
    if (until !== null) return describeBar("removed", until);
    // Also those that are closing: until the other end has read on, they hold what it was sent.
    const taken = this.ctx.getWebSockets().map((socket) => this.#delivery.of(socket).who);
    return whyNoPlace(who, taken);
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
    this.#presence.left(who.me.id);
    await this.#tellLeft(who);
  }

  async #tellLeft({ via, me, staff }: Who): Promise<void> {
    const session = this.#session();
    if (!session) {
      const line = { actor: via, action: "chat.closed", detail: `as ${me.name}` };
      this.#news.record(line, staff ? null : MAX_GUEST_LINES);
      return;
    }
    try {
      await session.leftRoom(via, me.name);
    } catch (error) {
      log("chat.tell_failed", { room: this.ctx.id.name, error: describeError(error) });
    }
  }

  // What members say.

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const connection = this.#delivery.of(socket);
    if (!connection.isOpen) return;
    this.#delivery.spoke(connection);
    const size = typeof data === "string" ? data.length : data.byteLength;
    if (size > MAX_MESSAGE_BYTES) {
      const reason = `A chat message is over ${MAX_MESSAGE_BYTES / 1024} KiB.`;
      return this.#delivery.close([connection], CloseCode.malformed, reason);
    }
    const parsed = parseMessage(ClientToRoom, data);
    const message = parsed.kind === "message" ? parsed.message : null;
    // What the room itself asked for costs nothing: were it refused, the room would wait for ever.
    if (message?.type === "sync" && this.#delivery.heard(connection, message.mark)) return;
    const allowed = this.#allowance.take(connection.who.me.id, message?.type ?? null);
    if (allowed !== "fine") {
      this.#deeds.refuse(connection, TOO_FAST, message);
      if (allowed === "over")
        this.#delivery.close([connection], CloseCode.tooMany, TOO_FAST.detail);
      return;
    }
    if (message) return this.#deeds.do(connection, message);
    if (parsed.kind === "unknown") {
      const detail = `This room does not know messages of the type ${parsed.type}.`;
      this.#deeds.refuse(connection, { code: parsed.kind, detail }, null);
    } else if (parsed.kind === "malformed") {
      const detail = `The room could not read that: ${parsed.why}.`;
      this.#deeds.refuse(connection, { code: parsed.kind, detail }, null);
    }
  }

  // How things are.

  /** What has no `rev`, for somebody who missed some of it. */
  #standing({ me }: Who): RoomToClient[] {
    const marks = this.#marks.list(me.id);
    return [
      { type: "presence", members: this.#presence.members() },
      ...(marks.length > 0 ? [{ type: "read" as const, marks }] : []),
      ...this.#lifeMessages(),
    ];
  }

  /** Who controls the session, or how it stands with a support room. */
  #lifeMessages(): RoomToClient[] {
    return [...this.#support.messages(), ...this.#control.messages()];
  }

  /** The session whose room this is, if it is one's. */
  #session() {
    const [, kind, id = ""] = ROOM_PATTERN.exec(this.ctx.id.name ?? "") ?? [];
    return kind === "session" ? vncSession(this.env, id) : null;
  }

  override async alarm(): Promise<void> {
    await this.#silence.letGo();
    await this.#news.alarm();
  }
}

/** A support room's guest needs no account: how often they come and go has so many lines. */
const MAX_GUEST_LINES = 20;

import type { ClientToRoom } from "../../../protocol/chat.ts";
import { CloseCode } from "../../../protocol/close-codes.ts";
import { describeError, log } from "../../log.ts";
import type { Refusal } from "../../problem.ts";
import type { Requester } from "../session/control.ts";
import type { VncSession } from "../vnc-session.ts";
import type { Connection, Who } from "./connection.ts";
import type { Delivery } from "./delivery.ts";
import type { History } from "./history.ts";
import type { Moderation } from "./moderation.ts";
import type { News } from "./news.ts";
import type { Presence } from "./presence.ts";
import type { ReadMarks } from "./read-marks.ts";
import { describeBar, IS_STAFF, NO_SUCH_MEMBER, NOT_STAFF } from "./refusals.ts";
import type { Support } from "./support.ts";

/** The parts of a room; `session` is a stub of the one whose room it is, made anew, if it is one's. */
export type RoomParts = {
  history: History;
  marks: ReadMarks;
  moderation: Moderation;
  support: Support;
  news: News;
  delivery: Delivery;
  presence: Presence;
  session: () => DurableObjectStub<VncSession> | null;
};

/** What members do in a room: what each of their messages changes, and whom it is told. */
export class Deeds {
  readonly #history: History;
  readonly #marks: ReadMarks;
  readonly #moderation: Moderation;
  readonly #support: Support;
  readonly #news: News;
  readonly #delivery: Delivery;
  readonly #presence: Presence;
  readonly #session: () => DurableObjectStub<VncSession> | null;

  constructor(parts: RoomParts) {
    this.#history = parts.history;
    this.#marks = parts.marks;
    this.#moderation = parts.moderation;
    this.#support = parts.support;
    this.#news = parts.news;
    this.#delivery = parts.delivery;
    this.#presence = parts.presence;
    this.#session = parts.session;
  }

  /** Does what a member wants, or tells them why not. */
  async do(connection: Connection, message: ClientToRoom): Promise<void> {
    const { me, staff, via } = connection.who;
    const muted = MUTABLE.has(message.type) && this.#moderation.barredUntil(me.id, "muted");
    if (muted) return this.refuse(connection, describeBar("muted", muted), message);
    if (STAFF_ONLY.has(message.type) && !staff) return this.refuse(connection, NOT_STAFF, message);
    switch (message.type) {
      case "sync":
        return; // to nothing that was asked, which is no harm
      case "send": {
        const { cid, text } = message;
        const { seq, added } = this.#history.add(me, cid, text);
        if (added) this.#said(connection.who, seq);
        return this.#delivery.publish(added, connection, [{ type: "ack", cid, seq }]);
      }
      case "edit": {
        const edited = this.#history.edit(message.seq, me.id, message.text);
        if (!edited.ok) return this.refuse(connection, edited.refusal, message);
        this.#news.changed();
        return this.#delivery.publish(edited.value, connection, []);
      }
      case "delete": {
        const deleted = this.#history.delete(message.seq, me.id, staff);
        if (!deleted.ok) return this.refuse(connection, deleted.refusal, message);
        const { isNew, own, ...change } = deleted.value;
        if (!isNew) return this.#delivery.tell([connection], change);
        const detail = `message ${message.seq}`;
        if (!own) this.#news.record({ actor: via, action: "chat.message_deleted", detail });
        if (this.#support.deleted(message.seq, this.#history)) {
          this.#delivery.tellAll(...this.#support.messages());
        }
        this.#news.changed();
        return this.#delivery.publish(change, connection, []);
      }
      case "typing":
        return this.#presence.typing(me.id);
      case "read":
        return this.#read(connection.who, message.seq);
      case "mute":
      case "remove":
        return this.#bar(connection, message);
      case "claim":
      case "close_room":
      case "reopen_room":
        return this.#takeCare(connection, message);
      case "control":
        return this.#requestControl(connection, message);
    }
  }

  /** A message is stored: what follows for who has read what, and for the life of a support room. */
  #said({ via, staff }: Who, seq: number): void {
    if (staff) this.#support.staffRead(via, seq);
    if (this.#support.said(staff, seq)) this.#delivery.tellAll(...this.#support.messages());
    this.#news.changed();
  }

  #read({ me, via, staff }: Who, wanted: number): void {
    const seq = Math.min(wanted, this.#history.lastSeq);
    if (seq === 0 || !this.#marks.move(me.id, seq)) return;
    this.#presence.moved({ member: me.id, seq });
    if (!staff) return;
    this.#support.staffRead(via, seq);
    if (this.#support.exists) this.#news.soon();
  }

  #bar(by: Connection, request: Extract<ClientToRoom, { type: "mute" | "remove" }>): void {
    const { type, member, seconds } = request;
    const theirs = this.#delivery.connections.filter(({ who }) => who.me.id === member);
    // Somebody who has left can still be barred, if anything of them is known here.
    const known = theirs[0]?.who.me ?? this.#history.sender(member);
    if (seconds > 0 && !known) return this.refuse(by, NO_SUCH_MEMBER, request);
    const isStaff = known?.role === "operator" || theirs.some(({ who }) => who.staff);
    if (seconds > 0 && isStaff) {
      return this.refuse(by, IS_STAFF, request);
    }
    const how = type === "mute" ? "muted" : "removed";
    this.#moderation.bar(member, how, seconds);
    const name = known?.name ?? "somebody";
    const detail = `${name} (${member}), ${seconds === 0 ? "no longer" : `for ${seconds} s`}`;
    this.#news.record({ actor: by.who.via, action: `chat.${how}`, detail });
    const until = this.#moderation.barredUntil(member, how);
    if (how === "removed" && until !== null) {
      const { detail: reason } = describeBar("removed", until);
      this.#delivery.close(theirs, CloseCode.forbidden, reason);
    }
    this.#presence.changed();
  }

  #takeCare(by: Connection, request: CareRequest): void {
    if (!this.#support.exists) {
      const detail = "This is a session's room; it lives as long as its session.";
      return this.refuse(by, { code: "not_support", detail }, request);
    }
    const { me, via } = by.who;
    const done = this.#changeLife(by.who, request);
    if (done) this.#news.record({ actor: via, action: `chat.${done}`, detail: `as ${me.name}` });
    this.#delivery.tellAll(...this.#support.messages());
  }

  /** @returns what was done, for the audit; null if it was so already */
  #changeLife({ me, via }: Who, request: CareRequest): string | null {
    if (request.type === "reopen_room") return this.#support.reopen() ? "reopened" : null;
    if (request.type === "close_room") {
      this.#support.close();
      return "done";
    }
    if (request.release) this.#support.claim(null, null);
    else this.#support.claim(me, via);
    return request.release ? "released" : "claimed";
  }

  /** Passes on what somebody wants done about control; the session tells all what came of it. */
  async #requestControl(
    connection: Connection,
    request: Extract<ClientToRoom, { type: "control" }>,
  ): Promise<void> {
    const { op, to } = request;
    const session = this.#session();
    if (!session) {
      const detail = "No desktop belongs to this room.";
      return this.refuse(connection, { code: "not_exclusive", detail }, request);
    }
    try {
      const done = await session.requestControl(requester(connection.who), { op, to });
      if (!done.ok) this.refuse(connection, done.refusal, request);
    } catch (error) {
      log("chat.control_failed", { error: describeError(error) });
      const detail = "That did not reach the session; try again.";
      this.refuse(connection, { code: "try_again", detail }, request);
    }
  }

  /** Somebody is gone: they neither control nor wait for that. @returns whether the session knows */
  async releaseControl(who: Who): Promise<boolean> {
    try {
      // That they had nothing to release is as good.
      await this.#session()?.requestControl(requester(who), { op: "release" });
      return true;
    } catch (error) {
      log("chat.control_failed", { error: describeError(error) });
      return false;
    }
  }

  /**
   * Tells one socket why not.
   * @param about what it refuses; null for what the room could not read
   */
  refuse(
    to: Connection,
    { code, detail }: Pick<Refusal, "code" | "detail">,
    about: ClientToRoom | null,
  ): void {
    const which = about && {
      answers: about.type,
      ...("cid" in about && { cid: about.cid }),
      ...("seq" in about && { seq: about.seq }),
    };
    this.#delivery.tell([to], { type: "error", code, message: detail, ...which });
  }
}

/** What staff does with a support room as a whole. */
type CareRequest = Extract<ClientToRoom, { type: "claim" | "close_room" | "reopen_room" }>;

function requester({ me, via, role, staff }: Who): Requester {
  return { member: me.id, via, role, staff };
}

const MUTABLE: ReadonlySet<ClientToRoom["type"]> = new Set(["send", "edit", "typing"]);
const STAFF_ONLY: ReadonlySet<ClientToRoom["type"]> = new Set([
  "mute",
  "remove",
  "claim",
  "close_room",
  "reopen_room",
]);

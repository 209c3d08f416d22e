import type { Control as ControlOfRoom, ControlRequest, Member } from "../../../protocol/chat.ts";
import type { Role } from "../../../protocol/link.ts";
import { type Result, refuse } from "../../problem.ts";
import { oneRow } from "../storage.ts";
import type { Grant } from "./entry.ts";
import type { OpenStreams } from "./open-streams.ts";
import type { Outbox } from "./outbox.ts";

/**
 * Who controls a session where one does at a time. Only somebody with an open stream whose
 * credential allows control can hold it or wait for it, so it follows the streams: every change of
 * those is settled here, in the same turn. Everything is in SQL; what it decides, HandOver tells.
 *
 * A session that is shared has no row here, and none of this happens.
 */
export class Control {
  readonly #sql: SqlStorage;
  readonly #streams: OpenStreams;
  readonly #outbox: Outbox;

  constructor(sql: SqlStorage, streams: OpenStreams, outbox: Outbox) {
    this.#sql = sql;
    this.#streams = streams;
    this.#outbox = outbox;
  }

  /** Makes the session one where one controls at a time. */
  start(): void {
    this.#sql.exec("INSERT INTO control (holder) VALUES (NULL)");
  }

  /** Who controls and who asked to, as the room shows it; null where all control at once. */
  state(): ControlState | null {
    const row = this.#row();
    if (!row) return null;
    const people = "SELECT id, name, role FROM people";
    const holder = `${people} WHERE id = ?`;
    const asking = `${people} JOIN asking ON member = id ORDER BY seq`;
    return {
      holder: oneRow(this.#sql.exec<Member>(holder, row.holder)) ?? null,
      asking: this.#sql.exec<Member>(asking).toArray(),
      version: row.version,
    };
  }

  /** The role that a stream would have if it opened now. */
  roleFor(member: string, allowed: Role): Role {
    const row = this.#row();
    if (!row || allowed === "view") return allowed;
    return row.holder === null || row.holder === member ? "control" : "view";
  }

  /** A stream opened, with the role of {@link roleFor}: whoever controls now, if nobody did, does. */
  opened(member: string, via: string, role: Role): void {
    const row = this.#row();
    if (!row || row.holder !== null || role !== "control") return;
    this.#record(via, "taken", this.#nameOf(member));
    this.#setHolder(member);
  }

  /** Streams closed, or lost their right: who has none left neither controls nor waits. */
  settle(actor: string): void {
    const row = this.#row();
    if (!row) return;
    const query = `DELETE FROM asking
       WHERE member NOT IN (SELECT member FROM streams WHERE allowed = 'control')`;
    const left = this.#sql.exec(query).rowsWritten > 0;
    if (row.holder !== null && this.#streams.allowedTo(row.holder) !== "control") {
      this.#release(row.holder, actor);
    } else if (left) {
      this.#changed();
    }
  }

  /** The session ended: nobody controls it or waits for that. */
  clear(): void {
    this.#sql.exec("DELETE FROM asking");
    this.#sql.exec("DELETE FROM control");
  }

  /** Does what somebody in the room wants done, or says why not. */
  request(who: Requester, { op, to }: ControlRequest): Result<null> {
    const row = this.#row();
    if (!row) {
      const detail = "Here all who may control do at once; there is nothing to hand over.";
      return refuse(409, "not_exclusive", detail);
    }
    if (who.role === "view") return refuse(403, "view_only", "You may watch, not control.");
    const holds = row.holder === who.member;
    if (op === "release") return this.#releaseOrWithdraw(who, holds);
    if (op === "give") return this.#give(who, holds, to);
    if (op === "take" && !who.staff) {
      return refuse(403, "not_staff", "Only an operator can take control; ask for it.");
    }
    const able = this.#canHold(who.member, "You have");
    if (!able.ok || holds) return able;
    if (op === "ask" && row.holder !== null) {
      const query = "INSERT OR IGNORE INTO asking (member) VALUES (?)";
      if (this.#sql.exec(query, who.member).rowsWritten > 0) this.#changed();
      return able;
    }
    const from = row.holder === null ? "" : `, from ${this.#nameOf(row.holder)}`;
    this.#record(who.via, "taken", `${this.#nameOf(who.member)}${from}`);
    this.#setHolder(who.member);
    return able;
  }

  #releaseOrWithdraw(who: Requester, holds: boolean): Result<null> {
    if (holds) {
      this.#release(who.member, who.via);
    } else if (this.#sql.exec("DELETE FROM asking WHERE member = ?", who.member).rowsWritten > 0) {
      this.#changed();
    } else {
      return notHolder();
    }
    return { ok: true, value: null };
  }

  #give(who: Requester, holds: boolean, to: string | undefined): Result<null> {
    if (!holds) return notHolder();
    const known = "SELECT 1 FROM people WHERE id = ?";
    if (to === undefined || this.#sql.exec(known, to).toArray().length === 0) {
      return refuse(404, "no_such_member", "There is nobody of that id here.");
    }
    const able = this.#canHold(to, "They have");
    if (!able.ok || to === who.member) return able;
    this.#record(who.via, "given", `${this.#nameOf(who.member)} to ${this.#nameOf(to)}`);
    this.#setHolder(to);
    return able;
  }

  /** The first who asked gets it, else nobody has it. */
  #release(member: string, actor: string): void {
    this.#record(actor, "released", this.#nameOf(member));
    const query = "SELECT member FROM asking ORDER BY seq LIMIT 1";
    const next = oneRow(this.#sql.exec<{ member: string }>(query))?.member ?? null;
    if (next !== null) {
      const via = this.#streams.viaOf(next) ?? actor;
      this.#record(via, "taken", `${this.#nameOf(next)}, who asked first`);
    }
    this.#setHolder(next);
  }

  #setHolder(member: string | null): void {
    this.#sql.exec("UPDATE control SET holder = ?", member);
    this.#sql.exec("DELETE FROM asking WHERE member = ?", member);
    this.#streams.setHolder(member);
    this.#changed();
  }

  /** There is news for the room. */
  #changed(): void {
    this.#sql.exec("UPDATE control SET version = version + 1");
  }

  /** The state, if the room does not know it yet. */
  untold(): ControlState | null {
    const row = this.#row();
    return row && row.told < row.version ? this.state() : null;
  }

  markTold({ version }: ControlState): void {
    this.#sql.exec("UPDATE control SET told = max(told, ?)", version);
  }

  #canHold(member: string, subject: string): Result<null> {
    const allowed = this.#streams.allowedTo(member);
    if (allowed === "control") return { ok: true, value: null };
    return allowed === null
      ? refuse(409, "no_stream", `${subject} no desktop open here.`)
      : refuse(403, "view_only", `${subject} a desktop open that may only be watched.`);
  }

  #nameOf(member: string): string {
    const query = "SELECT name FROM people WHERE id = ?";
    const name = oneRow(this.#sql.exec<{ name: string }>(query, member))?.name ?? "somebody";
    return `${name} (${member})`;
  }

  #record(actor: string, verb: "taken" | "given" | "released", detail: string): void {
    this.#outbox.record({ actor, action: `control.${verb}`, detail });
  }

  #row(): ControlRow | undefined {
    return oneRow(this.#sql.exec<ControlRow>("SELECT * FROM control"));
  }
}

/** `version` counts the changes, so that older news is known as such. */
export type ControlState = ControlOfRoom & { version: number };

/** What lets somebody into the room: who they are there, and who controls, where one does. */
export type RoomEntry = Pick<Grant, "via" | "role" | "staff"> & {
  me: Member;
  control: ControlState | null;
};

/** Somebody in the room: their id, the credential of their socket and what that allows. */
export type Requester = { member: string; via: string; role: Role; staff: boolean };

type ControlRow = { holder: string | null; version: number; told: number };

function notHolder() {
  return refuse(409, "not_holder", "You do not have control.");
}

/** `told` is the version that the room knows. */
export const CONTROL_SCHEMA = `
  CREATE TABLE control (holder TEXT, version INTEGER NOT NULL DEFAULT 0, told INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE asking (seq INTEGER PRIMARY KEY, member TEXT NOT NULL UNIQUE);
`;

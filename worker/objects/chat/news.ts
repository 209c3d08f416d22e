import { type Env, registry } from "../../env.ts";
import { describeError, log } from "../../log.ts";
import { AUDIT_OUTBOX_SCHEMA, AuditOutbox } from "../audit-outbox.ts";
import { hasTable } from "../storage.ts";
import { Coalesced } from "./coalesced.ts";
import type { History } from "./history.ts";
import type { Support } from "./support.ts";

/** A room tells the registry at most so often, however much is said in it. */
const TELL_EVERY_MS = 1_000;

/** How soon the registry is told again when it could not be. */
const RETRY_MS = 5_000;

/** How often what is too old is looked for, at most. */
const PRUNE_EVERY_MS = 60 * 60_000;

/**
 * What a room has to tell the registry: lines for the audit, and of a support room how it stands,
 * for the inbox. It is stored with what happened; told at once, and by alarm until the registry has
 * it. The one alarm also forgets what is too old, and has the room look who is gone.
 */
export class News {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #history: History;
  readonly #support: Support;
  readonly #outbox: AuditOutbox;
  readonly #tell: Coalesced;
  #hasOutbox: boolean;
  readonly #nextLook: () => number | null;
  /** The alarm is set for news that is not told, or for what has time until then. */
  #alarmFor: "news" | "rest" | null = null;
  /** Deliveries come one after the other. */
  #delivered: Promise<void> = Promise.resolve();

  /** @param nextLook when to look who is gone, in ms since the epoch, if that matters */
  constructor(
    ctx: DurableObjectState,
    env: Env,
    history: History,
    support: Support,
    nextLook: () => number | null,
  ) {
    this.#ctx = ctx;
    this.#env = env;
    this.#history = history;
    this.#support = support;
    this.#nextLook = nextLook;
    this.#outbox = new AuditOutbox(ctx.storage.sql, env);
    this.#hasOutbox = hasTable(ctx.storage.sql, "audit_outbox");
    this.#tell = new Coalesced(
      () => TELL_EVERY_MS,
      () => ctx.waitUntil(this.#deliver()),
    );
  }

  /** A line for the audit. @param max of those that its actor can cause at will, in ten minutes */
  record(line: Parameters<AuditOutbox["record"]>[0], max: number | null = null): void {
    if (!this.#hasOutbox) this.#ctx.storage.sql.exec(AUDIT_OUTBOX_SCHEMA);
    this.#hasOutbox = true;
    if (max === null) this.#outbox.record(line);
    else this.#outbox.recordBounded(`${line.action} ${line.actor}`, max, line);
    this.soon();
  }

  /** Something was said or taken back: the inbox shows it, and one day it is too old. */
  changed(): void {
    if (this.#support.exists) {
      this.#support.touch();
      this.soon();
    } else if (this.#alarmFor === null) {
      this.#alarmFor = "rest";
      this.#ctx.waitUntil(this.#hastenAlarm());
    }
  }

  /** Somebody came: it may matter now who is gone. */
  came(): void {
    // Once the news is told, the alarm is set for what is next.
    if (this.#alarmFor !== "news") this.#ctx.waitUntil(this.#hastenAlarm());
  }

  /** There is something to tell: now, and by alarm if this object goes before it is told. */
  soon(): void {
    if (this.#alarmFor !== "news") this.#ctx.storage.setAlarm(Date.now() + RETRY_MS);
    this.#alarmFor = "news";
    this.#tell.ask();
  }

  /** The platform gives up on an alarm that fails six times, so this one does not fail. */
  async alarm(): Promise<void> {
    this.#alarmFor = null;
    try {
      this.#history.prune();
      if (this.#history.newest() === null) await this.#forgetRoom();
    } catch (error) {
      log("chat.alarm_failed", { room: this.#ctx.id.name, error: describeError(error) });
    }
    await this.#deliver();
  }

  /** Nothing that was said is kept: the inbox, which quotes it, has no such room any more. */
  async #forgetRoom(): Promise<void> {
    if (this.#support.isIndexed) {
      await registry(this.#env).supportRooms.remove(this.#ctx.id.name ?? "");
      this.#support.markUntold();
    }
    if (this.#support.isOver() && this.#history.newest() === null) this.#support.erase();
  }

  #deliver(): Promise<void> {
    this.#delivered = this.#delivered.then(() => this.#deliverAll());
    return this.#delivered;
  }

  async #deliverAll(): Promise<void> {
    const room = this.#ctx.id.name ?? "";
    try {
      do {
        const news = this.#support.untold(room, this.#history);
        if (news) {
          await registry(this.#env).supportRooms.put(news);
          this.#support.markTold(news);
        }
        if (this.#hasOutbox) await this.#outbox.deliverLines(room);
      } while (this.#support.untold(room, this.#history));
      this.#setAlarm();
    } catch (error) {
      log("chat.deliver_failed", { room, error: describeError(error) });
      this.#ctx.storage.setAlarm(Date.now() + RETRY_MS);
      this.#alarmFor = "news";
    }
  }

  /** An alarm that rings sooner than it has to sets the next one right. */
  async #hastenAlarm(): Promise<void> {
    const set = await this.#ctx.storage.getAlarm();
    if (this.#alarmFor !== "news" && this.#nextAlarm() < (set ?? Infinity)) this.#setAlarm();
  }

  #setAlarm(): void {
    const due = this.#nextAlarm();
    this.#alarmFor = due === Infinity ? null : "rest";
    if (due === Infinity) this.#ctx.storage.deleteAlarm();
    else this.#ctx.storage.setAlarm(due);
  }

  /** When there is something to do once all is told, in ms since the epoch. */
  #nextAlarm(): number {
    const old = Math.min(this.#history.nextPrune() ?? Infinity, this.#support.overAt() ?? Infinity);
    return Math.min(Math.max(old, Date.now() + PRUNE_EVERY_MS), this.#nextLook() ?? Infinity);
  }
}

import { CloseCode } from "../../../protocol/close-codes.ts";
import { AGENT_ANSWER_MS } from "../../../protocol/limits.ts";
import { chatRoom, type Env, registry } from "../../env.ts";
import { describeError, log } from "../../log.ts";
import type { Telling } from "../telling.ts";
import type { Control } from "./control.ts";
import type { Entry } from "./entry.ts";
import type { JobEnd } from "./job.ts";
import { idleEnd, purgeTime, timeIsOver } from "./life.ts";
import type { OpenStreams } from "./open-streams.ts";
import type { Outbox } from "./outbox.ts";
import type { SessionRecord } from "./session-record.ts";
import { type SessionRow, SYSTEM } from "./session-row.ts";
import type { Viewers } from "./viewers.ts";

/** What has to do with a session's end. */
export type EndingParts = {
  record: SessionRecord;
  entry: Entry;
  streams: OpenStreams;
  control: Control;
  viewers: Viewers;
  outbox: Outbox;
  telling: Telling<SessionRow>;
};

/**
 * How a session ends, or what one credential opened in it: because somebody says so, or by time.
 * First it is stored that nobody comes in any more, then who is in is closed, which awaits others
 * and may be repeated.
 */
export class Ending {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #parts: EndingParts;

  constructor(ctx: DurableObjectState, env: Env, parts: EndingParts) {
    this.#ctx = ctx;
    this.#env = env;
    this.#parts = parts;
  }

  /** Ends the session. One that has ended is not ended again: what is left of it is closed. */
  async end(
    row: SessionRow,
    { state, reason }: JobEnd,
    by: { actor: string; address: string | null },
  ): Promise<void> {
    const { record, entry, control, outbox, telling } = this.#parts;
    if (row.ended_at === null) {
      this.#ctx.storage.transactionSync(() => {
        record.end({ state, reason });
        entry.forget();
        control.clear();
        outbox.record({ ...by, action: `session.${state}`, detail: reason });
      });
      telling.tellSoon();
      log(`session.${state}`, { session: row.session_id, reason });
    }
    const why = row.ended_at === null ? reason : (row.reason ?? reason);
    await this.#close(row, { code: CloseCode.ended, reason: why });
  }

  /** Closes what a credential opened here, and lets it in no more. */
  async cut(via: string, reason: string): Promise<void> {
    const { record, entry, streams, control, telling } = this.#parts;
    const row = record.stored();
    if (!row) return;
    entry.forget(via);
    streams.disallow(via);
    control.settle(via);
    telling.tell();
    await this.#close(row, { code: CloseCode.unauthorized, reason, via });
  }

  /** Closes all viewers and the room, or those of one credential. */
  async #close(
    row: SessionRow,
    closing: { code: CloseCode; reason: string; via?: string },
  ): Promise<void> {
    const { session_id } = row;
    const { code, reason, via = null } = closing;
    const outcomes = await Promise.allSettled([
      this.#parts.viewers.close(row, closing),
      chatRoom(this.#env, `session:${session_id}`).close(code, reason, via),
    ]);
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") continue;
      log("session.close_failed", { session: session_id, error: describeError(outcome.reason) });
    }
  }

  /** Does what time has come for. @throws {Error} if that cannot be done now */
  async doWhatIsDue(): Promise<void> {
    const { record, entry, viewers, outbox, telling } = this.#parts;
    const row = record.stored();
    if (!row) return;
    if (row.ended_at !== null && purgeTime(row.ended_at, this.#env) <= Date.now()) {
      return this.#purge(row);
    }
    const over = row.ended_at === null && timeIsOver(row, viewers.emptySince());
    if (over) {
      await this.end(row, { state: "ended", reason: over }, { actor: SYSTEM, address: null });
    } else {
      for (const link of entry.expiredLinks()) {
        entry.revokeLink(link);
        outbox.record({ actor: SYSTEM, action: "link.expired", detail: link });
        await this.cut(`link:${link}`, "The link that you came by has expired.");
      }
    }
    await telling.deliver();
  }

  /**
   * When something is due next: the end of the session, of its idleness or of a link; and once it has
   * ended, the time to forget it. In ms since the epoch.
   */
  nextDue(row: SessionRow): number {
    const { entry, viewers } = this.#parts;
    // Who waits keeps a session from being idle: looked at again when they were served, or were not.
    const served = viewers.areWaiting ? Date.now() + AGENT_ANSWER_MS : Infinity;
    if (row.ended_at !== null) return Math.min(purgeTime(row.ended_at, this.#env), served);
    const linkEnd = entry.nextLinkEnd() ?? Infinity;
    return Math.min(row.expires_at, idleEnd(row, viewers.emptySince()), linkEnd, served);
  }

  /** Forgets an ended session, its room and its place in the index; the audit keeps its lines. */
  async #purge(row: SessionRow): Promise<void> {
    const { record, outbox } = this.#parts;
    await outbox.deliver(row);
    await registry(this.#env).sessions.forget(row.session_id);
    await chatRoom(this.#env, `session:${row.session_id}`).purge();
    record.forget();
    await this.#ctx.storage.deleteAll();
    log("session.purged", { session: row.session_id });
  }
}

import { CloseCode } from "../../../protocol/close-codes.ts";
import { AGENT_ANSWER_MS, MAX_VIEWERS_PER_SESSION } from "../../../protocol/limits.ts";
import type { Role } from "../../../protocol/link.ts";
import { type Env, vncHost } from "../../env.ts";
import { describeError, log } from "../../log.ts";
import { closeCodeOf, type Refusal, type Result, refuse } from "../../problem.ts";
import { closeQuietly } from "../../sockets.ts";
import type { ActivityKind } from "../registry/activity.ts";
import type { Telling } from "../telling.ts";
import type { Activity } from "./activity.ts";
import type { Control } from "./control.ts";
import type { Grant } from "./entry.ts";
import type { HandOver } from "./hand-over.ts";
import type { OpenStreams } from "./open-streams.ts";
import type { Outbox } from "./outbox.ts";
import type { People } from "./people.ts";
import type { SessionRecord } from "./session-record.ts";
import { type PlacedRow, type SessionRow, SYSTEM } from "./session-row.ts";
import { WaitingViewers } from "./waiting-viewers.ts";

/** What a session's viewers have to do with. */
export type ViewersParts = {
  record: SessionRecord;
  people: People;
  streams: OpenStreams;
  control: Control;
  handOver: HandOver;
  outbox: Outbox;
  activity: Activity;
  telling: Telling<SessionRow>;
};

/**
 * The viewers of a session, each from their upgrade to their stream's end.
 *
 * One is answered at once with one end of a WebSocketPair. The other end is kept, never accepted,
 * until the agent's upgrade is answered with it; from then on the runtime pumps frames from leg to
 * leg natively and no JavaScript of ours runs. Until then the kept end waits, at most
 * AGENT_ANSWER_MS, and is closed with the reason when the agent cannot come.
 */
export class Viewers {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #parts: ViewersParts;
  readonly #waiting = new WaitingViewers();

  constructor(ctx: DurableObjectState, env: Env, parts: ViewersParts) {
    this.#ctx = ctx;
    this.#env = env;
    this.#parts = parts;
  }

  /** Whether there are some whose agent has not come yet. */
  get areWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Since when nobody watches, or waits to; null while somebody does, and before the first. */
  emptySince(): number | null {
    return this.areWaiting ? null : this.#parts.streams.emptySince();
  }

  /** A viewer was turned away: noted, and counted. */
  refused(refusal: Refusal): void {
    log("stream.refused", { session: this.#ctx.id.name, code: refusal.code });
    this.#count(`${closeCodeOf(refusal)}`);
  }

  /**
   * Takes in a viewer who may come in, and has the agent asked for their stream.
   * @param address where they come from, for the audit
   * @returns their end of the pair
   */
  take(place: PlacedRow, grant: Grant, address: string): Result<WebSocket> {
    const { people, streams, control } = this.#parts;
    if (streams.list().length + this.#waiting.size >= MAX_VIEWERS_PER_SESSION) {
      const detail = `This session has ${MAX_VIEWERS_PER_SESSION} viewers already, its limit.`;
      return refuse(429, "too_many_viewers", detail);
    }
    const [viewer, kept] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    const { role: allowed, name, via } = grant;
    const member = people.enter(grant).id;
    const asked = control.roleFor(member, allowed);
    const arrival = { member, allowed, asked, name, via, address };
    const { stream, token } = this.#waiting.add(arrival, kept, AGENT_ANSWER_MS, () =>
      this.#ctx.waitUntil(this.#giveUp(place, stream)),
    );
    const { session_id: session, host_id: host, port } = place;
    log("stream.asked", { stream, session, host, port, role: asked, name, via });
    this.#ctx.waitUntil(this.#askAgent(place, stream, token, asked));
    return { ok: true, value: viewer };
  }

  async #askAgent(row: PlacedRow, stream: string, token: string, role: Role): Promise<void> {
    try {
      const { session_id: session, port, address, control, clipboard, password } = row;
      const host = vncHost(this.#env, row.host_id);
      const options = {
        control,
        clipboard,
        ...(address && { address }),
        ...(password !== null && { password }),
      };
      const asked = await host.openStream({ stream, token, role, session, port, ...options });
      if (!asked.ok) this.failed(stream, asked.refusal.closeCode, asked.refusal.detail);
    } catch (error) {
      log("stream.ask_failed", { stream, error: describeError(error) });
      this.failed(stream, CloseCode.hostOffline, "The host could not be asked; try again.");
    }
  }

  /** The agent did not come in time: neither the viewer nor the host waits for it any longer. */
  async #giveUp(row: PlacedRow, stream: string): Promise<void> {
    const reason = `The agent did not answer in ${AGENT_ANSWER_MS / 1000} s.`;
    this.failed(stream, CloseCode.agentTimeout, reason);
    try {
      await vncHost(this.#env, row.host_id).abandonStream(stream, reason);
    } catch (error) {
      log("stream.abandon_failed", { stream, error: describeError(error) });
    }
  }

  /**
   * The agent comes for a stream with its token: the viewer waits no longer.
   * @returns the agent's end of the pair
   */
  async serve(stream: string, token: string): Promise<Result<WebSocket>> {
    const { record, streams, control, handOver, outbox, activity, telling } = this.#parts;
    const checked = await this.#waiting.check(stream, token);
    const taken = checked.ok ? this.#waiting.take(stream) : checked;
    if (!taken.ok) {
      const { code } = taken.refusal;
      log("stream.agent_refused", { stream, session: this.#ctx.id.name, code });
      return taken;
    }
    const { member, allowed, asked, name, via, address, kept } = taken.value;
    const role = control.roleFor(member, allowed);
    streams.add({ stream, member, allowed, name, via }, role, asked);
    log("stream.spliced", { stream, session: this.#ctx.id.name });
    const detail = `${stream}, ${role} as ${name}`;
    outbox.record({ actor: via, address, action: "stream.opened", detail });
    activity.count("opened");
    control.opened(member, via, role);
    telling.tell();
    // Somebody else got control meanwhile: the agent hears it before it has the viewer.
    if (asked === "control" && role === "view") {
      const row = record.stored();
      if (!row || !(await handOver.isTold(row))) {
        this.closed(stream, NOT_LOWERED);
        kept.accept();
        closeQuietly(kept, CloseCode.goingAway, "Control went to somebody else; connect again.");
        return refuse(503, "stream_not_lowered", NOT_LOWERED);
      }
    }
    return { ok: true, value: kept };
  }

  /**
   * The agent could not serve a viewer that still waits: closes it with the reason.
   * @returns false if it does not wait: it was served, or is gone
   */
  failed(stream: string, code: CloseCode, reason: string): boolean {
    if (!this.#waiting.fail(stream, code, reason)) return false;
    log("stream.failed", { stream, session: this.#ctx.id.name, code, reason });
    this.#count(`${code}`);
    return true;
  }

  /** A stream is over, if it ever began. */
  closed(stream: string, reason: string): void {
    this.failed(stream, CloseCode.agentTimeout, reason);
    const { record, streams, control, outbox, activity, telling } = this.#parts;
    if (!record.exists) return;
    const closed = streams.remove(stream);
    if (!closed) return;
    const detail = `${stream}, ${reason}`;
    outbox.record({ actor: closed.via, action: "stream.closed", detail });
    activity.count("closed");
    control.settle(closed.via);
    telling.tell();
  }

  /**
   * Closes all viewers, or those of one credential. What the agent does not confirm in time is cut
   * here, all of the session, which shows as 1006; a page that dials again then hears why, or comes
   * in again.
   */
  async close(
    { host_id }: SessionRow,
    closing: { code: CloseCode; reason: string; via?: string },
  ): Promise<void> {
    const { code, reason, via } = closing;
    for (const stream of this.#waiting.streams(via)) this.failed(stream, code, reason);
    const streams = this.#parts.streams.list(via);
    if (streams.length === 0) return;
    setTimeout(() => this.#cutUnconfirmed(streams), CLOSE_CONFIRM_MS);
    if (host_id !== null) await vncHost(this.#env, host_id).closeStreams(streams, code, reason);
  }

  /** Resets this object, and with it every socket of the session, if one of these is still open. */
  async #cutUnconfirmed(unconfirmed: readonly string[]): Promise<void> {
    const { streams, control, outbox, activity } = this.#parts;
    const open = new Set(streams.list());
    if (!unconfirmed.some((stream) => open.has(stream))) return;
    activity.count("closed", open.size);
    for (const { stream, via } of streams.clear()) {
      const detail = `${stream}, cut with its session: an agent did not close what had to end`;
      outbox.record({ actor: via, action: "stream.closed", detail });
    }
    control.settle(SYSTEM);
    this.#ctx.storage.setAlarm(Date.now()); // to tell that, as soon as this object is back
    log("session.cut", { session: this.#ctx.id.name, streams: [...open] });
    await this.#ctx.storage.sync();
    this.#ctx.abort("streams that had to end were not closed by their agent");
  }

  /** Counts a connection that came to nothing. That is told later, many at once: anybody can cause it. */
  #count(kind: ActivityKind): void {
    const { record, activity, telling } = this.#parts;
    if (record.exists && activity.count(kind)) telling.tellSoon();
  }
}

/** How long an agent has to confirm that it closed streams that must end. */
const CLOSE_CONFIRM_MS = 2_000;

/** To an agent that comes for a viewer who lost control while they waited. */
const NOT_LOWERED = "This stream may not control any more, which could not be said in time.";

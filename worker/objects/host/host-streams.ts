import { CloseCode } from "../../../protocol/close-codes.ts";
import { LOOPBACK } from "../../../protocol/ids.ts";
import { MAX_STREAMS_PER_HOST, STAFF_PLACES_PER_HOST } from "../../../protocol/limits.ts";
import type { AgentToEdge } from "../../../protocol/link.ts";
import { type Env, vncSession } from "../../env.ts";
import { describeError, log } from "../../log.ts";
import type { Telling } from "../telling.ts";
import type { AskedStreams, OpenStream, StreamRole } from "./asked-streams.ts";
import type { HostRecord, HostRow } from "./host-record.ts";
import { offlineSentence } from "./host-state.ts";
import type { Links } from "./links.ts";
import type { StreamNews } from "./stream-news.ts";

/** What the streams of a host have to do with. */
export type HostStreamsParts = {
  record: HostRecord;
  links: Links;
  asked: AskedStreams;
  news: StreamNews;
  telling: Telling<HostRow>;
};

/**
 * The streams of a host, between the sessions, which want them, and the agent, which brings them.
 * What the agent says became of one is told to its session (stream-news.ts); what was asked stays
 * noted until then.
 */
export class HostStreams {
  readonly #env: Env;
  readonly #parts: HostStreamsParts;

  constructor(env: Env, parts: HostStreamsParts) {
    this.#env = env;
    this.#parts = parts;
  }

  /** Asks the agent for its end of a stream; what comes of it is told to the session. */
  open(input: OpenStream): OpenAnswer {
    const { record, links, asked, telling } = this.#parts;
    const row = record.row();
    if (!row) return refusedStream(CloseCode.hostOffline, "The host was removed.");
    if (!links.isOnline()) {
      return refusedStream(CloseCode.hostOffline, offlineSentence(row.name));
    }
    const streams = asked.count();
    if (streams >= MAX_STREAMS_PER_HOST - (input.staff ? 0 : STAFF_PLACES_PER_HOST)) {
      const why =
        streams < MAX_STREAMS_PER_HOST ? "the last places are for operators" : "its limit";
      return refusedStream(CloseCode.tooMany, `This host has ${streams} streams already, ${why}.`);
    }
    asked.add(input.stream, input.session);
    telling.tell();
    links.send({
      type: "open",
      stream: input.stream,
      token: input.token,
      session: input.session,
      target: { host: input.address ?? LOOPBACK, port: input.port },
      role: input.role,
      clipboard: input.clipboard,
      control: input.control,
      password: input.password,
    });
    return { ok: true };
  }

  /** Streams have another role from now on; an agent that is away hears it when it comes back. */
  setRoles(roles: readonly StreamRole[]): void {
    const { record, links, asked } = this.#parts;
    if (!record.exists) return;
    for (const { stream, role } of roles) {
      asked.setRole(stream, role);
      links.send({ type: "role", stream, role });
    }
  }

  /** Asks the agent to close streams; it confirms each with `closed`. */
  close(streams: readonly string[], code: CloseCode, reason: string): void {
    for (const stream of streams) this.#parts.links.send({ type: "close", stream, code, reason });
  }

  /** Nobody waits for a stream any more that the agent did not bring in time. */
  abandon(stream: string, reason: string): void {
    const { record, asked, telling } = this.#parts;
    if (!record.exists) return;
    asked.forget(stream);
    telling.tell();
    this.close([stream], CloseCode.agentTimeout, reason);
  }

  /** The agent says what became of a stream. */
  async hear(message: StreamReport): Promise<void> {
    const { asked } = this.#parts;
    const { stream } = message;
    if (message.type === "opened") return asked.markOpened(stream);
    if (message.type === "failed") return this.#over(stream, message.message, message.code);
    const { type: _, ...fields } = message;
    log("stream.closed", { session: asked.sessionOf(stream), ...fields });
    return this.#over(stream, message.reason);
  }

  /**
   * The agent is back, with the streams that it has. What was said about roles while its link was
   * away, or just went, it may not know; streams that it no longer has are over. One that was asked
   * for on this very link can be younger than the list.
   */
  async resume(alive: ReadonlySet<string>, linkSince: number): Promise<void> {
    const { record, links, asked } = this.#parts;
    for (const { stream, role } of asked.changedRoles()) {
      if (alive.has(stream)) links.send({ type: "role", stream, role });
    }
    log("host.streams", { host: record.row()?.host_id, streams: alive.size });
    for (const { stream, session, asked_at } of asked.all()) {
      if (alive.has(stream) || asked_at >= linkSince) continue;
      const reason = "It was gone when the agent came back.";
      log("stream.closed", { stream, session, reason });
      await this.#over(stream, reason);
      if (!record.exists) return;
    }
  }

  /**
   * The agent's link went. Streams that it has keep running; the viewers that wait for it do not.
   * One that was served already but not yet reported as opened is a running one.
   */
  async failWaiting(reason: string): Promise<void> {
    const { record, asked } = this.#parts;
    for (const { stream, session, opened } of asked.all()) {
      if (opened) continue;
      try {
        const target = vncSession(this.#env, session);
        const waited = await target.streamFailed(stream, CloseCode.hostOffline, reason);
        if (!record.exists) return;
        if (waited) asked.forget(stream);
        else asked.markOpened(stream);
      } catch (error) {
        log("stream.tell_failed", { stream, session, error: describeError(error) });
      }
    }
  }

  /** A stream is over: its session is told now, and by alarm until it is. */
  async #over(stream: string, reason: string, code: number | null = null): Promise<void> {
    const { asked, news, telling } = this.#parts;
    const over = asked.setOver(stream, reason, code);
    if (!over) return;
    telling.tellSoon();
    if (await news.tell(over)) telling.tell();
  }
}

export type OpenAnswer =
  | { ok: true }
  | { ok: false; refusal: { closeCode: CloseCode; detail: string } };

/** What an agent says of a stream that it was asked for. */
type StreamReport = Extract<AgentToEdge, { type: "opened" | "failed" | "closed" }>;

function refusedStream(closeCode: CloseCode, detail: string): OpenAnswer {
  return { ok: false, refusal: { closeCode, detail } };
}

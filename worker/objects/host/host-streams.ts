import { CloseCode } from "../../../protocol/close-codes.ts";
import { LOOPBACK } from "../../../protocol/ids.ts";
import { MAX_STREAMS_PER_HOST } from "../../../protocol/limits.ts";
import type { AgentToEdge } from "../../../protocol/link.ts";
import { type Env, vncSession } from "../../env.ts";
import { describeError, log } from "../../log.ts";
import type { Telling } from "../telling.ts";
import type { VncSession } from "../vnc-session.ts";
import type { AskedStreams, OpenStream, StreamRole } from "./asked-streams.ts";
import type { HostRecord, HostRow } from "./host-record.ts";
import { offlineSentence } from "./host-state.ts";
import type { Links } from "./links.ts";

/** What the streams of a host have to do with. */
export type HostStreamsParts = {
  record: HostRecord;
  links: Links;
  asked: AskedStreams;
  telling: Telling<HostRow>;
};

/**
 * The streams of a host, between the sessions, which want them, and the agent, which brings them.
 * What the agent says became of one is told to its session; what was asked stays noted until then.
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
    if (asked.count() >= MAX_STREAMS_PER_HOST) {
      const reason = `This host has ${MAX_STREAMS_PER_HOST} streams already, its limit.`;
      return refusedStream(CloseCode.tooMany, reason);
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
  async hear(message: StreamNews): Promise<void> {
    const { asked } = this.#parts;
    const { stream } = message;
    if (message.type === "opened") return asked.markOpened(stream);
    if (message.type === "failed") {
      const { code, message: reason } = message;
      return this.#tell(stream, (session) =>
        session.streamFailed(stream, code as CloseCode, reason),
      );
    }
    const { type: _, ...fields } = message;
    log("stream.closed", { session: asked.sessionOf(stream), ...fields });
    return this.#tell(stream, (session) => session.streamClosed(stream, message.reason));
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
      await this.#tell(stream, (session) => session.streamClosed(stream, reason));
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

  /**
   * Tells a stream's session what became of it, and forgets the stream. If that cannot be told, the
   * stream stays; the agent's next `hello` repeats that it is over.
   */
  async #tell(
    stream: string,
    tell: (session: DurableObjectStub<VncSession>) => Promise<unknown>,
  ): Promise<void> {
    const { record, asked, telling } = this.#parts;
    const session = asked.sessionOf(stream);
    if (session === undefined) return;
    try {
      await tell(vncSession(this.#env, session));
      if (!record.exists) return;
      asked.forget(stream);
      telling.tell();
    } catch (error) {
      log("stream.tell_failed", { stream, session, error: describeError(error) });
    }
  }
}

export type OpenAnswer =
  | { ok: true }
  | { ok: false; refusal: { closeCode: CloseCode; detail: string } };

/** What an agent says of a stream that it was asked for. */
type StreamNews = Extract<AgentToEdge, { type: "opened" | "failed" | "closed" }>;

function refusedStream(closeCode: CloseCode, detail: string): OpenAnswer {
  return { ok: false, refusal: { closeCode, detail } };
}

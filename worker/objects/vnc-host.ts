import { DurableObject } from "cloudflare:workers";
import type { Host } from "../../protocol/api.ts";
import { CloseCode } from "../../protocol/close-codes.ts";
import { LOOPBACK } from "../../protocol/ids.ts";
import { MAX_MESSAGE_BYTES, MAX_STREAMS_PER_HOST } from "../../protocol/limits.ts";
import { AgentToEdge, listensOn } from "../../protocol/link.ts";
import { parseMessage } from "../../protocol/messages.ts";
import { batches, type Env, vncSession } from "../env.ts";
import { verifyAgentToken } from "../identity/agent-token.ts";
import { bearerToken } from "../identity/bearer.ts";
import { clientAddress } from "../identity/limits.ts";
import type { LocationHint } from "../location.ts";
import { describeError, log } from "../log.ts";
import { problemResponse, type Refusal } from "../problem.ts";
import { closeQuietly } from "../sockets.ts";
import { AUDIT_OUTBOX_SCHEMA } from "./audit-outbox.ts";
import {
  ASKED_STREAMS_SCHEMA,
  AskedStreams,
  type OpenStream,
  type StreamRole,
} from "./host/asked-streams.ts";
import { type DesktopNews, DesktopNewsQueue } from "./host/desktop-news.ts";
import { type AskedLogs, DesktopOrders } from "./host/desktop-orders.ts";
import { HostOutbox, TOLD_STATE_SCHEMA } from "./host/host-outbox.ts";
import { displaysOf, HostRecord, type HostRow, type NewNames } from "./host/host-record.ts";
import { type CurrentState, hostState, publicHost } from "./host/host-state.ts";
import { connectedAt, Links } from "./host/links.ts";
import { NOBODY } from "./registry/audit.ts";
import type { Sight, StoredSession } from "./session/session-row.ts";
import type { VncSession } from "./vnc-session.ts";

/**
 * One host: a machine that runs the agent. It holds the host's public key, its control link (a
 * hibernating socket: an idle host costs nothing) and which streams the agent has been asked for.
 *
 * Whether the host is online is not stored: it follows from the link's last ping, which the runtime
 * answers and notes by itself. Frames of desktops never come here.
 *
 * It is long for one reason: what the Worker, the sessions and the agent say is about the same link
 * and the same streams, and each changes them in one turn. What does not need that lives in host/.
 */
export class VncHost extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;
  readonly #record = new HostRecord(this.#sql);
  readonly #streams = new AskedStreams(this.#sql);
  readonly #links = new Links(this.ctx);
  readonly #outbox = new HostOutbox(this.#sql, this.env);
  readonly #desktopNews = new DesktopNewsQueue(this.env);
  readonly #askedLogs: AskedLogs = new Map();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    // Older hosts were made without.
    if (this.#record.exists) this.#sql.exec(AUDIT_OUTBOX_SCHEMA + TOLD_STATE_SCHEMA);
  }

  /** Makes the host, or gives it the key of a repeated enrolment. */
  async enrol(input: { host_id: string; name: string; public_key: string }): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      if (!this.#record.exists) {
        this.#sql.exec(ASKED_STREAMS_SCHEMA + AUDIT_OUTBOX_SCHEMA + TOLD_STATE_SCHEMA);
      }
      this.#record.create(input);
    });
    log("host.enrolled", { host: input.host_id, name: input.name });
  }

  /**
   * Forgets the host: its key, its link, what it was asked for. Its agent is told to close its
   * streams and that it may not come back; the sessions are ended by who calls this.
   */
  async revoke(): Promise<void> {
    const row = this.#record.row();
    if (!row) return;
    const streams = this.#streams.all().map(({ stream }) => stream);
    await this.closeStreams(streams, CloseCode.ended, "The host was removed.");
    for (const socket of this.#links.open()) {
      closeQuietly(socket, CloseCode.unauthorized, "This host was removed from the edge.");
    }
    this.#record.forget();
    await this.ctx.storage.deleteAll();
    try {
      await batches(this.env).hostIsRemoved(row.host_id);
    } catch (error) {
      // It looks after the hosts of its jobs by itself, only later.
      log("host.removal_not_told", { host: row.host_id, error: describeError(error) });
    }
    log("host.revoked", { host: row.host_id });
  }

  async describe(): Promise<Host | null> {
    const row = this.#record.row();
    return row ? publicHost(row, hostState(row, this.#links, this.#streams)) : null;
  }

  /**
   * Tells the registry how the host is, if it was told otherwise: nothing else happens when an agent
   * stops to ping, or begins again.
   * @returns from when on it is offline unless it pings, in ms since the epoch; null for no host
   */
  async check(): Promise<{ silent_at: number | null } | null> {
    await this.#deliver();
    return this.#record.exists ? { silent_at: this.#links.silentAt() } : null;
  }

  /**
   * Gives the host another name or label; a label that is null is none.
   * @param by who does it, for the audit
   * @returns the host as it is then; null if there is none
   */
  async rename(names: NewNames, by: { actor: string; address: string }): Promise<Host | null> {
    const detail = this.#record.rename(names);
    if (detail !== "") {
      this.#outbox.record({ ...by, action: "host.renamed", detail });
      this.#changed();
    }
    return this.describe();
  }

  #state(): CurrentState | null {
    const row = this.#record.row();
    return row ? hostState(row, this.#links, this.#streams) : null;
  }

  /** Where its last link came from: its sessions belong near it. */
  async location(): Promise<LocationHint | null> {
    return this.#record.exists
      ? (this.ctx.storage.kv.get<LocationHint>(LOCATION_KEY) ?? null)
      : null;
  }

  /** What there is to see of each of these sessions now, in their order. */
  async look(sessions: readonly LookedAt[]): Promise<Sight[]> {
    const row = this.#record.row();
    const online = row !== undefined && this.#links.isOnline();
    const viewers = online ? this.#streams.countOpened() : new Map<string, number>();
    return sessions.map(({ session_id, vnc_port, address }) => ({
      online,
      reason: this.#unreachable(row, vnc_port, address),
      viewers: viewers.get(session_id) ?? 0,
    }));
  }

  /** The same of a place that no session shows yet. */
  async reach(port: number, address: string): Promise<Omit<Sight, "viewers">> {
    const row = this.#record.row();
    const online = row !== undefined && this.#links.isOnline();
    return { online, reason: this.#unreachable(row, port, address) };
  }

  /**
   * Why a viewer of this place would get no picture now, as a sentence; null if they would.
   * @param address which of the host's own; null is loopback
   */
  #unreachable(row: HostRow | undefined, port: number, address: string | null): string | null {
    if (!row) return "The host was removed.";
    if (!this.#links.isOnline()) return offlineSentence(row.name);
    const answers = displaysOf(row).some(
      (display) => display.port === port && listensOn(display, address ?? LOOPBACK),
    );
    const where = address === null ? `port ${port}` : `${address}, port ${port},`;
    return answers ? null : `No VNC server answers on ${where} of ${row.name}.`;
  }

  /** Asks the agent for its end of a stream; what comes of it is told to the session. */
  async openStream(input: OpenStream): Promise<OpenAnswer> {
    const row = this.#record.row();
    if (!row) return refusedStream(CloseCode.hostOffline, "The host was removed.");
    if (!this.#links.isOnline()) {
      return refusedStream(CloseCode.hostOffline, offlineSentence(row.name));
    }
    if (this.#streams.count() >= MAX_STREAMS_PER_HOST) {
      const reason = `This host has ${MAX_STREAMS_PER_HOST} streams already, its limit.`;
      return refusedStream(CloseCode.tooMany, reason);
    }
    this.#streams.add(input.stream, input.session);
    this.#changed();
    this.#links.send({
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
  async setRoles(roles: readonly StreamRole[]): Promise<void> {
    if (!this.#record.exists) return;
    for (const { stream, role } of roles) {
      this.#streams.setRole(stream, role);
      this.#links.send({ type: "role", stream, role });
    }
  }

  /** Asks the agent to close streams; it confirms each with `closed`. */
  async closeStreams(streams: readonly string[], code: CloseCode, reason: string): Promise<void> {
    for (const stream of streams) this.#links.send({ type: "close", stream, code, reason });
  }

  /** Nobody waits for a stream any more that the agent did not bring in time. */
  async abandonStream(stream: string, reason: string): Promise<void> {
    if (!this.#record.exists) return;
    this.#streams.forget(stream);
    this.#changed();
    await this.closeStreams([stream], CloseCode.agentTimeout, reason);
  }

  /** Asks the agent to look for VNC servers now. @returns false while it is offline */
  async scan(): Promise<boolean> {
    return this.#links.isOnline() && this.#links.send({ type: "scan" });
  }

  /** The desktops that it runs for jobs: reached as `vncHost(env, id).desktops.launch(...)`. */
  get desktops(): DesktopOrders {
    return new DesktopOrders(this.#record, this.#links, this.#askedLogs);
  }

  /** Since when its link is away, in ms since the epoch; null while it is there. */
  async awaySince(): Promise<number | null | "removed"> {
    const state = this.#state();
    if (!state) return "removed";
    return state.online ? null : state.since;
  }

  /** `/agent/link`, from the Worker: verifies the agent and takes its link. The newest one wins. */
  override async fetch(request: Request): Promise<Response> {
    const row = this.#record.row();
    if (!row) return this.#refuseAgent(UNKNOWN_HOST, null);
    const address = clientAddress(request);
    const audience = request.headers.get(AUDIENCE_HEADER) ?? "";
    const token = bearerToken(request) ?? "";
    const verified = await verifyAgentToken(token, row.host_id, row.public_key, audience);
    if (!verified.ok) return this.#refuseAgent(verified.refusal, address);
    if (!this.#record.isFirstUse(verified.value)) return this.#refuseAgent(REPLAYED_TOKEN, address);

    const { agent, replaced } = this.#links.accept();
    this.#record.setSince();
    this.ctx.storage.kv.put(LOCATION_KEY, request.headers.get(LOCATION_HEADER) || null);
    log("host.online", { host: row.host_id });
    const detail = replaced ? "in place of the link that it had" : "";
    this.#recordLink(row, { address, action: "host.online", detail });
    return new Response(null, { status: 101, webSocket: agent });
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const row = this.#record.row();
    if (!row || !this.#links.open().includes(socket)) return;
    const size = typeof data === "string" ? data.length : data.byteLength;
    if (size > MAX_MESSAGE_BYTES) {
      const reason = `A message on the link is over ${MAX_MESSAGE_BYTES / 1024} KiB.`;
      return closeQuietly(socket, CloseCode.malformed, reason);
    }
    const parsed = parseMessage(AgentToEdge, data);
    if (parsed.kind === "unknown")
      return log("link.unknown_message", { host: row.host_id, type: parsed.type });
    if (parsed.kind === "malformed") {
      log("link.malformed", { host: row.host_id, why: parsed.why });
      return closeQuietly(
        socket,
        CloseCode.malformed,
        `The edge could not read a message: ${parsed.why}`,
      );
    }
    await this.#handle(parsed.message, socket);
  }

  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    closeQuietly(socket, code, reason);
    await this.#linkLost(socket, code, reason);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#linkLost(socket, 1006, "");
  }

  async #handle(message: AgentToEdge, socket: WebSocket): Promise<void> {
    switch (message.type) {
      case "hello": {
        this.#record.setAgent(message.version, message.addresses);
        this.#record.setDesktops(message.max_desktops, message.profiles);
        this.#record.setDisplays(message.displays);
        this.#changed();
        const streams = new Set(message.streams);
        this.#repeatRoles(streams);
        const isForJobs = message.profiles.length > 0 || message.desktops.length > 0;
        if (isForJobs) this.ctx.storage.kv.put(RUNS_JOBS_KEY, true);
        // Before anything is awaited: what it says of desktops after this is told after this.
        const isTold =
          this.ctx.storage.kv.get(RUNS_JOBS_KEY) && this.#tellOfDesktops(message, socket);
        await this.#forgetAllBut(streams, connectedAt(socket));
        await isTold;
        return;
      }
      case "launched":
      case "ended":
        return this.#tellOfDesktops(message, socket);
      case "log":
        return this.#askedLogs.get(message.session)?.resolve(message);
      case "displays":
        this.#record.setDisplays(message.displays);
        return this.#changed();
      case "latency":
        this.#record.setLatency(message.ms);
        return this.#changed();
      case "opened":
        return this.#streams.markOpened(message.stream);
      case "failed": {
        const { stream, code, message: reason } = message;
        return this.#tell(stream, (session) =>
          session.streamFailed(stream, code as CloseCode, reason),
        );
      }
      case "closed": {
        const { type: _, ...fields } = message;
        log("stream.closed", { session: this.#streams.sessionOf(message.stream), ...fields });
        return this.#tell(message.stream, (session) =>
          session.streamClosed(message.stream, message.reason),
        );
      }
    }
  }

  async #tellOfDesktops(news: DesktopNews, socket: WebSocket): Promise<void> {
    await this.#desktopNews.tell(
      () => this.#record.row(),
      news,
      (reason) => closeQuietly(socket, CloseCode.goingAway, reason),
    );
  }

  /**
   * Tells a stream's session what became of it, and forgets the stream. If that cannot be told, the
   * stream stays; the agent's next `hello` repeats that it is over.
   */
  async #tell(
    stream: string,
    tell: (session: DurableObjectStub<VncSession>) => Promise<unknown>,
  ): Promise<void> {
    const session = this.#streams.sessionOf(stream);
    if (session === undefined) return;
    try {
      await tell(vncSession(this.env, session));
      if (!this.#record.exists) return;
      this.#streams.forget(stream);
      this.#changed();
    } catch (error) {
      log("stream.tell_failed", { stream, session, error: describeError(error) });
    }
  }

  /**
   * The agent's link went. Streams that it has keep running; the viewers that wait for it do not.
   * One that was served already but not yet reported as opened is a running one.
   */
  async #linkLost(socket: WebSocket, code: number, why: string): Promise<void> {
    const row = this.#record.row();
    if (!row || this.#links.open().some((link) => link !== socket)) return; // superseded, or revoked
    this.#record.setSince();
    log("host.offline", { host: row.host_id, code });
    this.#recordLink(row, { action: "host.offline", detail: why ? `${code}, ${why}` : `${code}` });
    const reason = offlineSentence(row.name);
    for (const { stream, session, opened } of this.#streams.all()) {
      if (opened) continue;
      try {
        const target = vncSession(this.env, session);
        const waited = await target.streamFailed(stream, CloseCode.hostOffline, reason);
        if (!this.#record.exists) return;
        if (waited) this.#streams.forget(stream);
        else this.#streams.markOpened(stream);
      } catch (error) {
        log("stream.tell_failed", { stream, session, error: describeError(error) });
      }
    }
  }

  /**
   * After the link was away: the streams that the agent no longer has are over. One that was asked
   * for on this very link can be younger than the list.
   */
  async #forgetAllBut(alive: ReadonlySet<string>, linkSince: number): Promise<void> {
    log("host.streams", { host: this.ctx.id.name, streams: alive.size });
    for (const { stream, session, asked_at } of this.#streams.all()) {
      if (alive.has(stream) || asked_at >= linkSince) continue;
      const reason = "It was gone when the agent came back.";
      log("stream.closed", { stream, session, reason });
      await this.#tell(stream, (session) => session.streamClosed(stream, reason));
    }
  }

  /** What was said about roles while the link was away, or just went, the agent may not know. */
  #repeatRoles(alive: ReadonlySet<string>): void {
    for (const { stream, role } of this.#streams.changedRoles()) {
      if (alive.has(stream)) this.#links.send({ type: "role", stream, role });
    }
  }

  /** @param address where it came from; null for a host that is none, which no audit speaks of */
  #refuseAgent(refusal: Refusal, address: string | null): Response {
    const { code } = refusal;
    log("link.refused", { host: this.ctx.id.name, code });
    if (address !== null) {
      const line = { actor: NOBODY, address, action: "host.refused", detail: code };
      if (this.#outbox.recordBounded(`host.refused ${code}`, 1, line)) this.#changed();
    }
    return problemResponse(refusal);
  }

  /** An agent that dials again and again does not fill the audit. */
  #recordLink(row: HostRow, line: { address?: string; action: string; detail: string }): void {
    const actor = `host:${row.host_id}`;
    this.#outbox.recordBounded("link", MAX_LINK_LINES, { actor, ...line });
    this.#changed();
  }

  /** There is something to tell: now, and by alarm if this object goes before all is told. */
  #changed(): void {
    this.ctx.storage.setAlarm(Date.now() + DELIVERY_RETRY_MS);
    this.ctx.waitUntil(this.#deliver());
  }

  /** Tells the registry what it does not know yet; tried again by alarm until it is told. */
  async #deliver(): Promise<void> {
    const row = this.#record.row();
    if (!row) return;
    const state = () => this.#state();
    try {
      await this.#outbox.deliver(row.host_id, state);
      if (this.#outbox.isPending(state()))
        this.ctx.storage.setAlarm(Date.now() + DELIVERY_RETRY_MS);
      else await this.ctx.storage.deleteAlarm();
    } catch (error) {
      log("host.deliver_failed", { host: row.host_id, error: describeError(error) });
      if (this.#record.exists) await this.ctx.storage.setAlarm(Date.now() + DELIVERY_RETRY_MS);
    }
  }

  /** Does not fail: what could not be delivered has set the next one. */
  override async alarm(): Promise<void> {
    await this.#deliver();
  }
}

/** Carries the edge's origin, which an agent's token must name, from the Worker to this object. */
export const AUDIENCE_HEADER = "x-porthole-audience";

/** Carries a {@link LocationHint} there, empty if it is not known. */
export const LOCATION_HEADER = "x-porthole-location";
const LOCATION_KEY = "location";

/** Whether it ever offered desktops for jobs: then objects/batch.ts hears also that it does not. */
const RUNS_JOBS_KEY = "runs_jobs";

/** Of an agent's comings and goings together so many lines in ten minutes are in the audit. */
const MAX_LINK_LINES = 20;

/** How soon the registry is told again when it could not be. */
const DELIVERY_RETRY_MS = 5_000;

export const UNKNOWN_HOST: Refusal = {
  status: 401,
  code: "agent_unknown",
  detail: "This edge knows no such host, or it was removed.",
};

const REPLAYED_TOKEN: Refusal = {
  status: 401,
  code: "agent_replay",
  detail: "This token was used before; sign a new one for each dial.",
};

type OpenAnswer = { ok: true } | { ok: false; refusal: { closeCode: CloseCode; detail: string } };

/** What of a session decides what there is to see of it. */
export type LookedAt = Pick<StoredSession, "session_id" | "address"> & { vnc_port: number };

function offlineSentence(name: string): string {
  return `The host ${name} is offline. Its agent reconnects by itself when it can.`;
}

function refusedStream(closeCode: CloseCode, detail: string): OpenAnswer {
  return { ok: false, refusal: { closeCode, detail } };
}

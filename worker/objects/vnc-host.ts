import { DurableObject } from "cloudflare:workers";
import type { Host } from "../../protocol/api.ts";
import { CloseCode } from "../../protocol/close-codes.ts";
import { ANY_ADDRESS, LOOPBACK } from "../../protocol/ids.ts";
import {
  LINK_PING,
  LINK_PONG,
  LINK_SILENCE_MS,
  MAX_MESSAGE_BYTES,
  MAX_STREAMS_PER_HOST,
} from "../../protocol/limits.ts";
import { AgentToEdge, type Display, type EdgeToAgent, parseMessage } from "../../protocol/link.ts";
import { type Env, vncSession } from "../env.ts";
import { verifyAgentToken } from "../identity/agent-token.ts";
import { bearerToken } from "../identity/bearer.ts";
import { clientAddress } from "../identity/limits.ts";
import { describeError, log } from "../log.ts";
import { problemResponse, type Refusal } from "../problem.ts";
import { closeQuietly } from "../sockets.ts";
import { AUDIT_OUTBOX_SCHEMA, AuditOutbox } from "./audit-outbox.ts";
import {
  ASKED_STREAMS_SCHEMA,
  AskedStreams,
  type OpenStream,
  type StreamRole,
} from "./host/asked-streams.ts";
import { HOST_SCHEMA, type HostRow } from "./host/host-row.ts";
import { OwnAddresses } from "./host/own-addresses.ts";
import { NOBODY } from "./registry/audit.ts";
import { hasTable, oneRow, rfc3339 } from "./storage.ts";
import type { VncSession } from "./vnc-session.ts";

/**
 * One host: a machine that runs the agent. It holds the host's public key, its control link (a
 * hibernating socket: an idle host costs nothing) and which streams the agent has been asked for.
 *
 * Whether the host is online is not stored: it follows from the link's last ping, which the runtime
 * answers and notes by itself. Frames of desktops never come here.
 */
export class VncHost extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;
  readonly #streams = new AskedStreams(this.#sql);
  readonly #outbox = new AuditOutbox(this.#sql, this.env);
  readonly #addresses = new OwnAddresses(this.#sql, this.env);
  #exists = hasTable(this.#sql, "host");

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(LINK_PING, LINK_PONG));
    if (this.#exists) this.#sql.exec(AUDIT_OUTBOX_SCHEMA); // older hosts were made without
  }

  /** Makes the host, or gives it the key of a repeated enrolment. */
  async enrol(input: { host_id: string; name: string; public_key: string }): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      if (!this.#exists) {
        this.#sql.exec(HOST_SCHEMA + ASKED_STREAMS_SCHEMA + AUDIT_OUTBOX_SCHEMA);
      }
      this.#sql.exec("DELETE FROM host");
      this.#sql.exec(
        "INSERT INTO host (host_id, name, public_key, created_at, since) VALUES (?, ?, ?, ?, ?)",
        input.host_id,
        input.name,
        input.public_key,
        Date.now(),
        Date.now(),
      );
    });
    this.#exists = true;
    log("host.enrolled", { host: input.host_id, name: input.name });
  }

  /**
   * Forgets the host: its key, its link, what it was asked for. Its agent is told to close its
   * streams and that it may not come back; the sessions are ended by who calls this.
   */
  async revoke(): Promise<void> {
    const row = this.#row();
    if (!row) return;
    const streams = this.#streams.all().map(({ stream }) => stream);
    await this.closeStreams(streams, CloseCode.ended, "The host was removed.");
    for (const socket of this.#links()) {
      closeQuietly(socket, CloseCode.unauthorized, "This host was removed from the edge.");
    }
    this.#exists = false;
    await this.ctx.storage.deleteAll();
    log("host.revoked", { host: row.host_id });
  }

  async describe(): Promise<Host | null> {
    const row = this.#row();
    if (!row) return null;
    const online = this.#isOnline();
    return {
      host_id: row.host_id,
      name: row.name,
      online,
      since: rfc3339(online ? row.since : Math.max(row.since, this.#lastSeen())),
      version: row.version,
      displays: online ? this.#displays(row).flatMap(onLoopback) : [],
      streams: online ? this.#streams.count() : 0,
      created_at: rfc3339(row.created_at),
    };
  }

  /**
   * Whether a viewer of this port would get a picture now; if not, why, as a sentence.
   * @param address which of the host's own; null is loopback
   */
  async reach(
    port: number,
    address: string | null = null,
  ): Promise<{ online: boolean; reason: string | null }> {
    const row = this.#row();
    if (!row) return { online: false, reason: "The host was removed." };
    if (!this.#isOnline()) return { online: false, reason: offlineSentence(row.name) };
    const answers = this.#displays(row).some(
      (display) => display.port === port && listensOn(display, address ?? LOOPBACK),
    );
    const where = address === null ? `port ${port}` : `${address}, port ${port},`;
    const reason = answers ? null : `No VNC server answers on ${where} of ${row.name}.`;
    return { online: true, reason };
  }

  /** Asks the agent for its end of a stream; what comes of it is told to the session. */
  async openStream(input: OpenStream): Promise<OpenAnswer> {
    const row = this.#row();
    if (!row) return refusedStream(CloseCode.hostOffline, "The host was removed.");
    const link = this.#isOnline() ? this.#links()[0] : undefined;
    if (!link) return refusedStream(CloseCode.hostOffline, offlineSentence(row.name));
    if (this.#streams.count() >= MAX_STREAMS_PER_HOST) {
      const reason = `This host has ${MAX_STREAMS_PER_HOST} streams already, its limit.`;
      return refusedStream(CloseCode.tooMany, reason);
    }
    this.#streams.add(input.stream, input.session);
    this.#send(link, {
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
    if (!this.#exists) return;
    const link = this.#links()[0];
    for (const { stream, role } of roles) {
      this.#streams.setRole(stream, role);
      if (link) this.#send(link, { type: "role", stream, role });
    }
  }

  /** Asks the agent to close streams; it confirms each with `closed`. */
  async closeStreams(streams: readonly string[], code: CloseCode, reason: string): Promise<void> {
    const link = this.#links()[0];
    if (!link) return;
    for (const stream of streams) this.#send(link, { type: "close", stream, code, reason });
  }

  /** Nobody waits for a stream any more that the agent did not bring in time. */
  async abandonStream(stream: string, reason: string): Promise<void> {
    if (!this.#exists) return;
    this.#streams.forget(stream);
    await this.closeStreams([stream], CloseCode.agentTimeout, reason);
  }

  /** Asks the agent to look for VNC servers now. @returns false while it is offline */
  async scan(): Promise<boolean> {
    const link = this.#isOnline() ? this.#links()[0] : undefined;
    if (link) this.#send(link, { type: "scan" });
    return link !== undefined;
  }

  /** `/agent/link`, from the Worker: verifies the agent and takes its link. The newest one wins. */
  override async fetch(request: Request): Promise<Response> {
    const row = this.#row();
    if (!row) return this.#refuseAgent(UNKNOWN_HOST, null);
    const address = clientAddress(request);
    const audience = request.headers.get(AUDIENCE_HEADER) ?? "";
    const token = bearerToken(request) ?? "";
    const verified = await verifyAgentToken(token, row.host_id, row.public_key, audience);
    if (!verified.ok) return this.#refuseAgent(verified.refusal, address);
    if (!this.#firstUse(verified.value)) return this.#refuseAgent(REPLAYED_TOKEN, address);

    const older = this.#links();
    for (const link of older) {
      closeQuietly(link, CloseCode.superseded, "Another agent with this identity took over.");
    }
    const [agent, link] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.ctx.acceptWebSocket(link);
    const now = Date.now();
    link.serializeAttachment({ connected_at: now } satisfies LinkAttachment);
    this.#sql.exec("UPDATE host SET since = ?", now);
    log("host.online", { host: row.host_id });
    const detail = older.length > 0 ? "in place of the link that it had" : "";
    this.#recordLink(row, { address, action: "host.online", detail });
    return new Response(null, { status: 101, webSocket: agent });
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const row = this.#row();
    if (!row || !this.#links().includes(socket)) return;
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
    await this.#handle(parsed.message, connectedAt(socket));
  }

  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    closeQuietly(socket, code, reason);
    await this.#linkLost(socket, code, reason);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#linkLost(socket, 1006, "");
  }

  async #handle(message: AgentToEdge, linkSince: number): Promise<void> {
    switch (message.type) {
      case "hello":
        this.#sql.exec("UPDATE host SET version = ?", message.version);
        this.#storeAddresses(message.addresses);
        this.#storeDisplays(message.displays);
        this.#repeatRoles(new Set(message.streams));
        return this.#forgetAllBut(new Set(message.streams), linkSince);
      case "displays":
        return this.#storeDisplays(message.displays);
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
      if (this.#exists) this.#streams.forget(stream);
    } catch (error) {
      log("stream.tell_failed", { stream, session, error: describeError(error) });
    }
  }

  /**
   * The agent's link went. Streams that it has keep running; the viewers that wait for it do not.
   * One that was served already but not yet reported as opened is a running one.
   */
  async #linkLost(socket: WebSocket, code: number, why: string): Promise<void> {
    const row = this.#row();
    if (!row || this.#links().some((link) => link !== socket)) return; // superseded, or revoked
    this.#sql.exec("UPDATE host SET since = ?", Date.now());
    log("host.offline", { host: row.host_id, code });
    this.#recordLink(row, { action: "host.offline", detail: why ? `${code}, ${why}` : `${code}` });
    const reason = offlineSentence(row.name);
    for (const { stream, session, opened } of this.#streams.all()) {
      if (opened) continue;
      try {
        const target = vncSession(this.env, session);
        const waited = await target.streamFailed(stream, CloseCode.hostOffline, reason);
        if (!this.#exists) return;
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
    for (const { stream, asked_at } of this.#streams.all()) {
      if (alive.has(stream) || asked_at >= linkSince) continue;
      const reason = "It was gone when the agent came back.";
      await this.#tell(stream, (session) => session.streamClosed(stream, reason));
    }
  }

  /** What was said about roles while the link was away, or just went, the agent may not know. */
  #repeatRoles(alive: ReadonlySet<string>): void {
    const link = this.#links()[0];
    if (!link) return;
    for (const { stream, role } of this.#streams.changedRoles()) {
      if (alive.has(stream)) this.#send(link, { type: "role", stream, role });
    }
  }

  #storeAddresses(addresses: string[]): void {
    if (!this.#addresses.store(addresses)) return;
    this.ctx.storage.setAlarm(Date.now() + DELIVERY_RETRY_MS);
    this.ctx.waitUntil(this.#deliver());
  }

  #storeDisplays(displays: Display[]): void {
    this.#sql.exec("UPDATE host SET displays = ?", JSON.stringify(displays));
  }

  /** A token opens one link: whoever overheard it comes too late. */
  #firstUse({ jti, exp }: { jti: string; exp: number }): boolean {
    this.#sql.exec("DELETE FROM used_tokens WHERE exp < ?", Date.now() / 1000 - TOKEN_MEMORY_S);
    const query = "INSERT OR IGNORE INTO used_tokens (jti, exp) VALUES (?, ?)";
    return this.#sql.exec(query, jti, exp).rowsWritten > 0;
  }

  /** @param address where it came from; null for a host that is none, which no audit speaks of */
  #refuseAgent(refusal: Refusal, address: string | null): Response {
    const { code } = refusal;
    log("link.refused", { host: this.ctx.id.name, code });
    if (address !== null) {
      const line = { actor: NOBODY, address, action: "host.refused", detail: code };
      this.#outbox.recordBounded(`host.refused ${code}`, 1, line);
      this.ctx.waitUntil(this.#deliver());
    }
    return problemResponse(refusal);
  }

  /** An agent that dials again and again does not fill the audit. */
  #recordLink(row: HostRow, line: { address?: string; action: string; detail: string }): void {
    const actor = `host:${row.host_id}`;
    this.#outbox.recordBounded("link", MAX_LINK_LINES, { actor, ...line });
    this.ctx.waitUntil(this.#deliver());
  }

  /** Tells the registry what it does not know yet; tried again by alarm until it is told. */
  async #deliver(): Promise<void> {
    const row = this.#row();
    if (!row) return;
    try {
      await Promise.all([
        this.#outbox.deliverLines(row.host_id),
        this.#addresses.deliver(row.host_id),
      ]);
    } catch (error) {
      log("host.deliver_failed", { host: row.host_id, error: describeError(error) });
      if (this.#exists) await this.ctx.storage.setAlarm(Date.now() + DELIVERY_RETRY_MS);
    }
  }

  /** Does not fail: what could not be delivered has set the next one. */
  override async alarm(): Promise<void> {
    await this.#deliver();
  }

  #send(socket: WebSocket, message: EdgeToAgent): void {
    try {
      socket.send(JSON.stringify(message));
    } catch (error) {
      // It closed in this moment; webSocketClose tells those who wait.
      log("link.send_failed", { host: this.ctx.id.name, error: describeError(error) });
    }
  }

  /** The open links, newest first. A closing socket can still be listed. */
  #links(): WebSocket[] {
    return this.ctx
      .getWebSockets()
      .filter((socket) => socket.readyState === WebSocket.OPEN)
      .sort((a, b) => connectedAt(b) - connectedAt(a));
  }

  #lastSeen(): number {
    const link = this.#links()[0];
    if (!link) return 0;
    const pinged = this.ctx.getWebSocketAutoResponseTimestamp(link)?.getTime() ?? 0;
    return Math.max(pinged, connectedAt(link));
  }

  #isOnline(): boolean {
    return Date.now() - this.#lastSeen() < LINK_SILENCE_MS;
  }

  #displays(row: HostRow): Display[] {
    return JSON.parse(row.displays) as Display[];
  }

  #row(): HostRow | undefined {
    return this.#exists ? oneRow(this.#sql.exec<HostRow>("SELECT * FROM host")) : undefined;
  }
}

/** Carries the edge's origin, which an agent's token must name, from the Worker to this object. */
export const AUDIENCE_HEADER = "x-porthole-audience";

/** Of an agent's comings and goings together so many lines in ten minutes are in the audit. */
const MAX_LINK_LINES = 20;

/** How soon the registry is told again when it could not be. */
const DELIVERY_RETRY_MS = 5_000;

/** How long past its expiry a token is remembered: the clock tolerance, and some. */
const TOKEN_MEMORY_S = 120;

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
type LinkAttachment = { connected_at: number };
function connectedAt(socket: WebSocket): number {
  return (socket.deserializeAttachment() as LinkAttachment | null)?.connected_at ?? 0;
}

function listensOn({ address = LOOPBACK }: Display, wanted: string): boolean {
  return address === wanted || address === ANY_ADDRESS;
}

/** The displays that a session may name by their port, without where else they listen. */
function onLoopback({ address, ...display }: Display): Display[] {
  return listensOn({ address, ...display }, LOOPBACK) ? [display] : [];
}

function offlineSentence(name: string): string {
  return `The host ${name} is offline. Its agent reconnects by itself when it can.`;
}

function refusedStream(closeCode: CloseCode, detail: string): OpenAnswer {
  return { ok: false, refusal: { closeCode, detail } };
}

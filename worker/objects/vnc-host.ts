import { DurableObject } from "cloudflare:workers";
import type { Host } from "../../protocol/api.ts";
import { CloseCode } from "../../protocol/close-codes.ts";
import {
  LINK_PING,
  LINK_PONG,
  LINK_SILENCE_MS,
  MAX_MESSAGE_BYTES,
  MAX_STREAMS_PER_HOST,
} from "../../protocol/limits.ts";
import {
  AgentToEdge,
  type Display,
  type EdgeToAgent,
  parseMessage,
  type Role,
} from "../../protocol/link.ts";
import { type Env, vncSession } from "../env.ts";
import { bearerToken, verifyAgentToken } from "../identity/agent-token.ts";
import { describeError, log } from "../log.ts";
import { problemResponse, type Refusal } from "../problem.ts";
import { closeQuietly } from "../sockets.ts";
import { hasTable, oneRow, rfc3339 } from "./storage.ts";

/**
 * One host: a machine that runs the agent. It holds the host's public key, its control link (a
 * hibernating socket: an idle host costs nothing) and which streams the agent has been asked for.
 *
 * Whether the host is online is not stored: it follows from the link's last ping, which the runtime
 * answers and notes by itself. Frames of desktops never come here.
 */
export class VncHost extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;
  #exists = hasTable(this.#sql, "host");

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(LINK_PING, LINK_PONG));
  }

  /** Makes the host, or gives it the key of a repeated enrolment. */
  async enrol(input: { host_id: string; name: string; public_key: string }): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      if (!this.#exists) this.#sql.exec(SCHEMA);
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

  /** Forgets the host: its agent is cut off and told that it may not come back. */
  async revoke(): Promise<void> {
    const row = this.#row();
    if (!row) return;
    const removed = "The host was removed.";
    for (const { stream, session } of this.#streams()) {
      await this.closeStreams([stream], CloseCode.hostOffline, removed);
      await vncSession(this.env, session).streamFailed(stream, CloseCode.hostOffline, removed);
    }
    for (const socket of this.#links()) {
      closeQuietly(socket, CloseCode.unauthorized, "This host was removed from the edge.");
    }
    await this.ctx.storage.deleteAll();
    this.#exists = false;
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
      displays: online ? this.#displays(row) : [],
      streams: online ? this.#streams().length : 0,
      created_at: rfc3339(row.created_at),
    };
  }

  /** Whether a viewer of this port would get a picture now; if not, why, as a sentence. */
  async reach(port: number): Promise<{ online: boolean; reason: string | null }> {
    const row = this.#row();
    if (!row) return { online: false, reason: "The host was removed." };
    if (!this.#isOnline()) return { online: false, reason: offlineSentence(row.name) };
    const answers = this.#displays(row).some((display) => display.port === port);
    const reason = answers ? null : `No VNC server answers on port ${port} of ${row.name}.`;
    return { online: true, reason };
  }

  /** Asks the agent for its end of a stream; what comes of it is told to the session. */
  async openStream(input: OpenStream): Promise<OpenAnswer> {
    const row = this.#row();
    if (!row) return refusedStream(CloseCode.hostOffline, "The host was removed.");
    const link = this.#isOnline() ? this.#links()[0] : undefined;
    if (!link) return refusedStream(CloseCode.hostOffline, offlineSentence(row.name));
    if (this.#streams().length >= MAX_STREAMS_PER_HOST) {
      const reason = `This host has ${MAX_STREAMS_PER_HOST} streams already, its limit.`;
      return refusedStream(CloseCode.tooMany, reason);
    }
    this.#sql.exec(
      "INSERT INTO streams (stream, session, asked_at) VALUES (?, ?, ?)",
      input.stream,
      input.session,
      Date.now(),
    );
    this.#send(link, {
      type: "open",
      stream: input.stream,
      token: input.token,
      session: input.session,
      target: { host: LOOPBACK, port: input.port },
      role: input.role,
      clipboard: "both",
    });
    return { ok: true };
  }

  /** Asks the agent to close streams; it confirms each with `closed`. */
  async closeStreams(streams: string[], code: CloseCode, reason: string): Promise<void> {
    const link = this.#links()[0];
    for (const stream of streams)
      if (link) this.#send(link, { type: "close", stream, code, reason });
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
    if (!row) return this.#refuseAgent(UNKNOWN_HOST);
    const audience = request.headers.get(AUDIENCE_HEADER) ?? "";
    const token = bearerToken(request) ?? "";
    const verified = await verifyAgentToken(token, row.host_id, row.public_key, audience);
    if (!verified.ok) return this.#refuseAgent(verified.refusal);
    if (!this.#firstUse(verified.value)) return this.#refuseAgent(REPLAYED_TOKEN);

    for (const older of this.#links()) {
      closeQuietly(older, CloseCode.superseded, "Another agent with this identity took over.");
    }
    const [agent, link] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.ctx.acceptWebSocket(link);
    const now = Date.now();
    link.serializeAttachment({ connected_at: now } satisfies LinkAttachment);
    this.#sql.exec("UPDATE host SET since = ?", now);
    log("host.online", { host: row.host_id });
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
    await this.#linkLost(socket, code);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#linkLost(socket, 1006);
  }

  async #handle(message: AgentToEdge, linkSince: number): Promise<void> {
    switch (message.type) {
      case "hello":
        this.#sql.exec("UPDATE host SET version = ?", message.version);
        this.#storeDisplays(message.displays);
        return this.#forgetAllBut(new Set(message.streams), linkSince);
      case "displays":
        return this.#storeDisplays(message.displays);
      case "opened":
        this.#sql.exec("UPDATE streams SET opened = 1 WHERE stream = ?", message.stream);
        return;
      case "failed": {
        const session = this.#forgetStream(message.stream);
        if (!session) return;
        return vncSession(this.env, session).streamFailed(
          message.stream,
          message.code as CloseCode,
          message.message,
        );
      }
      case "closed": {
        const session = this.#forgetStream(message.stream);
        if (!session) return;
        const { type: _, ...fields } = message;
        log("stream.closed", { session, ...fields });
        return vncSession(this.env, session).streamClosed(message.stream, message.reason);
      }
    }
  }

  /** The agent's link went. Streams that it has keep running; the viewers that wait for it do not. */
  async #linkLost(socket: WebSocket, code: number): Promise<void> {
    const row = this.#row();
    if (!row || this.#links().some((link) => link !== socket)) return; // superseded, or revoked
    this.#sql.exec("UPDATE host SET since = ?", Date.now());
    log("host.offline", { host: row.host_id, code });
    const waiting = this.#streams().filter((stream) => !stream.opened);
    for (const { stream, session } of waiting) {
      this.#forgetStream(stream);
      await vncSession(this.env, session).streamFailed(
        stream,
        CloseCode.hostOffline,
        offlineSentence(row.name),
      );
    }
  }

  /**
   * After the link was away: the streams that the agent no longer has are over. One that was asked
   * for on this very link can be younger than the list.
   */
  async #forgetAllBut(alive: ReadonlySet<string>, linkSince: number): Promise<void> {
    log("host.streams", { host: this.ctx.id.name, streams: alive.size });
    for (const { stream, session, asked_at } of this.#streams()) {
      if (alive.has(stream) || asked_at >= linkSince) continue;
      this.#forgetStream(stream);
      await vncSession(this.env, session).streamClosed(
        stream,
        "It was gone when the agent came back.",
      );
    }
  }

  #forgetStream(stream: string): string | undefined {
    const query = "DELETE FROM streams WHERE stream = ? RETURNING session";
    return oneRow(this.#sql.exec<{ session: string }>(query, stream))?.session;
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

  #refuseAgent(refusal: Refusal): Response {
    log("link.refused", { host: this.ctx.id.name, code: refusal.code });
    return problemResponse(refusal);
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

  #streams(): StreamRow[] {
    return this.#exists ? this.#sql.exec<StreamRow>("SELECT * FROM streams").toArray() : [];
  }

  #row(): HostRow | undefined {
    return this.#exists ? oneRow(this.#sql.exec<HostRow>("SELECT * FROM host")) : undefined;
  }
}

/** Carries the edge's origin, which an agent's token must name, from the Worker to this object. */
export const AUDIENCE_HEADER = "x-porthole-audience";

/** Where displays are: the agent dials its own machine. */
const LOOPBACK = "127.0.0.1";

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

type OpenStream = { stream: string; token: string; role: Role; session: string; port: number };
type OpenAnswer = { ok: true } | { ok: false; refusal: { closeCode: CloseCode; detail: string } };
type LinkAttachment = { connected_at: number };
type StreamRow = { stream: string; session: string; asked_at: number; opened: number };
type HostRow = {
  host_id: string;
  name: string;
  public_key: string;
  created_at: number;
  since: number;
  version: string | null;
  displays: string;
};

const SCHEMA = `
  CREATE TABLE host (
    host_id TEXT NOT NULL, name TEXT NOT NULL, public_key TEXT NOT NULL,
    created_at INTEGER NOT NULL, since INTEGER NOT NULL, version TEXT,
    displays TEXT NOT NULL DEFAULT '[]'
  );
  CREATE TABLE streams (
    stream TEXT PRIMARY KEY, session TEXT NOT NULL, asked_at INTEGER NOT NULL,
    opened INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE used_tokens (jti TEXT PRIMARY KEY, exp INTEGER NOT NULL);
`;

function connectedAt(socket: WebSocket): number {
  return (socket.deserializeAttachment() as LinkAttachment | null)?.connected_at ?? 0;
}

function offlineSentence(name: string): string {
  return `The host ${name} is offline. Its agent reconnects by itself when it can.`;
}

function refusedStream(closeCode: CloseCode, detail: string): OpenAnswer {
  return { ok: false, refusal: { closeCode, detail } };
}

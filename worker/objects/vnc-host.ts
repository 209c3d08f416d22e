import { DurableObject } from "cloudflare:workers";
import type { Host } from "../../protocol/api.ts";
import { CloseCode } from "../../protocol/close-codes.ts";
import type { AgentToEdge } from "../../protocol/link.ts";
import { batches, type Env } from "../env.ts";
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
import { DesktopNewsQueue } from "./host/desktop-news.ts";
import { type AskedLogs, DesktopOrders } from "./host/desktop-orders.ts";
import { HostOutbox, TOLD_STATE_SCHEMA } from "./host/host-outbox.ts";
import { HostRecord, type HostRow, type NewNames } from "./host/host-record.ts";
import {
  type CurrentState,
  hostState,
  offlineSentence,
  publicHost,
  sightOf,
} from "./host/host-state.ts";
import { HostStreams, type OpenAnswer } from "./host/host-streams.ts";
import { connectedAt, Links } from "./host/links.ts";
import { NOBODY } from "./registry/audit.ts";
import type { Sight, StoredSession } from "./session/session-row.ts";
import { Telling } from "./telling.ts";

/**
 * One host: a machine that runs the agent. It holds the host's public key, its control link (a
 * hibernating socket: an idle host costs nothing) and which streams the agent has been asked for.
 *
 * Whether the host is online is not stored: it follows from the link's last ping, which the runtime
 * answers and notes by itself. Frames of desktops never come here.
 *
 * Who calls: the Worker (fetch for the agent's link, RPC for the rest), sessions (host/host-streams.ts),
 * objects/batch.ts (host/desktop-orders.ts), the registry; and the agent, on its link.
 */
export class VncHost extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;
  readonly #record = new HostRecord(this.#sql);
  readonly #asked = new AskedStreams(this.#sql);
  readonly #links = new Links(this.ctx);
  readonly #outbox = new HostOutbox(this.#sql, this.env, () => this.#state());
  readonly #telling = new Telling<HostRow>(this.ctx, "host", {
    find: () => this.#record.row(),
    news: [this.#outbox],
    nextAlarm: () => null,
  });
  readonly #streams = new HostStreams(this.env, {
    record: this.#record,
    links: this.#links,
    asked: this.#asked,
    telling: this.#telling,
  });
  readonly #desktopNews = new DesktopNewsQueue(this.env, this.ctx.storage.kv, this.#record);
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
    const streams = this.#asked.all().map(({ stream }) => stream);
    this.#streams.close(streams, CloseCode.ended, "The host was removed.");
    for (const socket of this.#links.open()) {
      closeQuietly(socket, CloseCode.unauthorized, "This host was removed from the edge.");
    }
    this.#record.forget();
    await this.#outbox.deliverLast(row.host_id);
    await this.ctx.storage.deleteAll();
    try {
      await batches(this.env).hostIsRemoved(row.host_id);
    } catch (error) {
      // It looks after the hosts of its jobs by itself, only later.
      log("host.removal_not_told", { host: row.host_id, error: describeError(error) });
    }
    log("host.revoked", { host: row.host_id });
  }

  // How it is.

  async describe(): Promise<Host | null> {
    const [row, state] = [this.#record.row(), this.#state()];
    return row && state ? publicHost(row, state) : null;
  }

  #state(): CurrentState | null {
    const row = this.#record.row();
    return row ? hostState(row, this.#links, this.#asked) : null;
  }

  /**
   * Tells the registry how the host is, if it was told otherwise: nothing else happens when an agent
   * stops to ping, or begins again.
   * @returns from when on it is offline unless it pings, in ms since the epoch; null for no host
   */
  async check(): Promise<{ silent_at: number | null } | null> {
    await this.#telling.deliver();
    return this.#record.exists ? { silent_at: this.#links.silentAt() } : null;
  }

  /** Since when its link is away, in ms since the epoch; null while it is there. */
  async awaySince(): Promise<number | null | "removed"> {
    const state = this.#state();
    if (!state) return "removed";
    return state.online ? null : state.since;
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
      this.#telling.tell();
    }
    return this.describe();
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
    const isOnline = row !== undefined && this.#links.isOnline();
    const viewers = isOnline ? this.#asked.countOpened() : new Map<string, number>();
    return sessions.map(({ session_id, vnc_port, address }) => ({
      ...sightOf(row, this.#links, vnc_port, address),
      viewers: viewers.get(session_id) ?? 0,
    }));
  }

  /** The same of a place that no session shows yet. */
  async reach(port: number, address: string): Promise<Omit<Sight, "viewers">> {
    return sightOf(this.#record.row(), this.#links, port, address);
  }

  // What is wanted of its agent.

  /** Asks the agent for its end of a stream; what comes of it is told to the session. */
  async openStream(input: OpenStream): Promise<OpenAnswer> {
    return this.#streams.open(input);
  }

  /** Streams have another role from now on; an agent that is away hears it when it comes back. */
  async setRoles(roles: readonly StreamRole[]): Promise<void> {
    this.#streams.setRoles(roles);
  }

  /** Asks the agent to close streams; it confirms each to their session. */
  async closeStreams(streams: readonly string[], code: CloseCode, reason: string): Promise<void> {
    this.#streams.close(streams, code, reason);
  }

  /** Nobody waits for a stream any more that the agent did not bring in time. */
  async abandonStream(stream: string, reason: string): Promise<void> {
    this.#streams.abandon(stream, reason);
  }

  /** Asks the agent to look for VNC servers now. @returns false while it is offline */
  async scan(): Promise<boolean> {
    return this.#links.isOnline() && this.#links.send({ type: "scan" });
  }

  /** The desktops that it runs for jobs: reached as `vncHost(env, id).desktops.launch(...)`. */
  get desktops(): DesktopOrders {
    return new DesktopOrders(this.#record, this.#links, this.#askedLogs);
  }

  // Its agent's link.

  /** `/agent/link`, from the Worker: verifies the agent and takes its link. The newest one wins. */
  override async fetch(request: Request): Promise<Response> {
    const row = this.#record.row();
    if (!row) return this.#refuseAgent(UNKNOWN_HOST, null);
    const address = clientAddress(request);
    const audience = request.headers.get(AUDIENCE_HEADER) ?? "";
    const token = bearerToken(request) ?? "";
    const verified = await verifyAgentToken(token, row.host_id, row.public_key, audience);
    if (!this.#record.exists) return this.#refuseAgent(UNKNOWN_HOST, null); // removed meanwhile
    if (!verified.ok) return this.#refuseAgent(verified.refusal, address);
    if (!this.#record.isFirstUse(verified.value)) return this.#refuseAgent(REPLAYED_TOKEN, address);

    const { agent, replaced } = this.#links.accept();
    this.#record.setSince();
    this.ctx.storage.kv.put(LOCATION_KEY, request.headers.get(LOCATION_HEADER) || null);
    log("host.online", { host: row.host_id });
    const detail = replaced ? "in place of the link that it had" : "";
    this.#outbox.recordLink(row.host_id, { address, action: "host.online", detail });
    this.#telling.tell();
    return new Response(null, { status: 101, webSocket: agent });
  }

  /** @param address where it came from; null for a host that is none, which no audit speaks of */
  #refuseAgent(refusal: Refusal, address: string | null): Response {
    const { code } = refusal;
    log("link.refused", { host: this.ctx.id.name, code });
    if (address !== null) {
      const line = { actor: NOBODY, address, action: "host.refused", detail: code };
      if (this.#outbox.recordBounded(`host.refused ${code}`, 1, line)) this.#telling.tell();
    }
    return problemResponse(refusal);
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    if (!this.#record.exists) return;
    const message = this.#links.read(socket, data);
    if (message) await this.#hear(message, socket);
  }

  async #hear(message: AgentToEdge, socket: WebSocket): Promise<void> {
    switch (message.type) {
      case "hello":
        return this.#greet(message, socket);
      case "launched":
      case "ended":
        return this.#desktopNews.tell(message, socket);
      case "log":
        return this.#askedLogs.get(message.session)?.resolve(message);
      case "displays":
        this.#record.setDisplays(message.displays);
        return this.#telling.tell();
      case "latency":
        this.#record.setLatency(message.ms);
        return this.#telling.tell();
      case "opened":
      case "failed":
      case "closed":
        return this.#streams.hear(message);
    }
  }

  /** The agent says how everything stands, first of all on a link. */
  async #greet(hello: Hello, socket: WebSocket): Promise<void> {
    this.#record.setAgent(hello.version, hello.addresses);
    this.#record.setDesktops(hello.max_desktops, hello.profiles);
    this.#record.setDisplays(hello.displays);
    this.#telling.tell();
    // Before anything is awaited: what it says of desktops after this is told after this.
    const isTold = this.#desktopNews.tell(hello, socket);
    await this.#streams.resume(new Set(hello.streams), connectedAt(socket));
    await isTold;
  }

  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    closeQuietly(socket, code, reason);
    await this.#linkLost(socket, code, reason);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#linkLost(socket, 1006, "");
  }

  async #linkLost(socket: WebSocket, code: number, why: string): Promise<void> {
    const row = this.#record.row();
    if (!row || this.#links.open().some((link) => link !== socket)) return; // superseded, or revoked
    this.#record.setSince();
    log("host.offline", { host: row.host_id, code });
    const detail = why ? `${code}, ${why}` : `${code}`;
    this.#outbox.recordLink(row.host_id, { action: "host.offline", detail });
    this.#telling.tell();
    await this.#streams.failWaiting(offlineSentence(row.name));
  }

  /** Does not fail: what could not be delivered has set the next one. */
  override async alarm(): Promise<void> {
    await this.#telling.deliver();
  }
}

type Hello = Extract<AgentToEdge, { type: "hello" }>;

/** Carries the edge's origin, which an agent's token must name, from the Worker to this object. */
export const AUDIENCE_HEADER = "x-porthole-audience";

/** Carries a {@link LocationHint} there, empty if it is not known. */
export const LOCATION_HEADER = "x-porthole-location";
const LOCATION_KEY = "location";

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

/** What of a session decides what there is to see of it. */
export type LookedAt = Pick<StoredSession, "session_id" | "address"> & { vnc_port: number };

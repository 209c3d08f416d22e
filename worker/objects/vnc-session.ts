import { DurableObject } from "cloudflare:workers";
import type { Session } from "../../protocol/api.ts";
import { CloseCode } from "../../protocol/close-codes.ts";
import { RFB_BASE_PORT, RFB_LAST_PORT, randomId } from "../../protocol/ids.ts";
import { AGENT_ANSWER_MS, MAX_VIEWERS_PER_SESSION, TICKET_TTL_MS } from "../../protocol/limits.ts";
import type { Role } from "../../protocol/link.ts";
import { chatRoom, type Env, registry, vncHost } from "../env.ts";
import { hashSecret, newSecret, secretsEqual } from "../identity/secrets.ts";
import { describeError, log } from "../log.ts";
import { problemResponse, type Refusal, type Result, refuse } from "../problem.ts";
import { chosenProtocol, closeQuietly, refuseUpgrade } from "../sockets.ts";
import { hasTable, oneRow, rfc3339 } from "./storage.ts";

/**
 * One VNC session, the only authority on itself: its life, its tickets, its viewers.
 *
 * A viewer is answered at once with one end of a WebSocketPair. The other end is kept, never
 * accepted, until the agent's upgrade is answered with it; from then on the runtime pumps frames
 * from leg to leg natively and no JavaScript of ours runs. Until then the kept end waits here, at
 * most AGENT_ANSWER_MS, and is closed with the reason when the agent cannot come.
 *
 * Who calls: the Worker (fetch for upgrades, RPC for the rest), the host's object (what became of a
 * stream), the session's chat room (tickets).
 */
export class VncSession extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;
  readonly #pending = new Map<string, PendingStream>();
  #exists = hasTable(this.#sql, "session");

  /** Makes the session. Calling it again with the same id changes nothing. */
  async create(input: NewSession): Promise<void> {
    if (this.#exists) return;
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec(SCHEMA);
      this.#sql.exec(
        `INSERT INTO session (session_id, host_id, port, label, created_at, expires_at)
         VALUES (?, ?, ?, ?, ?, ?)`,
        input.session_id,
        input.host_id,
        input.port,
        input.label,
        input.created_at,
        input.expires_at,
      );
    });
    this.#exists = true;
    log("session.created", { session: input.session_id, host: input.host_id, port: input.port });
    await this.#deliverToRegistry();
  }

  /** The session as it is now; `active` is asked of its host, not remembered. */
  async describe(): Promise<Result<SessionState>> {
    const row = this.#row();
    if (!row) return unknownSession();
    const base = {
      session_id: row.session_id,
      host_id: row.host_id,
      vnc_port: row.port,
      display: displayOf(row.port),
      label: row.label,
      batch_id: null,
      job_url: null,
      created_at: rfc3339(row.created_at),
      expires_at: rfc3339(row.expires_at),
      ended_at: row.ended_at === null ? null : rfc3339(row.ended_at),
    };
    if (row.ended_at !== null) {
      return { ok: true, value: { ...base, status: "ended", reason: row.end_reason, viewers: 0 } };
    }
    const reach = await vncHost(this.env, row.host_id).reach(row.port);
    const viewers = reach.online ? this.#streamCount() : 0;
    return {
      ok: true,
      value: {
        ...base,
        status: reach.reason === null ? "active" : "unreachable",
        reason: reach.reason,
        viewers,
      },
    };
  }

  /** A secret that opens one WebSocket of this session, or of its room, once, within 60 s. */
  async issueTicket(
    role: Role,
    name: string,
    via: string,
  ): Promise<Result<{ ticket: string; expires_at: string }>> {
    const row = this.#row();
    if (!row) return unknownSession();
    if (row.ended_at !== null) return sessionEnded(row);
    if (role === "view") return viewUnavailable();
    const ticket = newSecret();
    const expiresAt = Date.now() + TICKET_TTL_MS;
    this.#sql.exec("DELETE FROM tickets WHERE expires_at < ?", Date.now());
    this.#sql.exec(
      "INSERT INTO tickets (hash, role, name, via, expires_at) VALUES (?, ?, ?, ?, ?)",
      await hashSecret(ticket),
      role,
      name,
      via,
      expiresAt,
    );
    return { ok: true, value: { ticket, expires_at: rfc3339(expiresAt) } };
  }

  /** Takes a ticket, atomically: of any number that try, one gets it. */
  async consumeTicket(ticket: string): Promise<Result<Grant>> {
    const row = this.#row();
    if (!row) return unknownSession();
    if (row.ended_at !== null) return sessionEnded(row);
    const hash = await hashSecret(ticket);
    const taken = oneRow(
      this.#sql.exec<Grant & { expires_at: number }>(
        "DELETE FROM tickets WHERE hash = ? RETURNING role, name, via, expires_at",
        hash,
      ),
    );
    if (!taken || taken.expires_at < Date.now()) {
      return refuse(
        401,
        "bad_ticket",
        "This ticket is used, expired or not for this session; ask for a new one.",
      );
    }
    const { role, name, via } = taken;
    return { ok: true, value: { role, name, via } };
  }

  /** Who a signed-in person is in this session; also says whether there is one to enter. */
  async admit(name: string, via: string): Promise<Result<Grant>> {
    const row = this.#row();
    if (!row) return unknownSession();
    if (row.ended_at !== null) return sessionEnded(row);
    return { ok: true, value: { role: "control", name, via } };
  }

  /** A credential was revoked: closes what it opened here, and forgets its tickets. */
  async cut(via: string, reason: string): Promise<void> {
    const row = this.#row();
    if (!row) return;
    this.#sql.exec("DELETE FROM tickets WHERE via = ?", via);
    for (const [stream, pending] of [...this.#pending]) {
      if (pending.via === via) this.streamFailed(stream, CloseCode.unauthorized, reason);
    }
    await chatRoom(this.env, `session:${row.session_id}`).cut(via, reason);
    const query = "SELECT stream FROM streams WHERE via = ?";
    const streams = this.#sql.exec<{ stream: string }>(query, via).toArray();
    const ids = streams.map(({ stream }) => stream);
    await this.#closeStreams(row.host_id, ids, CloseCode.unauthorized, reason);
  }

  /** Ends the session: its viewers are closed with the reason, nobody comes in any more. */
  async end(actor: string, reason: string): Promise<Result<null>> {
    const row = this.#row();
    if (!row) return unknownSession();
    if (row.ended_at !== null) return { ok: true, value: null };
    this.#sql.exec(
      "UPDATE session SET ended_at = ?, end_reason = ?, version = version + 1",
      Date.now(),
      reason,
    );
    this.#sql.exec("DELETE FROM tickets");
    log("session.ended", { session: row.session_id, reason });
    for (const stream of [...this.#pending.keys()])
      this.streamFailed(stream, CloseCode.ended, reason);
    await chatRoom(this.env, `session:${row.session_id}`).close(reason);
    await this.#closeStreams(row.host_id, this.#openStreams(), CloseCode.ended, reason);
    this.#record(actor, "session.ended", reason);
    await this.#deliverToRegistry();
    return { ok: true, value: null };
  }

  /**
   * `/viewer`: a viewer's upgrade, with who they are in VIEWER_HEADER. `/agent/:stream`: the
   * agent's, with the stream token as Bearer. Only the Worker can reach these.
   */
  override async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/viewer") return this.#acceptViewer(request);
    return this.#acceptAgent(request, url.pathname.slice("/agent/".length));
  }

  async #acceptViewer(request: Request): Promise<Response> {
    const entry = JSON.parse(request.headers.get(VIEWER_HEADER) ?? "") as ViewerEntry;
    const admitted =
      "ticket" in entry
        ? await this.consumeTicket(entry.ticket)
        : await this.admit(entry.name, entry.via);
    if (!admitted.ok) return this.#refuseViewer(admitted.refusal);
    const row = this.#row();
    if (!row) return this.#refuseViewer(unknownSession().refusal);
    if (row.ended_at !== null) return this.#refuseViewer(sessionEnded(row).refusal);
    if (this.#streamCount() + this.#pending.size >= MAX_VIEWERS_PER_SESSION) {
      const detail = `This session has ${MAX_VIEWERS_PER_SESSION} viewers already, its limit.`;
      return this.#refuseViewer({ status: 429, code: "too_many_viewers", detail });
    }

    const [viewer, kept] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    const stream = randomId();
    const token = newSecret();
    const { role, name, via } = admitted.value;
    const timer = setTimeout(() => {
      const seconds = AGENT_ANSWER_MS / 1000;
      this.streamFailed(
        stream,
        CloseCode.agentTimeout,
        `The agent did not answer in ${seconds} s.`,
      );
    }, AGENT_ANSWER_MS);
    this.#pending.set(stream, { kept, token, role, name, via, timer });
    log("stream.asked", {
      stream,
      session: row.session_id,
      host: row.host_id,
      port: row.port,
      role,
      name,
    });
    this.ctx.waitUntil(this.#askAgent(row, stream, token, role));
    return new Response(null, {
      status: 101,
      webSocket: viewer,
      headers: chosenProtocol(request),
    });
  }

  #refuseViewer(refusal: Refusal): Response {
    log("stream.refused", { session: this.ctx.id.name, code: refusal.code });
    return refuseUpgrade(refusal);
  }

  async #askAgent(row: SessionRow, stream: string, token: string, role: Role): Promise<void> {
    try {
      const asked = await vncHost(this.env, row.host_id).openStream({
        stream,
        token,
        role,
        session: row.session_id,
        port: row.port,
      });
      if (!asked.ok) this.streamFailed(stream, asked.refusal.closeCode, asked.refusal.detail);
    } catch (error) {
      log("stream.ask_failed", { stream, error: describeError(error) });
      this.streamFailed(stream, CloseCode.hostOffline, "The host could not be asked; try again.");
    }
  }

  async #acceptAgent(request: Request, stream: string): Promise<Response> {
    const token = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
    const pending = this.#pending.get(stream);
    if (!pending) {
      const detail = "Nobody waits for this stream any more.";
      return problemResponse({ status: 410, code: "stream_gone", detail });
    }
    if (!(await secretsEqual(token, pending.token))) {
      const detail = "That is not the token of this stream.";
      return problemResponse({ status: 401, code: "bad_stream_token", detail });
    }
    // The comparison above awaited: of two that come with the token, one takes the end.
    if (!this.#pending.delete(stream)) {
      const detail = "This stream has its agent already.";
      return problemResponse({ status: 410, code: "stream_gone", detail });
    }
    clearTimeout(pending.timer);
    this.#sql.exec(
      "INSERT INTO streams (stream, role, name, via, opened_at) VALUES (?, ?, ?, ?, ?)",
      stream,
      pending.role,
      pending.name,
      pending.via,
      Date.now(),
    );
    log("stream.spliced", { stream, session: this.ctx.id.name });
    this.#record(pending.via, "stream.opened", `${pending.role} as ${pending.name}`);
    return new Response(null, { status: 101, webSocket: pending.kept });
  }

  /** The agent could not serve a viewer that still waits: closes it with the reason. */
  streamFailed(stream: string, code: CloseCode, reason: string): void {
    const pending = this.#pending.get(stream);
    if (!pending) return;
    this.#pending.delete(stream);
    clearTimeout(pending.timer);
    pending.kept.accept();
    closeQuietly(pending.kept, code, reason);
    log("stream.failed", { stream, session: this.ctx.id.name, code, reason });
  }

  /** The agent says that a stream is over. */
  streamClosed(stream: string, reason: string): void {
    if (!this.#exists) return;
    const query = "DELETE FROM streams WHERE stream = ? RETURNING via";
    const closed = oneRow(this.#sql.exec<{ via: string }>(query, stream));
    if (closed) this.#record(closed.via, "stream.closed", reason);
  }

  override async alarm(): Promise<void> {
    const row = this.#row();
    if (!row) return;
    if (row.ended_at === null && row.expires_at <= Date.now()) {
      await this.end(SYSTEM, "The session's time is over.");
    } else {
      await this.#deliverToRegistry();
    }
  }

  /**
   * Asks the agent to close streams. What it does not confirm in time is cut here, all of the
   * session, which shows as 1006; a page that dials again then hears why, or comes in again.
   */
  async #closeStreams(
    hostId: string,
    ids: readonly string[],
    code: CloseCode,
    reason: string,
  ): Promise<void> {
    if (ids.length === 0) return;
    await vncHost(this.env, hostId).closeStreams([...ids], code, reason);
    setTimeout(() => {
      const open = new Set(this.#openStreams());
      if (!ids.some((id) => open.has(id))) return;
      this.#sql.exec("DELETE FROM streams");
      log("session.cut", { session: this.ctx.id.name });
      this.ctx.storage.sync().then(() => this.ctx.abort(reason));
    }, CLOSE_CONFIRM_MS);
  }

  #openStreams(): string[] {
    const rows = this.#sql.exec<{ stream: string }>("SELECT stream FROM streams").toArray();
    return rows.map(({ stream }) => stream);
  }

  /** Puts a line for the audit into the outbox, and sends it on its way. */
  #record(actor: string, action: string, detail: string): void {
    const query = "INSERT INTO audit_outbox (at, actor, action, detail) VALUES (?, ?, ?, ?)";
    this.#sql.exec(query, Date.now(), actor, action, detail);
    this.ctx.waitUntil(this.#deliverToRegistry());
  }

  /**
   * The outbox: the registry's index is behind for as long as `indexed_version < version`, its
   * audit for as long as there are lines. Tried at once, then by alarm until all is there: the
   * platform itself gives up after six failures.
   */
  async #deliverToRegistry(): Promise<void> {
    const row = this.#row();
    if (!row) return;
    let due = row.ended_at === null ? row.expires_at : null;
    try {
      if (row.indexed_version < row.version) await this.#deliverIndex(row);
      await this.#deliverAudit(row.session_id);
    } catch (error) {
      log("session.deliver_failed", { session: row.session_id, error: describeError(error) });
      due = Date.now() + DELIVERY_RETRY_MS;
    }
    if (due !== null) await this.ctx.storage.setAlarm(due);
  }

  async #deliverIndex(row: SessionRow): Promise<void> {
    const { session_id, host_id, created_at, ended_at, version } = row;
    await registry(this.env).sessions.put({ session_id, host_id, created_at, ended_at, version });
    this.#sql.exec("UPDATE session SET indexed_version = ?", version);
  }

  /** A line that is delivered twice is written once: its key is this session's, and its number. */
  async #deliverAudit(sessionId: string): Promise<void> {
    type Line = { id: number; at: number; actor: string; action: string; detail: string };
    const lines = this.#sql
      .exec<Line>("SELECT * FROM audit_outbox ORDER BY id LIMIT 100")
      .toArray();
    const last = lines.at(-1);
    if (!last) return;
    await registry(this.env).audit.add(
      lines.map(({ id, ...line }) => ({ ...line, target: sessionId, key: `${sessionId}:${id}` })),
    );
    this.#sql.exec("DELETE FROM audit_outbox WHERE id <= ?", last.id);
  }

  #streamCount(): number {
    return this.#sql.exec<{ n: number }>("SELECT count(*) AS n FROM streams").one().n;
  }

  #row(): SessionRow | undefined {
    return this.#exists ? oneRow(this.#sql.exec<SessionRow>("SELECT * FROM session")) : undefined;
  }
}

/** Carries a viewer's {@link ViewerEntry} from the Worker to this object. */
export const VIEWER_HEADER = "x-porthole-viewer";

/** How somebody comes in: with a ticket, or by a name that the Worker vouches for. */
export type ViewerEntry = { ticket: string } | { name: string; via: string };

export type NewSession = {
  session_id: string;
  host_id: string;
  port: number;
  label: string | null;
  /** Milliseconds since the epoch, as in every table. */
  created_at: number;
  expires_at: number;
};

/** A session without the URLs, which follow the request that asks. */
export type SessionState = Omit<Session, "websocket_url" | "view_url">;

/** `via` names the credential that it goes back to, as in `key:<id>`. */
export type Grant = { role: Role; name: string; via: string };

type PendingStream = Grant & {
  kept: WebSocket;
  token: string;
  timer: ReturnType<typeof setTimeout>;
};

type SessionRow = {
  session_id: string;
  host_id: string;
  port: number;
  label: string | null;
  created_at: number;
  expires_at: number;
  ended_at: number | null;
  end_reason: string | null;
  version: number;
  indexed_version: number;
};

/** How long an agent has to confirm that it closed the streams of an ended session. */
const CLOSE_CONFIRM_MS = 2_000;

/** How soon the registry is told again when it could not be. */
const DELIVERY_RETRY_MS = 5_000;

/** Who did what nobody did: time passed. */
const SYSTEM = "porthole";

const SCHEMA = `
  CREATE TABLE session (
    session_id TEXT NOT NULL, host_id TEXT NOT NULL, port INTEGER NOT NULL, label TEXT,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    ended_at INTEGER, end_reason TEXT,
    version INTEGER NOT NULL DEFAULT 1, indexed_version INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE tickets (
    hash TEXT PRIMARY KEY, role TEXT NOT NULL, name TEXT NOT NULL, via TEXT NOT NULL, expires_at INTEGER NOT NULL
  );
  CREATE TABLE streams (
    stream TEXT PRIMARY KEY, role TEXT NOT NULL, name TEXT NOT NULL, via TEXT NOT NULL, opened_at INTEGER NOT NULL
  );
  CREATE TABLE audit_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
    detail TEXT NOT NULL
  );
`;

function displayOf(port: number): number | null {
  return port >= RFB_BASE_PORT && port <= RFB_LAST_PORT ? port - RFB_BASE_PORT : null;
}

function unknownSession() {
  return refuse(404, "no_such_session", "There is no such session.");
}

function sessionEnded(row: SessionRow) {
  return refuse(410, "session_ended", row.end_reason ?? "The session has ended.");
}

function viewUnavailable() {
  return refuse(
    403,
    "view_unavailable",
    "View-only is not offered yet: nothing would enforce it on the host. Ask for control.",
  );
}

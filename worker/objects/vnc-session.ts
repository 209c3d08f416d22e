import { DurableObject } from "cloudflare:workers";
import type { NewShareLink, ShareLink } from "../../protocol/api.ts";
import type { ControlRequest } from "../../protocol/chat.ts";
import { CloseCode } from "../../protocol/close-codes.ts";
import { AGENT_ANSWER_MS, MAX_VIEWERS_PER_SESSION } from "../../protocol/limits.ts";
import type { Role } from "../../protocol/link.ts";
import { chatRoom, type Env, registry, vncHost } from "../env.ts";
import { bearerToken } from "../identity/bearer.ts";
import { describeError, log } from "../log.ts";
import { closeCodeOf, problemResponse, type Refusal, type Result } from "../problem.ts";
import { chosenProtocol, closeQuietly } from "../sockets.ts";
import { AUDIT_OUTBOX_SCHEMA } from "./audit-outbox.ts";
import type { ActivityKind } from "./registry/activity.ts";
import { NOBODY } from "./registry/audit.ts";
import { ACTIVITY_SCHEMA, Activity } from "./session/activity.ts";
import { CONTROL_SCHEMA, Control, type Requester, type RoomEntry } from "./session/control.ts";
import {
  ENTRY_SCHEMA,
  Entry,
  type Grant,
  type Guest,
  type NewLink,
  VIEWER_HEADER,
  type ViewerEntry,
} from "./session/entry.ts";
import { HandOver } from "./session/hand-over.ts";
import {
  auditLine,
  isEnd,
  type JobEnd,
  JobOutbox,
  type JobStand,
  placeJob,
} from "./session/job.ts";
import { idleEnd, purgeTime, TIME_IS_OVER, timeIsOver } from "./session/life.ts";
import { OpenStreams, STREAMS_SCHEMA } from "./session/open-streams.ts";
import { Outbox } from "./session/outbox.ts";
import { PEOPLE_SCHEMA, People } from "./session/people.ts";
import {
  credentialRevoked,
  insertSession,
  LATER_COLUMNS,
  type NewSession,
  type PanelTarget,
  type PlacedRow,
  placed,
  SESSION_SCHEMA,
  type SessionRow,
  type SessionState,
  STREAM_NOT_LOWERED,
  sessionEnded,
  sessionState,
  storedSession,
  UNSEEN,
  unknownSession,
} from "./session/session-row.ts";
import { WaitingViewers } from "./session/waiting-viewers.ts";
import { addMissingColumns, hasTable, oneRow } from "./storage.ts";

/**
 * One VNC session, the only authority on itself: its life, who may enter, its viewers.
 *
 * A viewer is answered at once with one end of a WebSocketPair. The other end is kept, never
 * accepted, until the agent's upgrade is answered with it; from then on the runtime pumps frames
 * from leg to leg natively and no JavaScript of ours runs. Until then the kept end waits, at most
 * AGENT_ANSWER_MS, and is closed with the reason when the agent cannot come.
 *
 * Who calls: the Worker (fetch for upgrades, RPC for the rest), the host's object (what became of a
 * stream), the session's chat room (who may enter, who wants control), the registry (a credential
 * was revoked).
 *
 * It is long for one reason: entering, ending and cutting must look at the same rows and the same
 * waiting viewers without an await between. What does not need that lives in session/.
 */
export class VncSession extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;
  readonly #entry = new Entry(this.#sql);
  readonly #outbox = new Outbox(this.#sql, this.env);
  readonly #people = new People(this.#sql);
  readonly #streams = new OpenStreams(this.#sql);
  readonly #control = new Control(this.#sql, this.#streams, this.#outbox);
  readonly #handOver = new HandOver(this.env, this.#streams, this.#control);
  readonly #waiting = new WaitingViewers();
  readonly #activity = new Activity(this.#sql, this.env);
  readonly #job = new JobOutbox(this.#sql, this.env);
  /** Asks for the newest table: what a version without it stored is no session any more. */
  #exists = hasTable(this.#sql, "presence");

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    if (!this.#exists) return;
    this.#sql.exec(ACTIVITY_SCHEMA); // older sessions were made without
    addMissingColumns(this.#sql, "session", ...LATER_COLUMNS);
  }

  /**
   * Makes the session. Calling it again with the same id changes nothing.
   * @param by who makes it, for the audit
   */
  async create(input: NewSession, by: { actor: string; address: string }): Promise<void> {
    if (this.#exists) return;
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec(SESSION_SCHEMA + ENTRY_SCHEMA + AUDIT_OUTBOX_SCHEMA);
      this.#sql.exec(STREAMS_SCHEMA + PEOPLE_SCHEMA + CONTROL_SCHEMA + ACTIVITY_SCHEMA);
      insertSession(this.#sql, input);
      const detail = input.job ? "for a job" : `host ${input.host_id} port ${input.port}`;
      this.#outbox.record({ ...by, action: "session.created", detail });
      if (input.control === "exclusive") this.#control.start();
    });
    this.#exists = true;
    // Written together with the rows: whatever happens after this, the session has its alarm.
    this.ctx.storage.setAlarm(Date.now() + DELIVERY_RETRY_MS);
    log("session.created", { session: input.session_id, host: input.host_id, port: input.port });
    // Who makes one looks for it in the list next; of a batch's hundreds the list hears soon enough.
    if (input.job) this.#tell();
    else await this.#deliver();
  }

  /** The session as it is now; `active` is asked of its host, not remembered. */
  async describe(): Promise<Result<SessionState>> {
    const row = this.#row();
    if (!row) return unknownSession();
    const stored = storedSession(row);
    const place = placed(row);
    if (!place.ok) return { ok: true, value: sessionState(stored, UNSEEN) };
    const { host_id, port } = place.value;
    const asked = { ...stored, vnc_port: port };
    const [sight = UNSEEN] = await vncHost(this.env, host_id).look([asked]);
    // Of the viewers the session knows first.
    const viewers = sight.online ? this.#streams.list().length : 0;
    return { ok: true, value: sessionState(stored, { ...sight, viewers }) };
  }

  /**
   * What a hosting panel says of the VNC server now, for the viewers who come from here on: where it
   * listens on the session's host, and its password. The session lives at least until `expires_at`.
   */
  async retarget(input: PanelTarget): Promise<Result<null>> {
    const open = this.#openRow();
    if (!open.ok) return open;
    this.#sql.exec(
      `UPDATE session SET port = ?, address = ?, password = ?,
         expires_at = max(expires_at, ?), version = version + 1`,
      input.port,
      input.address,
      input.password,
      input.expires_at,
    );
    await this.#deliver(); // and sets the alarm, without putting off what is not delivered yet
    return { ok: true, value: null };
  }

  /**
   * How its job stands now.
   * @returns how the session came to its end, if it has; then nothing changes
   */
  async jobStands(stand: JobStand): Promise<JobEnd | null> {
    const row = this.#row();
    if (!row) return { state: "ended", reason: "Its session was forgotten." };
    if (row.ended_at !== null) {
      return { state: row.state === "failed" ? "failed" : "ended", reason: row.reason ?? "" };
    }
    // Said once more after a restart in the middle: its desktop is there already.
    if (stand.state === "starting" && row.state === "open") return null;
    if (isEnd(stand)) {
      await this.#finish(row, stand, { actor: SYSTEM, address: null });
      this.#job.settle(); // who says so knows
    } else {
      placeJob(this.#sql, stand);
      this.#outbox.record({ actor: SYSTEM, ...auditLine(stand) });
    }
    this.#tell();
    return null;
  }

  // Who may enter.

  /** A secret that opens one WebSocket of this session, or of its room, once, within 60 s. */
  async issueTicket(grant: Grant): Promise<Result<{ ticket: string; expires_at: string }>> {
    const open = this.#openRow();
    return open.ok ? { ok: true, value: await this.#entry.issueTicket(grant) } : open;
  }

  async consumeTicket(ticket: string): Promise<Result<Grant>> {
    const open = this.#openRow();
    return open.ok ? this.#entry.consumeTicket(ticket) : open;
  }

  /** Whether the session can be entered by somebody whom the Worker vouches for. */
  async admit(grant: Grant): Promise<Result<Grant>> {
    const open = this.#openRow();
    if (!open.ok) return open;
    return this.#entry.isRevoked(grant.via) ? credentialRevoked() : { ok: true, value: grant };
  }

  /** Lets somebody into the session's chat room; the audit is told by this object, as of streams. */
  async enterRoom(entry: ViewerEntry): Promise<Result<RoomEntry>> {
    const admitted = await this.#admitEntry(entry);
    if (!admitted.ok) {
      log("chat.refused", { session: this.ctx.id.name, code: admitted.refusal.code });
      return admitted;
    }
    const { via, name, role, staff } = admitted.value;
    const { address } = entry;
    const me = this.#people.enter(admitted.value);
    this.#outbox.record({ actor: via, address, action: "chat.opened", detail: `as ${name}` });
    this.#tell();
    return { ok: true, value: { me, via, role, staff, control: this.#control.state() } };
  }

  /** Somebody's socket in the room is over. */
  async leftRoom(via: string, name: string): Promise<void> {
    if (!this.#exists) return;
    this.#outbox.record({ actor: via, action: "chat.closed", detail: `as ${name}` });
    this.#tell();
  }

  /** Somebody in the room asks for control, or hands it on; all are told what came of it. */
  async requestControl(who: Requester, request: ControlRequest): Promise<Result<null>> {
    const open = this.#openRow();
    if (!open.ok) return open;
    if (this.#entry.isRevoked(who.via)) return credentialRevoked();
    const done = this.#control.request(who, request);
    if (done.ok) this.#tell();
    return done;
  }

  async #admitEntry(entry: ViewerEntry): Promise<Result<Grant>> {
    const isTicket = "ticket" in entry;
    const admitted = await (isTicket ? this.consumeTicket(entry.ticket) : this.admit(entry));
    if (!admitted.ok && this.#exists && CREDENTIAL_REFUSALS.has(admitted.refusal.status)) {
      const { code } = admitted.refusal;
      const actor = isTicket ? NOBODY : entry.via;
      const line = { actor, address: entry.address, action: "viewer.refused", detail: code };
      this.#outbox.recordBounded(`viewer.refused ${code}`, 1, line);
      this.ctx.waitUntil(this.#deliver());
    }
    return admitted;
  }

  async createLink(input: NewLink): Promise<Result<NewShareLink>> {
    const open = this.#openRow();
    if (!open.ok) return open;
    const expiresAt = Math.min(input.expires_at, open.value.expires_at);
    const link = await this.#entry.createLink(open.value.session_id, {
      ...input,
      expires_at: expiresAt,
    });
    await this.#deliver(); // and sets the alarm, without putting off what is not delivered yet
    return link;
  }

  async listLinks(): Promise<Result<ShareLink[]>> {
    return this.#row() ? { ok: true, value: this.#entry.listLinks() } : unknownSession();
  }

  /** Revokes a share link; who came by it is closed. @returns false if there is none */
  async revokeLink(linkId: string): Promise<Result<boolean>> {
    if (!this.#row()) return unknownSession();
    const revoked = this.#entry.revokeLink(linkId);
    await this.cut(`link:${linkId}`, "The link that you came by was revoked.");
    return { ok: true, value: revoked };
  }

  /** Lets a guest in by a share link, for as long as that lives. */
  async redeemLink(
    secret: string,
  ): Promise<Result<Guest & { secret: string; expires_at: number }>> {
    const open = this.#openRow();
    return open.ok ? this.#entry.redeem(secret) : open;
  }

  async findGuest(hash: string): Promise<Guest | null> {
    return this.#exists ? this.#entry.findGuest(hash) : null;
  }

  /** A credential was revoked: closes what it opened here, and forgets its tickets. */
  async cut(via: string, reason: string): Promise<void> {
    const row = this.#storedRow();
    if (!row) return;
    this.#entry.forget(via);
    this.#streams.disallow(via);
    this.#control.settle(via);
    this.#tell();
    await this.#closeAll(row, { code: CloseCode.unauthorized, reason, via });
  }

  /**
   * Ends the session: its viewers are closed with the reason, nobody comes in any more. Called on
   * an ended one it closes what is left, which is how an end that failed half-way is finished.
   */
  async end(actor: string, reason: string, address: string | null = null): Promise<Result<null>> {
    const row = this.#storedRow();
    if (!row) return unknownSession();
    await this.#finish(row, { state: "ended", reason }, { actor, address });
    await this.#deliver();
    return { ok: true, value: null };
  }

  async #finish(
    row: SessionRow,
    { state, reason }: JobEnd,
    by: { actor: string; address: string | null },
  ): Promise<void> {
    if (row.ended_at === null) {
      this.ctx.storage.transactionSync(() => {
        const query =
          "UPDATE session SET state = ?, reason = ?, ended_at = ?, password = NULL, version = version + 1";
        this.#sql.exec(query, state, reason, Date.now());
        this.#entry.forget();
        this.#control.clear();
        this.#outbox.record({ ...by, action: `session.${state}`, detail: reason });
      });
      this.ctx.storage.setAlarm(Date.now() + DELIVERY_RETRY_MS);
      log(`session.${state}`, { session: row.session_id, reason });
    }
    const why = row.ended_at === null ? reason : (row.reason ?? reason);
    await this.#closeAll(row, { code: CloseCode.ended, reason: why });
  }

  // Streams.

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
    const admitted = await this.#admitEntry(entry);
    if (!admitted.ok) return this.#refuseViewer(admitted.refusal);
    const open = this.#openRow();
    if (!open.ok) return this.#refuseViewer(open.refusal);
    const place = placed(open.value);
    if (!place.ok) return this.#refuseViewer(place.refusal);
    if (this.#streams.list().length + this.#waiting.size >= MAX_VIEWERS_PER_SESSION) {
      const detail = `This session has ${MAX_VIEWERS_PER_SESSION} viewers already, its limit.`;
      return this.#refuseViewer({ status: 429, code: "too_many_viewers", detail });
    }

    const [viewer, kept] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    const { role: allowed, name, via } = admitted.value;
    const member = this.#people.enter(admitted.value).id;
    const asked = this.#control.roleFor(member, allowed);
    const arrival = { member, allowed, asked, name, via, address: entry.address };
    const { stream, token } = this.#waiting.add(arrival, kept, AGENT_ANSWER_MS, () =>
      this.ctx.waitUntil(this.#giveUp(place.value, stream)),
    );
    const { session_id: session, host_id: host, port } = place.value;
    log("stream.asked", { stream, session, host, port, role: asked, name, via });
    this.ctx.waitUntil(this.#askAgent(place.value, stream, token, asked));
    const headers = chosenProtocol(request);
    return new Response(null, { status: 101, webSocket: viewer, headers });
  }

  #refuseViewer(refusal: Refusal): Response {
    log("stream.refused", { session: this.ctx.id.name, code: refusal.code });
    this.#count(`${closeCodeOf(refusal)}`);
    return problemResponse(refusal);
  }

  async #askAgent(row: PlacedRow, stream: string, token: string, role: Role): Promise<void> {
    try {
      const { session_id: session, port, address, control, clipboard, password } = row;
      const host = vncHost(this.env, row.host_id);
      const options = {
        control,
        clipboard,
        ...(address && { address }),
        ...(password !== null && { password }),
      };
      const asked = await host.openStream({ stream, token, role, session, port, ...options });
      if (!asked.ok) this.streamFailed(stream, asked.refusal.closeCode, asked.refusal.detail);
    } catch (error) {
      log("stream.ask_failed", { stream, error: describeError(error) });
      this.streamFailed(stream, CloseCode.hostOffline, "The host could not be asked; try again.");
    }
  }

  /** The agent did not come in time: neither the viewer nor the host waits for it any longer. */
  async #giveUp(row: PlacedRow, stream: string): Promise<void> {
    const reason = `The agent did not answer in ${AGENT_ANSWER_MS / 1000} s.`;
    this.streamFailed(stream, CloseCode.agentTimeout, reason);
    try {
      await vncHost(this.env, row.host_id).abandonStream(stream, reason);
    } catch (error) {
      log("stream.abandon_failed", { stream, error: describeError(error) });
    }
  }

  async #acceptAgent(request: Request, stream: string): Promise<Response> {
    const taken = await this.#waiting.take(stream, bearerToken(request) ?? "");
    if (!taken.ok) {
      const { code } = taken.refusal;
      log("stream.agent_refused", { stream, session: this.ctx.id.name, code });
      return problemResponse(taken.refusal);
    }
    const { member, allowed, asked, name, via, address, kept } = taken.value;
    const role = this.#control.roleFor(member, allowed);
    this.#streams.add({ stream, member, allowed, name, via }, role, asked);
    log("stream.spliced", { stream, session: this.ctx.id.name });
    const detail = `${stream}, ${role} as ${name}`;
    this.#outbox.record({ actor: via, address, action: "stream.opened", detail });
    this.#activity.count("opened");
    this.#control.opened(member, via, role);
    this.#tell();
    // Somebody else got control meanwhile: the agent hears it before it has the viewer.
    if (asked === "control" && role === "view") {
      const row = this.#storedRow();
      if (!row || !(await this.#handOver.isTold(row))) {
        this.streamClosed(stream, STREAM_NOT_LOWERED.detail);
        kept.accept();
        closeQuietly(kept, CloseCode.goingAway, "Control went to somebody else; connect again.");
        return problemResponse(STREAM_NOT_LOWERED);
      }
    }
    return new Response(null, { status: 101, webSocket: kept });
  }

  /**
   * The agent could not serve a viewer that still waits: closes it with the reason.
   * @returns false if it does not wait: it was served, or is gone
   */
  streamFailed(stream: string, code: CloseCode, reason: string): boolean {
    if (!this.#waiting.fail(stream, code, reason)) return false;
    log("stream.failed", { stream, session: this.ctx.id.name, code, reason });
    this.#count(`${code}`);
    return true;
  }

  /** The agent says that a stream is over, if it ever began. */
  streamClosed(stream: string, reason: string): void {
    this.streamFailed(stream, CloseCode.agentTimeout, reason);
    if (!this.#exists) return;
    const closed = this.#streams.remove(stream);
    if (!closed) return;
    const detail = `${stream}, ${reason}`;
    this.#outbox.record({ actor: closed.via, action: "stream.closed", detail });
    this.#activity.count("closed");
    this.#control.settle(closed.via);
    this.#tell();
  }

  /**
   * Closes all viewers and the room, or those of one credential. What the agent does not confirm
   * in time is cut here, all of the session, which shows as 1006; a page that dials again then
   * hears why, or comes in again.
   */
  async #closeAll(
    row: SessionRow,
    closing: { code: CloseCode; reason: string; via?: string },
  ): Promise<void> {
    const { code, reason, via } = closing;
    for (const stream of this.#waiting.streams(via)) this.streamFailed(stream, code, reason);
    const streams = this.#streams.list(via);
    if (streams.length > 0) setTimeout(() => this.#cutUnconfirmed(streams), CLOSE_CONFIRM_MS);
    const room = chatRoom(this.env, `session:${row.session_id}`);
    const outcomes = await Promise.allSettled([
      streams.length > 0 &&
        row.host_id !== null &&
        vncHost(this.env, row.host_id).closeStreams(streams, code, reason),
      room.close(code, reason, via ?? null),
    ]);
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") continue;
      log("session.close_failed", {
        session: row.session_id,
        error: describeError(outcome.reason),
      });
    }
  }

  /** Resets this object, and with it every socket of the session, if one of these is still open. */
  async #cutUnconfirmed(streams: readonly string[]): Promise<void> {
    const open = new Set(this.#streams.list());
    if (!streams.some((stream) => open.has(stream))) return;
    this.#activity.count("closed", open.size);
    this.#streams.clear();
    this.#control.settle(SYSTEM);
    this.ctx.storage.setAlarm(Date.now()); // to tell that, as soon as this object is back
    log("session.cut", { session: this.ctx.id.name, streams: [...open] });
    await this.ctx.storage.sync();
    this.ctx.abort("streams that had to end were not closed by their agent");
  }

  // What time does.

  /** The platform gives up on an alarm that fails six times, so this one does not fail. */
  override async alarm(): Promise<void> {
    try {
      await this.#onAlarm();
    } catch (error) {
      log("session.alarm_failed", { session: this.ctx.id.name, error: describeError(error) });
      await this.ctx.storage.setAlarm(Date.now() + DELIVERY_RETRY_MS);
    }
  }

  async #onAlarm(): Promise<void> {
    const row = this.#storedRow();
    if (!row) return;
    if (row.ended_at !== null && purgeTime(row.ended_at, this.env) <= Date.now()) {
      return this.#purge(row);
    }
    const over = row.ended_at === null && timeIsOver(row, this.#emptySince());
    if (over) {
      await this.end(SYSTEM, over);
      return;
    }
    for (const link of this.#entry.expiredLinks()) {
      this.#entry.revokeLink(link);
      this.#outbox.record({ actor: SYSTEM, action: "link.expired", detail: link });
      await this.cut(`link:${link}`, "The link that you came by has expired.");
    }
    await this.#deliver();
  }

  /** Counts a connection that came to nothing. That is told later, many at once: anybody can cause it. */
  #count(kind: ActivityKind): void {
    if (!this.#exists || !this.#activity.count(kind)) return;
    this.ctx.storage.setAlarm(Date.now() + DELIVERY_RETRY_MS);
  }

  /** There is something to tell: now, and by alarm if this object goes before all is told. */
  #tell(): void {
    this.ctx.storage.setAlarm(Date.now() + DELIVERY_RETRY_MS);
    this.ctx.waitUntil(this.#deliver());
  }

  /**
   * Tells the registry, and the host and the room if control changed hands, what they do not know
   * yet; tried again by alarm until they are told.
   */
  async #deliver(): Promise<void> {
    const row = this.#storedRow();
    if (!row) return;
    try {
      await Promise.all([
        this.#handOver.deliver(row),
        this.#outbox.deliver(row),
        this.#activity.deliver(row.session_id),
        this.#job.deliver(row),
      ]);
      await this.#setAlarm();
    } catch (error) {
      log("session.deliver_failed", { session: row.session_id, error: describeError(error) });
      await this.ctx.storage.setAlarm(Date.now() + DELIVERY_RETRY_MS);
    }
  }

  /**
   * The one alarm is for whatever is due first: the end of the session, of its idleness or of a
   * link, more news; and once it has ended, the time to forget it.
   */
  async #setAlarm(): Promise<void> {
    const row = this.#storedRow();
    if (!row) return;
    const now = Date.now();
    const due = this.#dueTimes(row);
    // What came up while the rest was told.
    const untold = [
      this.#handOver.isPending(),
      this.#activity.isPending(),
      this.#outbox.isPending(row),
      this.#job.isPending(row),
    ];
    if (untold.includes(true)) due.push(now + DELIVERY_RETRY_MS);
    // Who waits keeps a session from being idle: looked at again when they were served, or were not.
    if (this.#waiting.size > 0) due.push(now + AGENT_ANSWER_MS);
    await this.ctx.storage.setAlarm(Math.min(...due));
  }

  #dueTimes(row: SessionRow): number[] {
    if (row.ended_at !== null) return [purgeTime(row.ended_at, this.env)];
    const linkEnd = this.#entry.nextLinkEnd() ?? Infinity;
    return [row.expires_at, idleEnd(row, this.#emptySince()), linkEnd];
  }

  /** Since when nobody watches, or waits to. */
  #emptySince(): number | null {
    return this.#waiting.size > 0 ? null : this.#streams.emptySince();
  }

  /** Forgets an ended session, its room and its place in the index; the audit keeps its lines. */
  async #purge(row: SessionRow): Promise<void> {
    await this.#outbox.deliver(row);
    await registry(this.env).sessions.forget(row.session_id);
    await chatRoom(this.env, `session:${row.session_id}`).purge();
    this.#exists = false;
    await this.ctx.storage.deleteAll();
    log("session.purged", { session: row.session_id });
  }

  #openRow(): Result<SessionRow> {
    const row = this.#row();
    if (!row) return unknownSession();
    return row.ended_at === null ? { ok: true, value: row } : sessionEnded(row);
  }

  /** The session as it is: one whose time is over has ended, whether or not its alarm has rung. */
  #row(): SessionRow | undefined {
    const row = this.#storedRow();
    if (!row || row.ended_at !== null || row.expires_at > Date.now()) return row;
    return { ...row, state: "ended", reason: TIME_IS_OVER, ended_at: row.expires_at };
  }

  #storedRow(): SessionRow | undefined {
    return this.#exists ? oneRow(this.#sql.exec<SessionRow>("SELECT * FROM session")) : undefined;
  }
}

/** How long an agent has to confirm that it closed streams that must end. */
const CLOSE_CONFIRM_MS = 2_000;

/** How soon the registry is told again when it could not be. */
const DELIVERY_RETRY_MS = 5_000;

/** The refusals of a viewer that say something about their credential. */
const CREDENTIAL_REFUSALS: ReadonlySet<number> = new Set([401, 403]);

/** Who did what nobody did: time passed. */
const SYSTEM = "porthole";

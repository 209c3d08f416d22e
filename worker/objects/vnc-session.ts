import { DurableObject } from "cloudflare:workers";
import type { NewShareLink, ShareLink } from "../../protocol/api.ts";
import type { ControlRequest } from "../../protocol/chat.ts";
import type { CloseCode } from "../../protocol/close-codes.ts";
import { type Env, vncHost } from "../env.ts";
import { bearerToken } from "../identity/bearer.ts";
import { describeError, log } from "../log.ts";
import { problemResponse, type Result } from "../problem.ts";
import { chosenProtocol } from "../sockets.ts";
import { AUDIT_OUTBOX_SCHEMA } from "./audit-outbox.ts";
import { ACTIVITY_SCHEMA, Activity } from "./session/activity.ts";
import { CONTROL_SCHEMA, Control, type Requester, type RoomEntry } from "./session/control.ts";
import { Ending } from "./session/ending.ts";
import {
  ENTRY_SCHEMA,
  Entry,
  type Grant,
  type Guest,
  type NewGuest,
  type NewLink,
  VIEWER_HEADER,
  type ViewerEntry,
} from "./session/entry.ts";
import { HandOver } from "./session/hand-over.ts";
import { auditLine, isEnd, type JobEnd, JobOutbox, type JobStand } from "./session/job.ts";
import { OpenStreams, STREAMS_SCHEMA } from "./session/open-streams.ts";
import { Outbox } from "./session/outbox.ts";
import { PEOPLE_SCHEMA, People } from "./session/people.ts";
import { SessionRecord } from "./session/session-record.ts";
import {
  credentialRevoked,
  type NewSession,
  type PanelTarget,
  placed,
  type SessionRow,
  type SessionState,
  SYSTEM,
  sessionState,
  storedSession,
  UNSEEN,
  unknownSession,
} from "./session/session-row.ts";
import { Viewers } from "./session/viewers.ts";
import { Telling } from "./telling.ts";

/**
 * One VNC session, the only authority on itself: its life, who may enter, its viewers.
 *
 * Who calls: the Worker (fetch for upgrades, RPC for the rest), the host's object (what became of a
 * stream), the session's chat room (who may enter, who wants control), objects/batch.ts (how its job
 * stands), the registry (a credential was revoked).
 *
 * Here is what each of them wants, in the order of a session's life; how viewers come, are served and
 * go is in session/viewers.ts. What is told to others is written with the change, then told.
 */
export class VncSession extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;
  readonly #record = new SessionRecord(this.#sql);
  readonly #people = new People(this.#sql);
  readonly #outbox = new Outbox(this.#sql, this.env);
  readonly #activity = new Activity(this.#sql, this.env);
  readonly #job = new JobOutbox(this.#sql, this.env);
  readonly #streams = new OpenStreams(this.#sql);
  readonly #control = new Control(this.#sql, this.#streams, this.#outbox);
  readonly #handOver = new HandOver(this.env, this.#streams, this.#control);
  readonly #telling = new Telling<SessionRow>(this.ctx, "session", {
    find: () => this.#record.stored(),
    news: [this.#handOver, this.#outbox, this.#activity, this.#job],
    nextAlarm: (row) => this.#ending.nextDue(row),
  });
  readonly #entry = new Entry(this.#sql, this.#record, this.#outbox, this.#telling);
  readonly #viewers = new Viewers(this.ctx, this.env, {
    record: this.#record,
    people: this.#people,
    streams: this.#streams,
    control: this.#control,
    handOver: this.#handOver,
    outbox: this.#outbox,
    activity: this.#activity,
    telling: this.#telling,
  });
  readonly #ending: Ending = new Ending(this.ctx, this.env, {
    record: this.#record,
    entry: this.#entry,
    streams: this.#streams,
    control: this.#control,
    viewers: this.#viewers,
    outbox: this.#outbox,
    telling: this.#telling,
  });

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    if (this.#record.exists) this.#sql.exec(ACTIVITY_SCHEMA); // older sessions were made without
  }

  // What it is.

  /**
   * Makes the session. Calling it again with the same id changes nothing.
   * @param by who makes it, for the audit
   */
  async create(input: NewSession, by: { actor: string; address: string }): Promise<void> {
    if (this.#record.exists) return;
    this.#record.create(this.ctx.storage, input, () => {
      this.#sql.exec(ENTRY_SCHEMA + AUDIT_OUTBOX_SCHEMA + STREAMS_SCHEMA);
      this.#sql.exec(PEOPLE_SCHEMA + CONTROL_SCHEMA + ACTIVITY_SCHEMA);
      const detail = input.job ? "for a job" : `host ${input.host_id} port ${input.port}`;
      this.#outbox.record({ ...by, action: "session.created", detail });
      if (input.control === "exclusive") this.#control.start();
    });
    // Written together with the rows: whatever happens after this, the session has its alarm.
    this.#telling.tellSoon();
    log("session.created", { session: input.session_id, host: input.host_id, port: input.port });
    // Who makes one looks for it in the list next; of a batch's hundreds the list hears soon enough.
    if (input.job) this.#telling.tell();
    else await this.#telling.deliver();
  }

  /** The session as it is now; `active` is asked of its host, not remembered. */
  async describe(): Promise<Result<SessionState>> {
    const row = this.#record.now();
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
  async retarget(target: PanelTarget): Promise<Result<null>> {
    const open = this.#record.open();
    if (!open.ok) return open;
    this.#record.retarget(target);
    await this.#telling.deliver(); // and sets the alarm, without putting off what is not delivered yet
    return { ok: true, value: null };
  }

  /**
   * How its job stands now.
   * @returns how the session came to its end, if it has; then nothing changes
   */
  async jobStands(stand: JobStand): Promise<JobEnd | null> {
    const row = this.#record.now();
    if (!row) return { state: "ended", reason: "Its session was forgotten." };
    if (row.ended_at !== null) {
      return { state: row.state === "failed" ? "failed" : "ended", reason: row.reason ?? "" };
    }
    // Said once more after a restart in the middle: its desktop is there already.
    if (stand.state === "starting" && row.state === "open") return null;
    if (isEnd(stand)) {
      await this.#ending.end(row, stand, { actor: SYSTEM, address: null });
      this.#job.settle(); // who says so knows
    } else {
      this.#record.place(stand);
      this.#outbox.record({ actor: SYSTEM, ...auditLine(stand) });
    }
    this.#telling.tell();
    return null;
  }

  // Who may enter.

  /** A secret that opens one WebSocket of this session, or of its room, once, within 60 s. */
  async issueTicket(grant: Grant): Promise<Result<{ ticket: string; expires_at: string }>> {
    return this.#entry.issueTicket(grant);
  }

  /** Whether the session can be entered by somebody whom the Worker vouches for. */
  async admit(grant: Grant): Promise<Result<Grant>> {
    return this.#entry.admit(grant);
  }

  async createLink(input: NewLink): Promise<Result<NewShareLink>> {
    const link = await this.#entry.createLink(input);
    if (link.ok) await this.#telling.deliver(); // and sets the alarm, for its end
    return link;
  }

  async listLinks(): Promise<Result<ShareLink[]>> {
    return this.#record.exists ? { ok: true, value: this.#entry.listLinks() } : unknownSession();
  }

  /** Revokes a share link; who came by it is closed. @returns false if there is none */
  async revokeLink(linkId: string): Promise<Result<boolean>> {
    if (!this.#record.exists) return unknownSession();
    const revoked = this.#entry.revokeLink(linkId);
    await this.#ending.cut(`link:${linkId}`, "The link that you came by was revoked.");
    return { ok: true, value: revoked };
  }

  /** Lets a guest in by a share link, for as long as that lives. */
  async redeemLink(secret: string): Promise<Result<NewGuest>> {
    return this.#entry.redeem(secret);
  }

  async findGuest(hash: string): Promise<Guest | null> {
    return this.#record.exists ? this.#entry.findGuest(hash) : null;
  }

  /** A credential was revoked: closes what it opened here, and forgets its tickets. */
  async cut(via: string, reason: string): Promise<void> {
    await this.#ending.cut(via, reason);
  }

  // Its desktop.

  /**
   * `/viewer`: a viewer's upgrade, with who they are in VIEWER_HEADER. `/agent/:stream`: the
   * agent's, with the stream token as Bearer. Only the Worker can reach these.
   */
  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/viewer") return this.#acceptViewer(request);
    const token = bearerToken(request) ?? "";
    const kept = await this.#viewers.serve(pathname.slice("/agent/".length), token);
    return kept.ok
      ? new Response(null, { status: 101, webSocket: kept.value })
      : problemResponse(kept.refusal);
  }

  async #acceptViewer(request: Request): Promise<Response> {
    const entry = JSON.parse(request.headers.get(VIEWER_HEADER) ?? "") as ViewerEntry;
    const viewer = await this.#admitViewer(entry);
    if (!viewer.ok) {
      this.#viewers.refused(viewer.refusal);
      return problemResponse(viewer.refusal);
    }
    const headers = chosenProtocol(request);
    return new Response(null, { status: 101, webSocket: viewer.value, headers });
  }

  async #admitViewer(entry: ViewerEntry): Promise<Result<WebSocket>> {
    const admitted = await this.#entry.enter(entry);
    if (!admitted.ok) return admitted;
    const open = this.#record.open();
    if (!open.ok) return open;
    const place = placed(open.value);
    return place.ok ? this.#viewers.take(place.value, admitted.value, entry.address) : place;
  }

  /** The host could not serve a viewer. @returns false if they do not wait (any more) */
  streamFailed(stream: string, code: CloseCode, reason: string): boolean {
    return this.#viewers.failed(stream, code, reason);
  }

  /** The agent says that a stream is over, if it ever began. */
  streamClosed(stream: string, reason: string): void {
    this.#viewers.closed(stream, reason);
  }

  // Its room.

  /** Lets somebody into the session's chat room; the audit is told by this object, as of streams. */
  async enterRoom(entry: ViewerEntry): Promise<Result<RoomEntry>> {
    const admitted = await this.#entry.enter(entry);
    if (!admitted.ok) {
      log("chat.refused", { session: this.ctx.id.name, code: admitted.refusal.code });
      return admitted;
    }
    const { via, name, role, staff } = admitted.value;
    const { address } = entry;
    const me = this.#people.enter(admitted.value);
    this.#outbox.record({ actor: via, address, action: "chat.opened", detail: `as ${name}` });
    this.#telling.tell();
    return { ok: true, value: { me, via, role, staff, control: this.#control.state() } };
  }

  /** Somebody's socket in the room is over. */
  async leftRoom(via: string, name: string): Promise<void> {
    if (!this.#record.exists) return;
    this.#outbox.record({ actor: via, action: "chat.closed", detail: `as ${name}` });
    this.#telling.tell();
  }

  /** Somebody in the room asks for control, or hands it on; all are told what came of it. */
  async requestControl(who: Requester, request: ControlRequest): Promise<Result<null>> {
    const open = this.#record.open();
    if (!open.ok) return open;
    if (this.#entry.isRevoked(who.via)) return credentialRevoked();
    const done = this.#control.request(who, request);
    if (done.ok) this.#telling.tell();
    return done;
  }

  // Its end.

  /**
   * Ends the session: its viewers are closed with the reason, nobody comes in any more. Called on
   * an ended one it closes what is left, which is how an end that failed half-way is finished.
   */
  async end(actor: string, reason: string, address: string | null = null): Promise<Result<null>> {
    const row = this.#record.stored();
    if (!row) return unknownSession();
    await this.#ending.end(row, { state: "ended", reason }, { actor, address });
    await this.#telling.deliver();
    return { ok: true, value: null };
  }

  /** The platform gives up on an alarm that fails six times, so this one does not fail. */
  override async alarm(): Promise<void> {
    try {
      await this.#ending.doWhatIsDue();
    } catch (error) {
      log("session.alarm_failed", { session: this.ctx.id.name, error: describeError(error) });
      this.#telling.tellSoon();
    }
  }
}

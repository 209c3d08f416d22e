import { DurableObject } from "cloudflare:workers";
import { CloseCode } from "../../protocol/close-codes.ts";
import { LINK_PING, LINK_PONG } from "../../protocol/limits.ts";
import { chatRoom, type Env, vncSession } from "../env.ts";
import { describeError, log } from "../log.ts";
import { closeQuietly } from "../sockets.ts";
import { ACTIVITY_COUNTS_SCHEMA, Activity } from "./registry/activity.ts";
import { API_KEYS_SCHEMA, ApiKeys } from "./registry/api-keys.ts";
import { AUDIT_SCHEMA, Audit } from "./registry/audit.ts";
import { CREATIONS_SCHEMA, Creations } from "./registry/creations.ts";
import { FAILURES_SCHEMA, Failures } from "./registry/failures.ts";
import { FEED_SCHEMA, Feed } from "./registry/feed.ts";
import { HOST_ADDRESSES_SCHEMA } from "./registry/host-addresses.ts";
import { HostCheck } from "./registry/host-check.ts";
import { HOST_STATES_SCHEMA, type HostMeasures, HostStates } from "./registry/host-states.ts";
import { HOSTS_SCHEMA, Hosts } from "./registry/hosts.ts";
import { SessionIndex } from "./registry/session-index.ts";
import { SESSION_INDEX_SCHEMA } from "./registry/session-query.ts";
import { LATER_SIGN_IN_LINK_COLUMNS, SIGN_INS_SCHEMA, SignIns } from "./registry/sign-ins.ts";
import { makeSupportRooms, SupportRooms } from "./registry/support-rooms.ts";
import { Watchers } from "./registry/watchers.ts";
import { addMissingColumns, oneRow } from "./storage.ts";

/**
 * The one object that knows what is global, a part each: the hosts, the sign-ins, the API keys, an
 * index of the sessions, the audit, and the feed of what changes, with those who watch it. Sessions
 * and hosts stay the authorities on themselves. Frames never come here; connecting asks it once who
 * someone is.
 *
 * Called as `registry(env).hosts.list()`: the parts are RPC targets, reached in one round trip.
 */
export class Registry extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;
  readonly #feed = new Feed(this.ctx);
  readonly #watchers = new Watchers(this.ctx, this.#feed, (via) => this.#isHeld(via));
  readonly #check = new HostCheck(this.env, this.hostStates);

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql.exec(
      SIGN_INS_SCHEMA +
        API_KEYS_SCHEMA +
        HOSTS_SCHEMA +
        HOST_STATES_SCHEMA +
        HOST_ADDRESSES_SCHEMA +
        SESSION_INDEX_SCHEMA +
        CREATIONS_SCHEMA +
        AUDIT_SCHEMA +
        FAILURES_SCHEMA +
        USES_SCHEMA +
        FEED_SCHEMA +
        ACTIVITY_COUNTS_SCHEMA,
    );
    addMissingColumns(this.#sql, "sign_in_links", ...LATER_SIGN_IN_LINK_COLUMNS);
    makeSupportRooms(this.#sql);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(LINK_PING, LINK_PONG));
  }

  get signIns(): SignIns {
    return new SignIns(
      this.#sql,
      (via) => this.#isHeld(via),
      () => this.#wakeForExpiry(),
    );
  }

  get apiKeys(): ApiKeys {
    return new ApiKeys(this.#sql);
  }

  get hosts(): Hosts {
    return new Hosts(this.#sql, this.env, this.#feed);
  }

  get hostStates(): HostStates {
    return new HostStates(this.#sql, this.#feed);
  }

  get sessions(): SessionIndex {
    return new SessionIndex(this.#sql, this.#feed);
  }

  get activity(): Activity {
    return new Activity(this.#sql, this.#feed);
  }

  get creations(): Creations {
    return new Creations(this.#sql);
  }

  get supportRooms(): SupportRooms {
    return new SupportRooms(this.#sql, this.#feed);
  }

  get audit(): Audit {
    return new Audit(this.#sql, Number(this.env.AUDIT_DAYS) || DEFAULT_AUDIT_DAYS);
  }

  get failures(): Failures {
    return new Failures(this.#sql, this.audit);
  }

  /**
   * Notes that a credential is about to be used in a session, or in a support room by its whole
   * name, so that revoking it can close what came of it. Looks again whether it is still there: between the two nothing else runs.
   * @param via `login:<id>` or `key:<id>`; what else there is cannot be revoked here
   * @returns false if the credential is gone
   */
  noteUse(via: string, sessionId: string): boolean {
    if (!this.#isHeld(via)) return false;
    if (!parseVia(via)) return true;
    this.#sql.exec("INSERT OR IGNORE INTO uses (via, session_id) VALUES (?, ?)", via, sessionId);
    return true;
  }

  /**
   * Revokes a sign-in or an API key, with the sign-in links that it made, and closes the streams and
   * chats that it opened. What could not be closed stays noted: revoking it again goes on there.
   * @returns false if there is none
   */
  async revoke(via: string, reason: string): Promise<boolean> {
    const credential = parseVia(via);
    if (!credential) return false;
    const { table, column, id } = credential;
    const removed = this.#sql.exec(`DELETE FROM ${table} WHERE ${column} = ?`, id).rowsWritten > 0;
    const closed = await this.#closeAll(via, reason);
    return removed || closed > 0;
  }

  /**
   * Closes what a credential opened, which holds no more, and ends its sign-in links.
   * @returns in how many sessions and rooms it was used
   */
  async #closeAll(via: string, reason: string): Promise<number> {
    this.signIns.revokeLinks(via);
    const used = this.#sql
      .exec<{ session_id: string }>("SELECT session_id FROM uses WHERE via = ?", via)
      .toArray();
    this.#watchers.cut(via, reason);
    log("registry.revoked", { via, sessions: used.length });
    await Promise.all(
      used.map(async ({ session_id }) => {
        if (session_id.startsWith("support:")) {
          await chatRoom(this.env, session_id).close(CloseCode.unauthorized, reason, via);
        } else {
          await vncSession(this.env, session_id).cut(via, reason);
        }
        this.#sql.exec("DELETE FROM uses WHERE via = ? AND session_id = ?", via, session_id);
      }),
    );
    return used.length;
  }

  /** What is counted, from the indexes: no session is asked, and of hosts those that should have pinged. */
  async measure(): Promise<Measures> {
    await this.#check.run();
    return {
      sessions: this.sessions.count(),
      hosts: this.hostStates.measure(),
      activity: this.activity.counts(),
      watchers: this.#watchers.count,
    };
  }

  /** `/api/events`, from the Worker. */
  override async fetch(request: Request): Promise<Response> {
    const answer = this.#watchers.accept(request);
    // At once, for hosts that vanished while nobody watched.
    if (answer.status === 101) this.ctx.storage.setAlarm(Date.now());
    return answer;
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    this.#watchers.hear(socket, data);
  }

  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    closeQuietly(socket, code, reason);
  }

  /**
   * Ends sign-ins whose time is over. While somebody watches: finds hosts that vanished, and watchers
   * that did. The platform gives up on an alarm that fails six times, so this one does not fail.
   */
  override async alarm(): Promise<void> {
    try {
      await this.#endExpired();
      this.#watchers.tidy();
      if (this.#watchers.count > 0) await this.#check.run();
    } catch (error) {
      log("registry.alarm_failed", { error: describeError(error) });
    }
    const now = Date.now();
    const expiry = this.signIns.nextExpiry();
    // One that is over already could not be ended: again, but not at once.
    const due = expiry === null ? [] : [expiry > now ? expiry : now + MAX_WATCH_TICK_MS];
    if (this.#watchers.count > 0) {
      const check = this.hostStates.nextDue() ?? Infinity;
      due.push(Math.min(Math.max(check, now + MIN_WATCH_TICK_MS), now + MAX_WATCH_TICK_MS));
    }
    if (due.length > 0) await this.ctx.storage.setAlarm(Math.min(...due));
  }

  /** Ends what sign-ins opened that have expired; one of which something stays open is kept for the next time. */
  async #endExpired(): Promise<void> {
    for (const loginId of this.signIns.expired()) {
      try {
        await this.#closeAll(`login:${loginId}`, "Your sign-in has expired.");
        this.signIns.forget(loginId);
      } catch (error) {
        log("registry.not_ended", { login: loginId, error: describeError(error) });
      }
    }
  }

  /** Sees that the alarm goes off when the next sign-in expires, or before. */
  async #wakeForExpiry(): Promise<void> {
    const at = this.signIns.nextExpiry();
    if (at === null) return;
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > at) await this.ctx.storage.setAlarm(at);
  }

  /** Whether a credential still is one; what else there is than sign-ins and keys cannot be revoked. */
  #isHeld(via: string): boolean {
    const credential = parseVia(via);
    if (!credential) return true;
    const { table, column, expiry, id } = credential;
    const query = `SELECT ${expiry} AS expires_at FROM ${table} WHERE ${column} = ?`;
    const row = oneRow(this.#sql.exec<{ expires_at: number | null }>(query, id));
    return row !== undefined && (row.expires_at === null || row.expires_at > Date.now());
  }
}

/** @see Registry.measure */
export type Measures = {
  sessions: ReturnType<SessionIndex["count"]>;
  hosts: HostMeasures;
  activity: ReturnType<Activity["counts"]>;
  watchers: number;
};

const DEFAULT_AUDIT_DAYS = 90;

/** While somebody watches, hosts and watchers are looked after this often: at most, and at least. */
const MIN_WATCH_TICK_MS = 1_000;
const MAX_WATCH_TICK_MS = 30_000;

const USES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS uses (via TEXT NOT NULL, session_id TEXT NOT NULL, PRIMARY KEY (via, session_id));
  CREATE INDEX IF NOT EXISTS uses_of_session ON uses (session_id);
`;

/** Where a revocable credential is kept. All names are ours, only the id comes from outside. */
function parseVia(via: string): Credential | null {
  const [kind, id] = via.split(":", 2);
  if (id === undefined) return null;
  if (kind === "login") return { table: "logins", column: "login_id", expiry: "expires_at", id };
  if (kind === "key") return { table: "keys", column: "key_id", expiry: "NULL", id };
  return null;
}

type Credential = { table: string; column: string; expiry: string; id: string };

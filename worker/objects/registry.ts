import { DurableObject } from "cloudflare:workers";
import { CloseCode } from "../../protocol/close-codes.ts";
import { chatRoom, type Env, vncSession } from "../env.ts";
import { log } from "../log.ts";
import { API_KEYS_SCHEMA, ApiKeys } from "./registry/api-keys.ts";
import { AUDIT_SCHEMA, Audit } from "./registry/audit.ts";
import { FAILURES_SCHEMA, Failures } from "./registry/failures.ts";
import { HOSTS_SCHEMA, Hosts } from "./registry/hosts.ts";
import { SESSION_INDEX_SCHEMA, SessionIndex } from "./registry/session-index.ts";
import { SIGN_INS_SCHEMA, SignIns } from "./registry/sign-ins.ts";
import { SUPPORT_ROOMS_SCHEMA, SupportRooms } from "./registry/support-rooms.ts";

/**
 * The one object that knows what is global, a part each: the hosts, the sign-ins, the API keys, an
 * index of the sessions, the audit. Sessions and hosts stay the authorities on themselves. Frames
 * never come here; connecting asks it once who someone is.
 *
 * Called as `registry(env).hosts.list()`: the parts are RPC targets, reached in one round trip.
 */
export class Registry extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql.exec(
      SIGN_INS_SCHEMA +
        API_KEYS_SCHEMA +
        HOSTS_SCHEMA +
        SESSION_INDEX_SCHEMA +
        AUDIT_SCHEMA +
        FAILURES_SCHEMA +
        SUPPORT_ROOMS_SCHEMA +
        USES_SCHEMA,
    );
  }

  get signIns(): SignIns {
    return new SignIns(this.#sql);
  }

  get apiKeys(): ApiKeys {
    return new ApiKeys(this.#sql);
  }

  get hosts(): Hosts {
    return new Hosts(this.#sql, this.env);
  }

  get sessions(): SessionIndex {
    return new SessionIndex(this.#sql);
  }

  get supportRooms(): SupportRooms {
    return new SupportRooms(this.#sql);
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
    const credential = parseVia(via);
    if (!credential) return true;
    const { table, column, id } = credential;
    const held = this.#sql.exec(`SELECT 1 FROM ${table} WHERE ${column} = ?`, id).toArray();
    if (held.length === 0) return false;
    this.#sql.exec("INSERT OR IGNORE INTO uses (via, session_id) VALUES (?, ?)", via, sessionId);
    return true;
  }

  /**
   * Revokes a sign-in or an API key, and closes the streams and chats that it opened. What could
   * not be closed stays noted: revoking it again goes on there.
   * @returns false if there is none
   */
  async revoke(via: string, reason: string): Promise<boolean> {
    const credential = parseVia(via);
    if (!credential) return false;
    const { table, column, id } = credential;
    const removed = this.#sql.exec(`DELETE FROM ${table} WHERE ${column} = ?`, id).rowsWritten > 0;
    const used = this.#sql
      .exec<{ session_id: string }>("SELECT session_id FROM uses WHERE via = ?", via)
      .toArray();
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
    return removed || used.length > 0;
  }
}

const DEFAULT_AUDIT_DAYS = 90;

const USES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS uses (via TEXT NOT NULL, session_id TEXT NOT NULL, PRIMARY KEY (via, session_id));
`;

/** Where a revocable credential is kept. Both names are ours, only the id comes from outside. */
function parseVia(via: string): { table: string; column: string; id: string } | null {
  const [kind, id] = via.split(":", 2);
  if (id === undefined) return null;
  if (kind === "login") return { table: "logins", column: "login_id", id };
  if (kind === "key") return { table: "keys", column: "key_id", id };
  return null;
}

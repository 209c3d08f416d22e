import { DurableObject } from "cloudflare:workers";
import { randomId } from "../../protocol/ids.ts";
import { JOIN_TOKEN_TTL_MS } from "../../protocol/limits.ts";
import type { JoinRequest } from "../../protocol/link.ts";
import { type Env, vncHost } from "../env.ts";
import { LOGIN_TTL_MS } from "../identity/cookies.ts";
import { hashSecret, newSecret } from "../identity/secrets.ts";
import { log } from "../log.ts";
import { type Result, refuse } from "../problem.ts";
import { oneRow } from "./storage.ts";

/**
 * The one object that knows what is global: the hosts, join tokens, sign-ins, and an index of the
 * sessions for listing. Sessions and hosts stay the authorities on themselves. Frames never come
 * here; connecting asks it once who someone is.
 */
export class Registry extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql.exec(SCHEMA);
  }

  // Sign-ins. Only hashes of cookies, links and tokens are kept.

  async createLogin(): Promise<string> {
    const secret = newSecret();
    const hash = await hashSecret(secret);
    const now = Date.now();
    this.#sql.exec("DELETE FROM logins WHERE expires_at < ?", now);
    this.#sql.exec(
      "INSERT INTO logins (hash, created_at, expires_at) VALUES (?, ?, ?)",
      hash,
      now,
      now + LOGIN_TTL_MS,
    );
    return secret;
  }

  async hasLogin(hash: string): Promise<boolean> {
    const query = "SELECT 1 AS found FROM logins WHERE hash = ? AND expires_at > ?";
    return oneRow(this.#sql.exec(query, hash, Date.now())) !== undefined;
  }

  async endLogin(hash: string): Promise<void> {
    this.#sql.exec("DELETE FROM logins WHERE hash = ?", hash);
  }

  /** A secret that signs one browser in, once, within the hour. */
  async createSignInLink(): Promise<{ secret: string; expires_at: number }> {
    const secret = newSecret();
    const hash = await hashSecret(secret);
    const expiresAt = Date.now() + JOIN_TOKEN_TTL_MS;
    this.#sql.exec("DELETE FROM sign_in_links WHERE expires_at < ?", Date.now());
    this.#sql.exec("INSERT INTO sign_in_links (hash, expires_at) VALUES (?, ?)", hash, expiresAt);
    return { secret, expires_at: expiresAt };
  }

  async redeemSignInLink(hash: string): Promise<Result<string>> {
    const query = "DELETE FROM sign_in_links WHERE hash = ? RETURNING expires_at";
    const taken = oneRow(this.#sql.exec<{ expires_at: number }>(query, hash));
    if (!taken || taken.expires_at < Date.now()) {
      return refuse(
        401,
        "bad_link",
        "This sign-in link was used or has expired; sign in with the admin token.",
      );
    }
    return { ok: true, value: await this.createLogin() };
  }

  // Hosts.

  async createJoinToken(name: string | null): Promise<{ token: string; expires_at: number }> {
    const token = newSecret();
    const hash = await hashSecret(token);
    const expiresAt = Date.now() + JOIN_TOKEN_TTL_MS;
    this.#sql.exec("DELETE FROM join_tokens WHERE expires_at < ?", Date.now());
    this.#sql.exec(
      "INSERT INTO join_tokens (hash, name, expires_at) VALUES (?, ?, ?)",
      hash,
      name,
      expiresAt,
    );
    return { token, expires_at: expiresAt };
  }

  /**
   * Enrols an agent. A token works once; the same key may come again with it, since an agent whose
   * answer was lost has no other way to learn that it was enrolled.
   */
  async join(request: JoinRequest): Promise<Result<{ host_id: string; name: string }>> {
    const hash = await hashSecret(request.token);
    const row = oneRow(
      this.#sql.exec<JoinTokenRow>("SELECT * FROM join_tokens WHERE hash = ?", hash),
    );
    if (!row || row.expires_at < Date.now()) {
      return refuse(
        401,
        "bad_join_token",
        "This join token is unknown or has expired; make a new one.",
      );
    }
    if (row.host_id !== null && row.public_key !== request.public_key) {
      return refuse(401, "used_join_token", "This join token was used already; make a new one.");
    }
    const hostId = row.host_id ?? randomId(HOST_ID_BYTES);
    const name = row.name ?? request.name;
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec(
        "UPDATE join_tokens SET host_id = ?, public_key = ? WHERE hash = ?",
        hostId,
        request.public_key,
        hash,
      );
      this.#sql.exec(
        "INSERT OR IGNORE INTO hosts (host_id, name, created_at) VALUES (?, ?, ?)",
        hostId,
        name,
        Date.now(),
      );
    });
    await vncHost(this.env, hostId).enrol({
      host_id: hostId,
      name,
      public_key: request.public_key,
    });
    return { ok: true, value: { host_id: hostId, name } };
  }

  async listHosts(): Promise<HostRow[]> {
    return this.#sql.exec<HostRow>("SELECT * FROM hosts ORDER BY name, host_id").toArray();
  }

  async hasHost(hostId: string): Promise<boolean> {
    return (
      oneRow(this.#sql.exec("SELECT 1 AS found FROM hosts WHERE host_id = ?", hostId)) !== undefined
    );
  }

  /** Forgets a host; its agent is cut off at once. @returns false if there was none */
  async removeHost(hostId: string): Promise<boolean> {
    const removed = this.#sql.exec("DELETE FROM hosts WHERE host_id = ?", hostId).rowsWritten > 0;
    if (removed) {
      await vncHost(this.env, hostId).revoke();
      log("registry.host_removed", { host: hostId });
    }
    return removed;
  }

  // The index of sessions.

  /** Takes a session's change; older news than it has changes nothing, so delivery may repeat. */
  async indexSession(row: SessionIndexRow): Promise<void> {
    this.#sql.exec(
      `INSERT INTO sessions (session_id, host_id, created_at, ended_at, version) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (session_id) DO UPDATE SET ended_at = excluded.ended_at, version = excluded.version
       WHERE excluded.version > sessions.version`,
      row.session_id,
      row.host_id,
      row.created_at,
      row.ended_at,
      row.version,
    );
  }

  /** The newest sessions that have not ended. */
  async listSessions(limit: number): Promise<string[]> {
    const query =
      "SELECT session_id FROM sessions WHERE ended_at IS NULL ORDER BY created_at DESC LIMIT ?";
    return this.#sql
      .exec<{ session_id: string }>(query, limit)
      .toArray()
      .map((row) => row.session_id);
  }
}

/** Host ids are shown to people and stand in logs: short, and still not to be guessed. */
const HOST_ID_BYTES = 9;

type JoinTokenRow = {
  hash: string;
  name: string | null;
  expires_at: number;
  host_id: string | null;
  public_key: string | null;
};

type HostRow = { host_id: string; name: string; created_at: number };

type SessionIndexRow = {
  session_id: string;
  host_id: string;
  created_at: number;
  ended_at: number | null;
  version: number;
};

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS logins (hash TEXT PRIMARY KEY, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS sign_in_links (hash TEXT PRIMARY KEY, expires_at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS join_tokens (
    hash TEXT PRIMARY KEY, name TEXT, expires_at INTEGER NOT NULL, host_id TEXT, public_key TEXT
  );
  CREATE TABLE IF NOT EXISTS hosts (host_id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS sessions (
    session_id TEXT PRIMARY KEY, host_id TEXT NOT NULL, created_at INTEGER NOT NULL, ended_at INTEGER,
    version INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS sessions_open ON sessions (created_at DESC) WHERE ended_at IS NULL;
`;

import { RpcTarget } from "cloudflare:workers";
import { randomId } from "../../../protocol/ids.ts";
import { JOIN_TOKEN_TTL_MS } from "../../../protocol/limits.ts";
import type { JoinRequest } from "../../../protocol/link.ts";
import { type Env, vncHost, vncSession } from "../../env.ts";
import { hashSecret, newSecret } from "../../identity/secrets.ts";
import { log } from "../../log.ts";
import { canonicalAddress } from "../../panels/address.ts";
import { type Result, refuse } from "../../problem.ts";
import { oneRow, rfc3339 } from "../storage.ts";

/** The hosts that there are, and the tokens that let new ones join. */
export class Hosts extends RpcTarget {
  readonly #sql: SqlStorage;
  readonly #env: Env;

  constructor(sql: SqlStorage, env: Env) {
    super();
    this.#sql = sql;
    this.#env = env;
  }

  async createJoinToken(name: string | null): Promise<NewJoinToken> {
    const token = JOIN_TOKEN_PREFIX + newSecret();
    const tokenId = randomId(9);
    const hash = await hashSecret(token);
    const now = Date.now();
    const expiresAt = now + JOIN_TOKEN_TTL_MS;
    this.#sql.exec("DELETE FROM join_tokens WHERE expires_at < ?", now);
    this.#sql.exec(
      "INSERT INTO join_tokens (token_id, hash, name, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
      tokenId,
      hash,
      name,
      now,
      expiresAt,
    );
    return { token_id: tokenId, token, expires_at: rfc3339(expiresAt) };
  }

  /** The tokens that can still be used. */
  listJoinTokens(): JoinTokenInfo[] {
    const query = "SELECT * FROM join_tokens WHERE expires_at > ? ORDER BY created_at DESC";
    return this.#sql
      .exec<JoinTokenRow>(query, Date.now())
      .toArray()
      .map((row) => ({
        token_id: row.token_id,
        name: row.name,
        created_at: rfc3339(row.created_at),
        expires_at: rfc3339(row.expires_at),
      }));
  }

  /** @returns false if there is no such token */
  revokeJoinToken(tokenId: string): boolean {
    return this.#sql.exec("DELETE FROM join_tokens WHERE token_id = ?", tokenId).rowsWritten > 0;
  }

  /**
   * Enrols an agent. A token works once; it is taken when the host's object has the key, so that a
   * failure before costs nothing but another try.
   */
  async join(request: JoinRequest): Promise<Result<{ host_id: string; name: string }>> {
    const hash = await hashSecret(request.token);
    const find = "SELECT name FROM join_tokens WHERE hash = ? AND expires_at > ?";
    const found = oneRow(this.#sql.exec<{ name: string | null }>(find, hash, Date.now()));
    if (!found) return badJoinToken();
    const host = { host_id: randomId(HOST_ID_BYTES), name: found.name ?? request.name };
    await vncHost(this.#env, host.host_id).enrol({ ...host, public_key: request.public_key });
    // Enrolling awaited: of two that come with the token, one is the host.
    const taken = this.#sql.exec("DELETE FROM join_tokens WHERE hash = ?", hash).rowsWritten > 0;
    if (!taken) {
      await vncHost(this.#env, host.host_id).revoke();
      return badJoinToken();
    }
    const insert = "INSERT INTO hosts (host_id, name, created_at) VALUES (?, ?, ?)";
    this.#sql.exec(insert, host.host_id, host.name, Date.now());
    return { ok: true, value: host };
  }

  list(limit: number): HostRow[] {
    const query = "SELECT * FROM hosts ORDER BY name, host_id LIMIT ?";
    return this.#sql.exec<HostRow>(query, limit).toArray();
  }

  has(hostId: string): boolean {
    const query = "SELECT 1 AS found FROM hosts WHERE host_id = ?";
    return oneRow(this.#sql.exec(query, hostId)) !== undefined;
  }

  /** Takes the addresses that a host says are its own, in place of those it said before. */
  setAddresses(hostId: string, addresses: readonly string[]): void {
    if (!this.has(hostId)) return; // removed meanwhile
    this.#sql.exec("DELETE FROM host_addresses WHERE host_id = ?", hostId);
    for (const address of addresses) {
      const insert = "INSERT OR IGNORE INTO host_addresses (address, host_id) VALUES (?, ?)";
      this.#sql.exec(insert, canonicalAddress(address), hostId);
    }
  }

  /** The hosts that say that an IP address is theirs: one, unless two networks use the same. */
  findByAddress(address: string): { host_id: string; name: string }[] {
    const query = `SELECT host_id, name FROM host_addresses JOIN hosts USING (host_id)
       WHERE address = ? ORDER BY name, host_id LIMIT ?`;
    return this.#sql
      .exec<{ host_id: string; name: string }>(query, canonicalAddress(address), MAX_OWNERS)
      .toArray();
  }

  /**
   * Forgets a host: its agent is cut off at once and cannot come back, its sessions end, and with
   * them the streams of an agent that does not cooperate. The host is listed until all of that is
   * done, so that a removal that failed can be repeated.
   * @param actor who removes it, for the audit
   * @returns false if there was none
   */
  async remove(hostId: string, actor: string): Promise<boolean> {
    if (!this.has(hostId)) return false;
    await vncHost(this.#env, hostId).revoke();
    const query = "SELECT session_id FROM sessions WHERE host_id = ? AND ended_at IS NULL";
    const open = this.#sql.exec<{ session_id: string }>(query, hostId).toArray();
    const reason = "The host was removed.";
    await Promise.all(open.map((row) => vncSession(this.#env, row.session_id).end(actor, reason)));
    this.#sql.exec("DELETE FROM hosts WHERE host_id = ?", hostId);
    this.#sql.exec("DELETE FROM host_addresses WHERE host_id = ?", hostId);
    log("registry.host_removed", { host: hostId, sessions: open.length });
    return true;
  }
}

function badJoinToken() {
  const detail = "This join token is unknown, used or expired; make a new one.";
  return refuse(401, "bad_join_token", detail);
}

/** A token is pasted into a command line, where one that began with a dash would be an option. */
const JOIN_TOKEN_PREFIX = "phj_";

/** So many of the hosts that claim one address are told. */
const MAX_OWNERS = 5;

/** Host ids are shown to people and stand in logs: short, and still not to be guessed. */
const HOST_ID_BYTES = 9;

type NewJoinToken = { token_id: string; token: string; expires_at: string };
export type JoinTokenInfo = {
  token_id: string;
  name: string | null;
  created_at: string;
  expires_at: string;
};

type JoinTokenRow = {
  token_id: string;
  hash: string;
  name: string | null;
  created_at: number;
  expires_at: number;
};

type HostRow = { host_id: string; name: string; created_at: number };

export const HOSTS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS join_tokens (
    token_id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT, created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS hosts (host_id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS host_addresses (
    address TEXT NOT NULL, host_id TEXT NOT NULL, PRIMARY KEY (address, host_id)
  );
`;

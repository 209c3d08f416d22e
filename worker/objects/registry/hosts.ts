import { RpcTarget } from "cloudflare:workers";
import type { JoinTokenInfo } from "../../../protocol/api.ts";
import { randomId } from "../../../protocol/ids.ts";
import { JOIN_TOKEN_TTL_MS } from "../../../protocol/limits.ts";
import type { JoinRequest } from "../../../protocol/link.ts";
import { type Env, vncHost, vncSession } from "../../env.ts";
import { hashSecret, newSecret } from "../../identity/secrets.ts";
import { log } from "../../log.ts";
import { type Result, refuse } from "../../problem.ts";
import { oneRow, rfc3339 } from "../storage.ts";
import type { Feed } from "./feed.ts";
import { HostAddresses } from "./host-addresses.ts";
import { HostStates } from "./host-states.ts";
import { SessionIndex } from "./session-index.ts";

/** The hosts that there are, and the tokens that let new ones join. */
export class Hosts extends RpcTarget {
  readonly #sql: SqlStorage;
  readonly #env: Env;
  readonly #feed: Feed;

  constructor(sql: SqlStorage, env: Env, feed: Feed) {
    super();
    this.#sql = sql;
    this.#env = env;
    this.#feed = feed;
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
    this.#feed.addHost(host.host_id, "joined");
    return { ok: true, value: host };
  }

  /** The oldest hosts after a place in the list. Whatever is renamed meanwhile, that place stays. */
  list(after: HostPlace | null, limit: number): HostPlace[] {
    const { created_at, host_id } = after ?? { created_at: -1, host_id: "" };
    const query = `SELECT created_at, host_id FROM hosts WHERE (created_at, host_id) > (?, ?)
       ORDER BY created_at, host_id LIMIT ?`;
    return this.#sql.exec<HostPlace>(query, created_at, host_id, limit).toArray();
  }

  has(hostId: string): boolean {
    const query = "SELECT 1 AS found FROM hosts WHERE host_id = ?";
    return oneRow(this.#sql.exec(query, hostId)) !== undefined;
  }

  /** The hosts that say that an IP address is theirs: one, unless two networks use the same. */
  findByAddress(address: string): { host_id: string; name: string }[] {
    return new HostAddresses(this.#sql).owners(address);
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
    const open = new SessionIndex(this.#sql, this.#feed).openOf(hostId);
    const reason = "The host was removed.";
    await Promise.all(open.map((id) => vncSession(this.#env, id).end(actor, reason)));
    this.#sql.exec("DELETE FROM hosts WHERE host_id = ?", hostId);
    new HostStates(this.#sql, this.#feed).forget(hostId);
    this.#feed.addHost(hostId, "removed");
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

/** Host ids are shown to people and stand in logs: short, and still not to be guessed. */
const HOST_ID_BYTES = 9;

type NewJoinToken = { token_id: string; token: string; expires_at: string };
type JoinTokenRow = {
  token_id: string;
  hash: string;
  name: string | null;
  created_at: number;
  expires_at: number;
};

/** A place in the list of hosts; `created_at` in ms since the epoch. */
export type HostPlace = { created_at: number; host_id: string };

export const HOSTS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS join_tokens (
    token_id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT, created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS hosts (host_id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS hosts_by_age ON hosts (created_at, host_id);
`;

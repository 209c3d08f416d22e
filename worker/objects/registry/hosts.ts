import { RpcTarget } from "cloudflare:workers";
import { randomId } from "../../../protocol/ids.ts";
import { JOIN_TOKEN_TTL_MS } from "../../../protocol/limits.ts";
import type { JoinRequest } from "../../../protocol/link.ts";
import { type Env, vncHost } from "../../env.ts";
import { hashSecret, newSecret } from "../../identity/secrets.ts";
import { log } from "../../log.ts";
import { type Result, refuse } from "../../problem.ts";
import { oneRow, rfc3339 } from "../storage.ts";

/** The hosts that there are, and the tokens that let new ones join. */
export class Hosts extends RpcTarget {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  readonly #env: Env;

  constructor(storage: DurableObjectStorage, env: Env) {
    super();
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#env = env;
  }

  async createJoinToken(name: string | null): Promise<NewJoinToken> {
    const token = newSecret();
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
    const query =
      "SELECT * FROM join_tokens WHERE host_id IS NULL AND expires_at > ? ORDER BY created_at DESC";
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
   * Enrols an agent. A token works once; the same key may come again with it, since an agent whose
   * answer was lost has no other way to learn that it was enrolled.
   */
  async join(request: JoinRequest): Promise<Result<{ host_id: string; name: string }>> {
    const hash = await hashSecret(request.token);
    const row = oneRow(
      this.#sql.exec<JoinTokenRow>("SELECT * FROM join_tokens WHERE hash = ?", hash),
    );
    if (!row || row.expires_at < Date.now()) {
      const detail = "This join token is unknown or has expired; make a new one.";
      return refuse(401, "bad_join_token", detail);
    }
    if (row.host_id !== null && row.public_key !== request.public_key) {
      return refuse(401, "used_join_token", "This join token was used already; make a new one.");
    }
    const hostId = row.host_id ?? randomId(HOST_ID_BYTES);
    const name = row.name ?? request.name;
    this.#storage.transactionSync(() => {
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
    await vncHost(this.#env, hostId).enrol({
      host_id: hostId,
      name,
      public_key: request.public_key,
    });
    return { ok: true, value: { host_id: hostId, name } };
  }

  list(): HostRow[] {
    return this.#sql.exec<HostRow>("SELECT * FROM hosts ORDER BY name, host_id").toArray();
  }

  has(hostId: string): boolean {
    const query = "SELECT 1 AS found FROM hosts WHERE host_id = ?";
    return oneRow(this.#sql.exec(query, hostId)) !== undefined;
  }

  /**
   * Forgets a host, and the token that it joined with: its agent is cut off at once and cannot come
   * back. @returns false if there was none
   */
  async remove(hostId: string): Promise<boolean> {
    const removed = this.#sql.exec("DELETE FROM hosts WHERE host_id = ?", hostId).rowsWritten > 0;
    if (!removed) return false;
    this.#sql.exec("DELETE FROM join_tokens WHERE host_id = ?", hostId);
    await vncHost(this.#env, hostId).revoke();
    log("registry.host_removed", { host: hostId });
    return true;
  }
}

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
  host_id: string | null;
  public_key: string | null;
};

type HostRow = { host_id: string; name: string; created_at: number };

export const HOSTS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS join_tokens (
    token_id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT, created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, host_id TEXT, public_key TEXT
  );
  CREATE TABLE IF NOT EXISTS hosts (host_id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL);
`;

import { RpcTarget } from "cloudflare:workers";
import type { PersonRole, SignIn } from "../../../protocol/api.ts";
import { randomId } from "../../../protocol/ids.ts";
import { JOIN_TOKEN_TTL_MS } from "../../../protocol/limits.ts";
import { LOGIN_TTL_MS } from "../../identity/cookies.ts";
import { hashSecret, newSecret } from "../../identity/secrets.ts";
import { type Result, refuse } from "../../problem.ts";
import { oneRow, rfc3339 } from "../storage.ts";

/** Signed-in browsers, and the links that sign one in. Only hashes of the secrets are kept. */
export class SignIns extends RpcTarget {
  readonly #sql: SqlStorage;
  readonly #isHeld: (via: string) => boolean;
  readonly #expiryChanged: () => Promise<void>;

  /**
   * @param isHeld whether a credential still is one
   * @param expiryChanged is called when `nextExpiry` may be earlier than it was
   */
  constructor(
    sql: SqlStorage,
    isHeld: (via: string) => boolean,
    expiryChanged: () => Promise<void>,
  ) {
    super();
    this.#sql = sql;
    this.#isHeld = isHeld;
    this.#expiryChanged = expiryChanged;
  }

  /** @returns the cookie's secret, and the id that it is listed under */
  async create(input: NewSignIn): Promise<{ secret: string; login_id: string }> {
    const secret = newSecret();
    const loginId = randomId(9);
    const hash = await hashSecret(secret);
    const now = Date.now();
    this.#sql.exec(
      `INSERT INTO logins (login_id, hash, name, role, address, user_agent, created_at, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      loginId,
      hash,
      input.name,
      input.role,
      input.address,
      input.user_agent?.slice(0, MAX_USER_AGENT_CHARACTERS) ?? null,
      now,
      now + LOGIN_TTL_MS,
    );
    await this.#expiryChanged();
    return { secret, login_id: loginId };
  }

  /** When the next of them expires, or one did that is not ended yet; null if there is none. */
  nextExpiry(): number | null {
    const query = "SELECT MIN(expires_at) AS at FROM logins";
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }

  /** Those whose time is over, and that may still have something open. */
  expired(): string[] {
    const query = "SELECT login_id FROM logins WHERE expires_at <= ?";
    const rows = this.#sql.exec<{ login_id: string }>(query, Date.now()).toArray();
    return rows.map(({ login_id }) => login_id);
  }

  /** Forgets one, once all that it had open is closed. */
  forget(loginId: string): void {
    this.#sql.exec("DELETE FROM logins WHERE login_id = ?", loginId);
  }

  find(hash: string): { login_id: string; name: string; role: PersonRole } | null {
    const query = "SELECT login_id, name, role FROM logins WHERE hash = ? AND expires_at > ?";
    type Found = { login_id: string; name: string; role: PersonRole };
    return oneRow(this.#sql.exec<Found>(query, hash, Date.now())) ?? null;
  }

  /** @param current the id of the browser that asks, if it is one */
  list(current: string | null): SignIn[] {
    return this.#sql
      .exec<LoginRow>(
        "SELECT * FROM logins WHERE expires_at > ? ORDER BY created_at DESC",
        Date.now(),
      )
      .toArray()
      .map((row) => ({
        login_id: row.login_id,
        name: row.name,
        role: row.role,
        address: row.address,
        user_agent: row.user_agent,
        created_at: rfc3339(row.created_at),
        expires_at: rfc3339(row.expires_at),
        current: row.login_id === current,
      }));
  }

  /**
   * A secret that signs one browser in, once, within the hour, while what made it is not revoked.
   * @param via the credential of who asks
   */
  async createLink(via: string): Promise<Result<{ secret: string; expires_at: string }>> {
    const secret = newSecret();
    const hash = await hashSecret(secret);
    // Between this and the row nothing else runs: a revocation finds it, or was seen here.
    if (!this.#isHeld(via)) return refuse(401, "revoked", "This credential was revoked.");
    const expiresAt = Date.now() + JOIN_TOKEN_TTL_MS;
    this.#sql.exec("DELETE FROM sign_in_links WHERE expires_at < ?", Date.now());
    const insert = "INSERT INTO sign_in_links (hash, expires_at, via) VALUES (?, ?, ?)";
    this.#sql.exec(insert, hash, expiresAt, via);
    return { ok: true, value: { secret, expires_at: rfc3339(expiresAt) } };
  }

  /** Ends the links that a credential made, with it. */
  revokeLinks(via: string): void {
    this.#sql.exec("DELETE FROM sign_in_links WHERE via = ?", via);
  }

  async redeemLink(
    hash: string,
    input: NewSignIn,
  ): Promise<Result<{ secret: string; login_id: string }>> {
    const query = "DELETE FROM sign_in_links WHERE hash = ? RETURNING expires_at, via";
    type Taken = { expires_at: number; via: string | null };
    const taken = oneRow(this.#sql.exec<Taken>(query, hash));
    const isHeld = taken !== undefined && (taken.via === null || this.#isHeld(taken.via));
    if (!isHeld || taken.expires_at < Date.now()) {
      return refuse(
        401,
        "bad_link",
        "This sign-in link was used or revoked, or has expired; sign in with the admin token.",
      );
    }
    return { ok: true, value: await this.create(input) };
  }
}

/** A browser says what it likes of itself; so much of it is kept. */
const MAX_USER_AGENT_CHARACTERS = 200;

export type NewSignIn = {
  name: string;
  role: PersonRole;
  address: string | null;
  user_agent: string | null;
};

type LoginRow = {
  login_id: string;
  name: string;
  role: PersonRole;
  address: string | null;
  user_agent: string | null;
  created_at: number;
  expires_at: number;
};

export const SIGN_INS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS logins (
    login_id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL,
    address TEXT, user_agent TEXT, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS sign_in_links (hash TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, via TEXT);
`;

/** Of links that an earlier version made nobody knows by what: those run out within the hour. */
export const LATER_SIGN_IN_LINK_COLUMNS = ["via TEXT"];

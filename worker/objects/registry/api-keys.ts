import { RpcTarget } from "cloudflare:workers";
import type { ApiKey, NewApiKey, PersonRole } from "../../../protocol/api.ts";
import { randomId } from "../../../protocol/ids.ts";
import { hashSecret, newSecret } from "../../identity/secrets.ts";
import { oneRow, rfc3339 } from "../storage.ts";

/** The keys of integrators. A key is shown once; its hash is kept. */
export class ApiKeys extends RpcTarget {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    super();
    this.#sql = sql;
  }

  async create(input: { name: string; role: PersonRole }): Promise<NewApiKey> {
    const key = KEY_PREFIX + newSecret();
    const keyId = randomId(9);
    const now = Date.now();
    this.#sql.exec(
      "INSERT INTO keys (key_id, hash, name, role, created_at) VALUES (?, ?, ?, ?, ?)",
      keyId,
      await hashSecret(key),
      input.name,
      input.role,
      now,
    );
    return {
      key_id: keyId,
      name: input.name,
      role: input.role,
      created_at: rfc3339(now),
      last_used_at: null,
      key,
    };
  }

  /** The key of that hash; notes its use, to the minute, so that a busy key does not write each time. */
  find(hash: string): { key_id: string; name: string; role: PersonRole } | null {
    const row = oneRow(this.#sql.exec<KeyRow>("SELECT * FROM keys WHERE hash = ?", hash));
    if (!row) return null;
    const now = Date.now();
    if (now - (row.last_used_at ?? 0) > LAST_USE_PRECISION_MS) {
      this.#sql.exec("UPDATE keys SET last_used_at = ? WHERE key_id = ?", now, row.key_id);
    }
    return { key_id: row.key_id, name: row.name, role: row.role };
  }

  list(): ApiKey[] {
    return this.#sql
      .exec<KeyRow>("SELECT * FROM keys ORDER BY created_at DESC")
      .toArray()
      .map((row) => ({
        key_id: row.key_id,
        name: row.name,
        role: row.role,
        created_at: rfc3339(row.created_at),
        last_used_at: row.last_used_at === null ? null : rfc3339(row.last_used_at),
      }));
  }
}

/** Tells a key apart from the admin token, and lets secret scanners find a leaked one. */
export const KEY_PREFIX = "phk_";

const LAST_USE_PRECISION_MS = 60_000;

type KeyRow = {
  key_id: string;
  name: string;
  role: PersonRole;
  created_at: number;
  last_used_at: number | null;
};

export const API_KEYS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS keys (
    key_id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL,
    created_at INTEGER NOT NULL, last_used_at INTEGER
  );
`;

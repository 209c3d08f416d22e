import { RpcTarget } from "cloudflare:workers";
import { type Result, refuse } from "../../problem.ts";
import { oneRow } from "../storage.ts";

/**
 * How long a creation is known by its Idempotency-Key. Sessions that it made are known for longer:
 * a repeat within this time always finds the session.
 */
const KEY_MEMORY_MS = 24 * 60 * 60_000;

/**
 * What was asked to be made with an Idempotency-Key. The id of what is made is written down here
 * before it is made, and making it again under the same id changes nothing: so of any number of
 * repeats, at once or after a crash between the two, all get the same one.
 */
export class Creations extends RpcTarget {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    super();
    this.#sql = sql;
  }

  /**
   * Notes a creation, or finds the one that was noted under its key.
   * @returns the id to make it under, which is `id` for a new one; 422 for a key that asked for
   *   something else before
   */
  claim({ key_hash, body_hash, id }: Claim): Result<string> {
    const now = Date.now();
    this.#sql.exec("DELETE FROM creations WHERE claimed_at <= ?", now - KEY_MEMORY_MS);
    const find = "SELECT body_hash, id FROM creations WHERE key_hash = ?";
    const known = oneRow(this.#sql.exec<{ body_hash: string; id: string }>(find, key_hash));
    if (!known) {
      const add = "INSERT INTO creations (key_hash, body_hash, id, claimed_at) VALUES (?, ?, ?, ?)";
      this.#sql.exec(add, key_hash, body_hash, id, now);
      return { ok: true, value: id };
    }
    if (known.body_hash === body_hash) return { ok: true, value: known.id };
    const detail = "This Idempotency-Key was used for another request; choose a new key.";
    return refuse(422, "idempotency_key_reused", detail);
  }
}

/** Both hashes tell nothing of the key, of its owner or of the body. */
export type Claim = { key_hash: string; body_hash: string; id: string };

export const CREATIONS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS creations (
    key_hash TEXT PRIMARY KEY, body_hash TEXT NOT NULL, id TEXT NOT NULL, claimed_at INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS creations_by_age ON creations (claimed_at);
`;

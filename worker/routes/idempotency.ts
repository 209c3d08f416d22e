import type { Context } from "hono";
import { MAX_IDEMPOTENCY_KEY_CHARACTERS } from "../../protocol/limits.ts";
import { registry } from "../env.ts";
import { type AppEnv, person } from "../identity/callers.ts";
import { hashSecret } from "../identity/secrets.ts";
import { ProblemError, unwrap } from "../problem.ts";

const PRINTABLE = /^[\x20-\x7e]+$/;

/**
 * The id to make something under: a repeat with the same Idempotency-Key, from the same credential
 * and with the same body, is given the id of the first.
 * @param id of what is made if this is no repeat
 * @param body as it was understood: how it is spaced, and what it leaves to defaults, is no matter
 * @throws {ProblemError} 400 for a key that can be none, 422 for one that came with another body
 */
export async function claimId(c: Context<AppEnv>, id: string, body: object): Promise<string> {
  const key = c.req.header("idempotency-key");
  if (key === undefined) return id;
  if (key.length > MAX_IDEMPOTENCY_KEY_CHARACTERS || !PRINTABLE.test(key)) {
    throw new ProblemError(
      400,
      "malformed_idempotency_key",
      `An Idempotency-Key is 1 to ${MAX_IDEMPOTENCY_KEY_CHARACTERS} printable ASCII characters.`,
    );
  }
  const [keyHash, bodyHash] = await Promise.all([
    hashSecret(`${c.req.routePath}\n${person(c).via}\n${key}`),
    // With the key, which is not stored: a body can hold a password short enough to be guessed.
    hashSecret(`${key}\n${JSON.stringify(body)}`),
  ]);
  const claim = { key_hash: keyHash, body_hash: bodyHash, id };
  return unwrap(await registry(c.env).creations.claim(claim));
}

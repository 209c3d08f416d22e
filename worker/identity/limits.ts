import type { Env } from "../env.ts";
import { ProblemError } from "../problem.ts";

/** The address a request comes from, as Cloudflare tells it; nothing that a client writes counts. */
export function clientAddress(request: Request): string {
  return request.headers.get("cf-connecting-ip") ?? "unknown";
}

/**
 * Counts an attempt with a secret, right or wrong, against its address.
 * @throws {ProblemError} 429 for an address with too many in a minute; others are not affected
 */
export async function limitAttempts(request: Request, env: Env): Promise<void> {
  const { success } = await env.ATTEMPTS.limit({ key: clientAddress(request) });
  if (success) return;
  throw new ProblemError(
    429,
    "too_many_attempts",
    "Too many attempts from your address; wait a minute and try again.",
  );
}

/** @throws {ProblemError} 429 for an address that opens too many WebSockets in a minute */
export async function limitUpgrades(request: Request, env: Env): Promise<void> {
  const { success } = await env.UPGRADES.limit({ key: clientAddress(request) });
  if (success) return;
  throw new ProblemError(
    429,
    "too_many_upgrades",
    "Too many connections from your address; wait a minute and try again.",
  );
}

import { type Env, registry } from "../env.ts";
import type { GuessKind } from "../objects/registry/failures.ts";
import { ProblemError, type Result, unwrap } from "../problem.ts";

/** The address a request comes from, as Cloudflare tells it; nothing that a client writes counts. */
export function clientAddress(request: Request): string {
  return request.headers.get("cf-connecting-ip") ?? "unknown";
}

/**
 * What is counted as one address: of IPv6 the first 64 bits, since one customer has all of the
 * addresses behind them.
 */
export function countedAddress(request: Request): string {
  const address = clientAddress(request);
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head.split(":").filter(Boolean);
  if (tail !== undefined) {
    const last = tail.split(":").filter(Boolean);
    while (groups.length + last.length < IPV6_GROUPS) groups.push("0");
    groups.push(...last);
  }
  const network = groups.slice(0, IPV6_GROUPS / 2);
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}

const IPV6_GROUPS = 8;

function tooManyFailures(): ProblemError {
  return new ProblemError(
    429,
    "too_many_failures",
    "Too many wrong secrets from your address; wait ten minutes and try again.",
  );
}

function tooManyAttempts(): ProblemError {
  return new ProblemError(
    429,
    "too_many_attempts",
    "Too many attempts from your address; wait a minute and try again.",
  );
}

/**
 * Whether a guess at the admin token may be answered, right or wrong. The registry decides on all
 * guesses in one order, so that no number of them at once gets past its bound.
 * @throws {ProblemError} 429 for an address that guessed wrong too often
 */
export async function hearGuess(
  request: Request,
  env: Env,
  kind: GuessKind,
  right: boolean,
): Promise<void> {
  const [counted, address] = [countedAddress(request), clientAddress(request)];
  const heard = await registry(env).failures.hear({ counted, address, kind, right });
  if (!heard) throw tooManyFailures();
}

/**
 * Runs something that takes a secret from its caller, and counts when it was the wrong one.
 * @throws {ProblemError} 429 for an address that guessed too often, before the secret is looked at
 */
export async function countFailures<Value>(
  request: Request,
  env: Env,
  kind: GuessKind,
  attempt: () => Promise<Result<Value>>,
): Promise<Value> {
  await hearGuess(request, env, kind, true);
  const result = await attempt();
  if (!result.ok && result.refusal.status === 401) await hearGuess(request, env, kind, false);
  return unwrap(result);
}

/**
 * Counts an attempt with a secret, right or wrong, against its address.
 * @throws {ProblemError} 429 for an address with too many in a minute; others are not affected
 */
export async function limitAttempts(request: Request, env: Env): Promise<void> {
  const { success } = await env.ATTEMPTS.limit({ key: countedAddress(request) });
  if (!success) throw tooManyAttempts();
}

/**
 * Looks a secret up that came with a request. What is not known to be good counts against its
 * address first: who sends secrets without end must not keep an object busy, and there is one
 * registry. Pages with many requests are not counted, nor is who shares an address with a sender.
 * @param hash of the secret
 * @throws {ProblemError} 429 for an address with too many in a minute, without looking
 */
export async function lookUp<Found>(
  request: Request,
  env: Env,
  hash: string,
  find: () => Promise<Found>,
): Promise<Found> {
  if (!known.has(hash)) {
    const { success } = await env.LOOKUPS.limit({ key: countedAddress(request) });
    if (!success) throw tooManyAttempts();
  }
  const found = await find();
  known.delete(hash);
  if (found !== null) known.add(hash);
  const [oldest] = known;
  if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest);
  return found;
}

/**
 * Secrets that were good when they were last looked up, the latest last, as this isolate knows. It
 * spares them the count and nothing else: whether they still are good is asked each time.
 */
const known = new Set<string>();
const MAX_KNOWN = 10_000;

/** @throws {ProblemError} 429 for an address that opens too many WebSockets in a minute */
export async function limitUpgrades(request: Request, env: Env): Promise<void> {
  const { success } = await env.UPGRADES.limit({ key: countedAddress(request) });
  if (success) return;
  throw new ProblemError(
    429,
    "too_many_upgrades",
    "Too many connections from your address; wait a minute and try again.",
  );
}

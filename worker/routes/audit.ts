import type { Context } from "hono";
import { registry } from "../env.ts";
import { type AppEnv, person } from "../identity/guard.ts";
import { clientAddress } from "../identity/limits.ts";
import { ProblemError } from "../problem.ts";

/** How many lines one page of the audit holds, if the caller does not say; and at most. */
const DEFAULT_PAGE = 50;
const MAX_PAGE = 200;

/** Writes down what the person of this request did. */
export async function record(
  c: Context<AppEnv>,
  action: string,
  target: string | null,
  detail: string | null = null,
): Promise<void> {
  await recordAs(c, person(c).via, action, target, detail);
}

/** The same for a request whose credential is no person's yet: a sign-in, an enrolment. */
export async function recordAs(
  c: Context<AppEnv>,
  actor: string,
  action: string,
  target: string | null,
  detail: string | null = null,
): Promise<void> {
  const address = clientAddress(c.req.raw);
  await registry(c.env).audit.add([{ actor, address, action, target, detail }]);
}

/** `GET /api/audit?cursor=&limit=`: the newest first. */
export async function listAudit(c: Context<AppEnv>): Promise<Response> {
  const cursor = wholeNumber(c, "cursor");
  const limit = wholeNumber(c, "limit") ?? DEFAULT_PAGE;
  return c.json(await registry(c.env).audit.page(cursor, Math.min(limit, MAX_PAGE)));
}

/** A number in the query. @throws {ProblemError} 400 if it is there and is no number from 1 up */
export function wholeNumber(c: Context<AppEnv>, name: string): number | null {
  const text = c.req.query(name);
  if (text === undefined) return null;
  if (!/^[1-9]\d{0,14}$/.test(text)) {
    throw new ProblemError(400, "invalid_query", `${name} must be a whole number from 1 up.`);
  }
  return Number(text);
}

import type { Context } from "hono";
import { ListAudit } from "../../protocol/api.ts";
import { DEFAULT_AUDIT_PAGE_ITEMS } from "../../protocol/limits.ts";
import { registry } from "../env.ts";
import { type AppEnv, person } from "../identity/callers.ts";
import { clientAddress } from "../identity/limits.ts";
import { readQuery } from "./body.ts";

/** Who an object is told did it, for its own lines of the audit. */
export function callerOf(c: Context<AppEnv>): { actor: string; address: string } {
  return { actor: person(c).via, address: clientAddress(c.req.raw) };
}

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
  const { cursor, limit = DEFAULT_AUDIT_PAGE_ITEMS } = readQuery(c, ListAudit);
  return c.json(await registry(c.env).audit.page(cursor ?? null, limit));
}

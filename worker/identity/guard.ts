import type { Context, Hono, MiddlewareHandler } from "hono";
import { type Env, registry } from "../env.ts";
import { ProblemError } from "../problem.ts";
import { isUpgrade, upgradeRequired } from "../sockets.ts";
import { readLoginCookie } from "./cookies.ts";
import { requireOrigin, requireOriginIfNamed } from "./origins.ts";
import { hashSecret, secretsEqual } from "./secrets.ts";

/** Who a request comes from. A ticket is only carried here; the object that made it checks it. */
export type Identity =
  | { kind: "operator"; name: string }
  | { kind: "ticket"; ticket: string }
  | { kind: "nobody" };

export type AppEnv = { Bindings: Env; Variables: { identity: Identity } };
type AppContext = Context<AppEnv>;

/** Every middleware that says what a route needs; `assertGuarded` looks for one on each route. */
const declarations = new WeakSet<MiddlewareHandler<AppEnv>>();

function declare(handler: MiddlewareHandler<AppEnv>): MiddlewareHandler<AppEnv> {
  declarations.add(handler);
  return handler;
}

/** What a route needs. Each route names one of these first; without one the app does not start. */
export const needs = {
  /** Open to all: what it does is harmless, or it checks a secret of its own in the body. */
  nobody: declare(async (c, next) => {
    c.set("identity", { kind: "nobody" });
    await next();
  }),

  /** An agent's upgrade: the host's or session's object checks the token. Refused by HTTP status. */
  agent: declare(async (c, next) => {
    if (!isUpgrade(c.req.raw)) return upgradeRequired();
    c.set("identity", { kind: "nobody" });
    await next();
    return undefined;
  }),

  /** The admin token as Bearer, or a signed-in cookie. */
  operator: declare(async (c, next) => {
    c.set("identity", await requireOperator(c, false));
    await next();
  }),

  /** A WebSocket for people: a ticket, a cookie or a Bearer token. */
  viewer: declare(async (c, next) => {
    if (!isUpgrade(c.req.raw)) return upgradeRequired();
    const ticket = c.req.query("ticket");
    if (ticket === undefined) {
      c.set("identity", await requireOperator(c, true));
    } else {
      requireOriginIfNamed(c.req.raw, c.env);
      c.set("identity", { kind: "ticket", ticket });
    }
    await next();
    return undefined;
  }),
};

async function requireOperator(c: AppContext, upgrade: boolean): Promise<Identity> {
  if (!c.env.ADMIN_TOKEN) {
    throw new ProblemError(
      503,
      "not_configured",
      "This edge has no ADMIN_TOKEN; set one with: wrangler secret put ADMIN_TOKEN",
    );
  }
  const authorization = c.req.header("authorization");
  if (authorization !== undefined) {
    const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    if (token !== undefined && (await secretsEqual(token, c.env.ADMIN_TOKEN))) {
      return { kind: "operator", name: "admin" };
    }
    throw new ProblemError(401, "bad_credential", "That token is not valid here.");
  }
  const cookie = readLoginCookie(c);
  if (cookie !== undefined && (await registry(c.env).hasLogin(await hashSecret(cookie)))) {
    requireOrigin(c.req.raw, c.env, upgrade);
    return { kind: "operator", name: "admin" };
  }
  throw new ProblemError(401, "not_signed_in", "Sign in, or send the admin token as Bearer.");
}

/**
 * Deny by default: a route that does not say what it needs is a mistake that must not be deployed.
 * @throws {Error} at start-up, naming the routes
 */
export function assertGuarded(app: Hono<AppEnv>): void {
  const guarded = new Set<string>();
  const all = new Set<string>();
  for (const route of app.routes) {
    if (route.path === "/*" || route.path === "/api/*") continue; // middleware, not routes
    const key = `${route.method} ${route.path}`;
    all.add(key);
    if (declarations.has(route.handler as MiddlewareHandler<AppEnv>)) guarded.add(key);
  }
  const open = [...all].filter((key) => !guarded.has(key));
  if (open.length > 0)
    throw new Error(`Routes that do not declare what they need: ${open.join(", ")}`);
}

import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { isUpgrade } from "../sockets.ts";
import type { AppEnv } from "./callers.ts";
import { decorate } from "./guard.ts";
import { isListed } from "./origins.ts";

/** How long a browser may remember what a preflight was answered. */
const PREFLIGHT_MAX_AGE_S = 600;

/**
 * What a browser has to be told so that a page of a listed origin may call and read. No credentials:
 * such a page sends a key or a ticket of its own, never the cookie of somebody who is signed in here.
 */
const forListed: MiddlewareHandler<AppEnv> = cors({
  origin: (origin) => origin,
  allowMethods: ["GET", "POST", "PATCH", "DELETE"],
  allowHeaders: ["authorization", "content-type", "idempotency-key", "if-none-match"],
  exposeHeaders: ["etag"],
  maxAge: PREFLIGHT_MAX_AGE_S,
});

/**
 * CORS for the origins that the operator listed: a preflight is answered here, without a credential,
 * since a browser sends none; everything else goes on to its route. Others are told nothing.
 */
export const shareWithListed = decorate(async (c, next) => {
  if (isUpgrade(c.req.raw)) return next(); // CORS is not for WebSockets
  const origin = c.req.header("origin");
  if (origin !== undefined && isListed(origin, c.env)) return forListed(c, next);
  await next();
  c.header("vary", "Origin", { append: true });
  return undefined;
});

import type { Context } from "hono";
import { Login } from "../../protocol/api.ts";
import { registry } from "../env.ts";
import { clearLoginCookie, readLoginCookie, writeLoginCookie } from "../identity/cookies.ts";
import type { AppEnv } from "../identity/guard.ts";
import { ownOrigin, requireOriginIfNamed } from "../identity/origins.ts";
import { hashSecret, secretsEqual } from "../identity/secrets.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { readBody } from "./body.ts";

/** `POST /api/login`: the admin token, or a one-time link's secret, for a cookie. */
export async function login(c: Context<AppEnv>): Promise<Response> {
  requireOriginIfNamed(c.req.raw, c.env);
  const body = await readBody(c, Login);
  if ("link" in body) {
    const hash = await hashSecret(body.link);
    writeLoginCookie(c, unwrap(await registry(c.env).redeemSignInLink(hash)));
    return c.body(null, 204);
  }
  const expected = c.env.ADMIN_TOKEN;
  if (!expected || !(await secretsEqual(body.admin_token, expected))) {
    throw new ProblemError(401, "bad_credential", "That token is not valid here.");
  }
  writeLoginCookie(c, await registry(c.env).createLogin());
  return c.body(null, 204);
}

/** `POST /api/logout`: ends the sign-in of this browser; harmless without one. */
export async function logout(c: Context<AppEnv>): Promise<Response> {
  requireOriginIfNamed(c.req.raw, c.env);
  const cookie = readLoginCookie(c);
  if (cookie !== undefined) await registry(c.env).endLogin(await hashSecret(cookie));
  clearLoginCookie(c);
  return c.body(null, 204);
}

/** `POST /api/login/links`: a link that signs one browser in, once, within the hour. */
export async function createSignInLink(c: Context<AppEnv>): Promise<Response> {
  const { secret, expires_at } = await registry(c.env).createSignInLink();
  const url = `${ownOrigin(c.req.raw)}/sign-in#${secret}`;
  return c.json({ url, expires_at: new Date(expires_at).toISOString() }, 201);
}

import type { Context } from "hono";
import * as v from "valibot";
import {
  CreateKey,
  Login,
  type Me,
  type Page,
  PersonKind,
  type SignIn,
} from "../../protocol/api.ts";
import { registry, vncSession } from "../env.ts";
import { type AppEnv, type Guests, loginOf, person } from "../identity/callers.ts";
import { clearLoginCookie, writeLoginCookie } from "../identity/cookies.ts";
import { GUEST_NAME } from "../identity/grants.ts";
import { clientAddress, countFailures, hearGuess } from "../identity/limits.ts";
import { ownOrigin, requireOriginIfNamed, requireOwnOrigin } from "../identity/origins.ts";
import { hashSecret, secretsEqual } from "../identity/secrets.ts";
import type { NewSignIn } from "../objects/registry/sign-ins.ts";
import { rfc3339 } from "../objects/storage.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { record, recordAs } from "./audit.ts";
import { pathId, readBody } from "./body.ts";

/** `POST /api/login`: the admin token, or a one-time link's secret, for a cookie. */
export async function login(c: Context<AppEnv>): Promise<Response> {
  const body = await readBody(c, Login);
  const browser: NewSignIn = {
    name: "admin",
    role: "admin",
    address: clientAddress(c.req.raw),
    user_agent: c.req.header("user-agent") ?? null,
  };
  const { signIns } = registry(c.env);
  const { secret, login_id } =
    "link" in body
      ? await countFailures(c.req.raw, c.env, "login", async () =>
          signIns.redeemLink(await hashSecret(body.link), browser),
        )
      : await checkAdminToken(c, body.admin_token).then(() => signIns.create(browser));
  writeLoginCookie(c, secret);
  const by = "link" in body ? "sign-in link" : "admin token";
  await recordAs(c, by, "login.created", login_id, browser.user_agent);
  return c.body(null, 204);
}

/** @throws {ProblemError} 401 if it is wrong, 429 from an address that guessed too often */
async function checkAdminToken(c: Context<AppEnv>, token: string): Promise<void> {
  const expected = c.env.ADMIN_TOKEN;
  const right = Boolean(expected) && (await secretsEqual(token, expected ?? ""));
  await hearGuess(c.req.raw, c.env, "login", right);
  if (!right) throw new ProblemError(401, "bad_credential", "That token is not valid here.");
}

/** `POST /api/logout`: ends the sign-in of this browser; harmless without one. */
export async function logout(c: Context<AppEnv>): Promise<Response> {
  requireOriginIfNamed(c.req.raw, c.env);
  const found = await loginOf(c);
  if (found) {
    requireOwnOrigin(c.req.raw, false);
    const via = `login:${found.login_id}`;
    await registry(c.env).revoke(via, "You signed out.");
    await recordAs(c, via, "login.ended", found.login_id);
  }
  clearLoginCookie(c);
  return c.body(null, 204);
}

/** `GET /api/me`: who the edge takes the caller for. */
export async function whoAmI(c: Context<AppEnv>): Promise<Response> {
  const identity = c.get("identity");
  const me: Me = identity.kind === "guests" ? await describeGuests(c, identity) : await describe(c);
  return c.json(me);
}

async function describe(c: Context<AppEnv>): Promise<Me> {
  const { name, role, via, until } = person(c);
  const [word = "", id] = via.split(":", 2);
  const kind = v.parse(PersonKind, word.replace(" ", "_"));
  const expires_at =
    kind === "login"
      ? await registry(c.env)
          .signIns.list(id ?? null)
          .then((all) => all.find((one) => one.current)?.expires_at ?? null)
      : until === undefined
        ? null
        : rfc3339(until);
  return { kind, name, role, expires_at, sessions: [], support_room: null };
}

async function describeGuests(c: Context<AppEnv>, { sessions, support }: Guests): Promise<Me> {
  const described = sessions.map(async ({ session, role, via }) => {
    const links = await vncSession(c.env, session).listLinks();
    const link = links.ok && links.value.find(({ link_id }) => via === `link:${link_id}`);
    return { session_id: session, role, expires_at: link ? link.expires_at : null };
  });
  return {
    kind: "guest",
    name: support?.name ?? GUEST_NAME,
    role: null,
    expires_at: null,
    sessions: await Promise.all(described),
    support_room: support?.room ?? null,
  };
}

/** `POST /api/login/links`: a link that signs one browser in, once, within the hour. */
export async function createSignInLink(c: Context<AppEnv>): Promise<Response> {
  const made = registry(c.env).signIns.createLink(person(c).via);
  const { secret, expires_at } = unwrap(await made);
  await record(c, "sign_in_link.created", null);
  const url = `${ownOrigin(c.req.raw)}/sign-in#${secret}`;
  return c.json({ url, expires_at }, 201);
}

/** `GET /api/logins`: the browsers that are signed in. */
export async function listLogins(c: Context<AppEnv>): Promise<Response> {
  const { via } = person(c);
  const current = via.startsWith("login:") ? via.slice("login:".length) : null;
  const items = await registry(c.env).signIns.list(current);
  return c.json({ items, next_cursor: null } satisfies Page<SignIn>);
}

/** `DELETE /api/logins/:id`: signs a browser out, and closes what it has open. */
export async function endLogin(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "id");
  const ended = await registry(c.env).revoke(`login:${id}`, "This browser was signed out.");
  if (!ended) throw new ProblemError(404, "no_such_login", "There is no such sign-in.");
  await record(c, "login.ended", id);
  return c.body(null, 204);
}

/** `GET /api/keys` */
export async function listKeys(c: Context<AppEnv>): Promise<Response> {
  return c.json({ items: await registry(c.env).apiKeys.list(), next_cursor: null });
}

/** `POST /api/keys`: the only answer that holds the key. */
export async function createKey(c: Context<AppEnv>): Promise<Response> {
  const body = await readBody(c, CreateKey);
  const created = await registry(c.env).apiKeys.create(body);
  await record(c, "key.created", created.key_id, `${body.name} as ${body.role}`);
  return c.json(created, 201);
}

/** `DELETE /api/keys/:id`: the key is refused from now on, and what it opened is closed. */
export async function revokeKey(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "id");
  const revoked = await registry(c.env).revoke(`key:${id}`, "The API key was revoked.");
  if (!revoked) throw new ProblemError(404, "no_such_key", "There is no such API key.");
  await record(c, "key.revoked", id);
  return c.body(null, 204);
}

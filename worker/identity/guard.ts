import type { Context, Hono, MiddlewareHandler } from "hono";
import type { PersonRole } from "../../protocol/api.ts";
import { isId, ROOM_PATTERN } from "../../protocol/ids.ts";
import type { Role } from "../../protocol/link.ts";
import { chatRoom, type Env, registry, vncSession } from "../env.ts";
import { KEY_PREFIX } from "../objects/registry/api-keys.ts";
import { ProblemError } from "../problem.ts";
import { isUpgrade, upgradeRequired } from "../sockets.ts";
import { ACCESS_HEADER, verifyAccess } from "./access.ts";
import { bearerToken } from "./bearer.ts";
import { readGuestCookie, readLoginCookie, readSupportCookie } from "./cookies.ts";
import { hearGuess, limitAttempts, limitUpgrades, lookUp } from "./limits.ts";
import { requireOriginIfNamed, requireOwnOrigin } from "./origins.ts";
import { hashSecret, secretsEqual } from "./secrets.ts";

/**
 * A person, or software with a key. `via` names the credential, for revoking and the audit;
 * `signedIn` says that a person came with it themselves, not software that may act for many.
 */
export type Person = {
  kind: "person";
  name: string;
  role: PersonRole;
  via: string;
  signedIn: boolean;
};

/** Somebody who came by a share link: nobody, in any session but the one that it is for. */
export type GuestIdentity = {
  kind: "guest";
  session: string;
  role: Role;
  via: string;
  /** Tells the guests of one link apart. */
  guest: string;
};

/** Somebody who opened a support room: nobody, but in that one. */
type SupportGuest = { kind: "support"; room: string; name: string; via: string };

/** Who a request comes from. A ticket is only carried here; the object that made it checks it. */
export type Identity =
  | Person
  | GuestIdentity
  | SupportGuest
  | { kind: "ticket"; ticket: string }
  | { kind: "nobody" };

export type AppEnv = { Bindings: Env; Variables: { identity: Identity } };
type AppContext = Context<AppEnv>;

type Guard = MiddlewareHandler<AppEnv>;

/** Every middleware that says what a route needs; `assertGuarded` looks for one on each route. */
const declarations = new WeakMap<Guard, Need>();

/** The names of {@link needs}. */
export type Need =
  | PersonRole
  | ("nobody" | "secret" | "agent" | "guest" | "room" | "supportGuest" | "socket" | "watcher");

function declare(need: Need, handler: Guard): Guard {
  declarations.set(handler, need);
  return handler;
}

/** What a handler of a route says that the route needs, if it is one that says so. */
export function needOf(handler: unknown): Need | undefined {
  return declarations.get(handler as Guard);
}

function needsRole(role: PersonRole): Guard {
  return declare(role, async (c, next) => {
    const person = await requirePerson(c, false);
    if (RANK[person.role] < RANK[role]) {
      throw new ProblemError(
        403,
        "role_too_low",
        `This needs the role ${role}; yours is ${person.role}.`,
      );
    }
    c.set("identity", person);
    await next();
  });
}

/** Each role includes what the lower ones may. */
const RANK: Record<PersonRole, number> = { viewer: 0, operator: 1, admin: 2 };

/** What a route needs. Each route names one of these first; without one the app does not start. */
export const needs = {
  /** Open to all, and harmless. */
  nobody: declare("nobody", async (c, next) => {
    c.set("identity", { kind: "nobody" });
    await next();
  }),

  /** Open to all, for it checks a secret in its body; so many attempts an address has a minute. */
  secret: declare("secret", async (c, next) => {
    requireOriginIfNamed(c.req.raw, c.env);
    await limitAttempts(c.req.raw, c.env);
    c.set("identity", { kind: "nobody" });
    await next();
  }),

  /** An agent's upgrade: the host's or session's object checks the token. Refused by HTTP status. */
  agent: declare("agent", async (c, next) => {
    if (!isUpgrade(c.req.raw)) return upgradeRequired();
    await limitUpgrades(c.req.raw, c.env);
    c.set("identity", { kind: "nobody" });
    await next();
    return undefined;
  }),

  /** A person or a key of that role or a higher one. */
  viewer: needsRole("viewer"),
  operator: needsRole("operator"),
  admin: needsRole("admin"),

  /** What a guest of the session may do too; `:id` in the path names it. */
  guest: declare("guest", async (c, next) => {
    const guest = await guestOf(c, c.req.param("id"), false);
    c.set("identity", guest ?? (await requirePerson(c, false)));
    await next();
  }),

  /** What a guest of the room may do too, of its session or of support; `:room` names it. */
  room: declare("room", async (c, next) => {
    const room = ROOM_PATTERN.exec(c.req.param("room") ?? "");
    const guest = await guestOfRoom(c, room, false);
    c.set("identity", guest ?? (await requirePerson(c, false)));
    await next();
  }),

  /** What the guest of a support room does before it has a name: the browser's own, if any. */
  supportGuest: declare("supportGuest", async (c, next) => {
    requireOriginIfNamed(c.req.raw, c.env);
    c.set("identity", (await supportGuestOf(c, false)) ?? { kind: "nobody" });
    await next();
  }),

  /** A WebSocket for people: with a ticket, as a guest of the session, or as a person. */
  socket: declare("socket", async (c, next) => {
    if (!isUpgrade(c.req.raw)) return upgradeRequired();
    await limitUpgrades(c.req.raw, c.env);
    const ticket = c.req.query("ticket");
    if (ticket === undefined) {
      const room = ROOM_PATTERN.exec(c.req.query("room") ?? "");
      const id = c.req.param("id") ?? c.req.query("session");
      const guest = await (id === undefined ? guestOfRoom(c, room, true) : guestOf(c, id, true));
      c.set("identity", guest ?? (await requirePerson(c, true)));
    } else {
      requireOriginIfNamed(c.req.raw, c.env);
      c.set("identity", { kind: "ticket", ticket });
    }
    await next();
    return undefined;
  }),

  /** A WebSocket for persons and keys of any role: of no session, so there is no ticket or guest. */
  watcher: declare("watcher", async (c, next) => {
    if (!isUpgrade(c.req.raw)) return upgradeRequired();
    await limitUpgrades(c.req.raw, c.env);
    c.set("identity", await requirePerson(c, true));
    await next();
    return undefined;
  }),
};

/** The person of a route that needs one. */
export function person(c: AppContext): Person {
  const identity = c.get("identity");
  if (identity.kind === "person") return identity;
  throw new ProblemError(401, "not_signed_in", "Sign in first.");
}

/** The guest of a room: of its session, or who opened it; `room` is what ROOM_PATTERN found. */
async function guestOfRoom(
  c: AppContext,
  room: RegExpExecArray | null,
  upgrade: boolean,
): Promise<GuestIdentity | SupportGuest | null> {
  if (room?.[1] === "session") return guestOf(c, room[2], upgrade);
  return room ? supportGuestOf(c, upgrade) : null;
}

/** The guest whose support room this browser has a cookie for. A person comes first here, too. */
async function supportGuestOf(c: AppContext, upgrade: boolean): Promise<SupportGuest | null> {
  const cookie = readSupportCookie(c);
  if (!cookie || c.req.header("authorization") !== undefined || (await loginOf(c))) return null;
  const room = `support:${cookie.id}`;
  const hash = await hashSecret(cookie.secret);
  const guest = await lookUp(c.req.raw, c.env, hash, () =>
    chatRoom(c.env, room).supportGuest(hash),
  );
  if (!guest) return null;
  requireOwnOrigin(c.req.raw, upgrade);
  return { kind: "support", room, name: guest.name, via: room };
}

/**
 * The guest whose cookie this browser has for that session, if it has one. Any credential that
 * names a person comes first.
 */
async function guestOf(
  c: AppContext,
  sessionId: string | undefined,
  upgrade: boolean,
): Promise<GuestIdentity | null> {
  if (sessionId === undefined || !isId(sessionId)) return null;
  if (c.req.header("authorization") !== undefined) return null;
  const cookie = readGuestCookie(c, sessionId);
  if (cookie === undefined) return null;
  // A browser keeps the cookie of a sign-in that was ended: it names nobody any more.
  if (await loginOf(c)) return null;
  const hash = await hashSecret(cookie);
  const find = () => vncSession(c.env, sessionId).findGuest(hash);
  const guest = await lookUp(c.req.raw, c.env, hash, find);
  if (!guest)
    throw new ProblemError(
      401,
      "link_over",
      "The link that you came by is over; ask for a new one.",
    );
  requireOwnOrigin(c.req.raw, upgrade);
  const { role, link_id, guest_id } = guest;
  return { kind: "guest", session: sessionId, role, via: `link:${link_id}`, guest: guest_id };
}

/** @throws {ProblemError} 401 without a credential that holds, 403 from a foreign page */
async function requirePerson(c: AppContext, upgrade: boolean): Promise<Person> {
  if (!c.env.ADMIN_TOKEN) {
    throw new ProblemError(
      503,
      "not_configured",
      "This edge has no ADMIN_TOKEN; set one with: wrangler secret put ADMIN_TOKEN",
    );
  }
  if (c.req.header("authorization") !== undefined) {
    const token = bearerToken(c.req.raw) ?? "";
    const { ADMIN_TOKEN } = c.env;
    const hash = await hashSecret(token);
    const find = () => personOfBearer(c, token, hash, ADMIN_TOKEN);
    const bearer = await lookUp(c.req.raw, c.env, hash, find);
    if (bearer) return bearer;
    await limitAttempts(c.req.raw, c.env);
    throw new ProblemError(401, "bad_credential", "That token is not valid here.");
  }
  // What follows a browser sends by itself, from any page: only our own pages may use it.
  const login = await loginOf(c);
  if (login) {
    requireOwnOrigin(c.req.raw, upgrade);
    const { name, role, login_id } = login;
    return { kind: "person", name, role, via: `login:${login_id}`, signedIn: true };
  }
  const assertion = c.req.header(ACCESS_HEADER);
  if (assertion !== undefined) {
    const vouched = await verifyAccess(assertion, c.env);
    if (vouched) {
      requireOwnOrigin(c.req.raw, upgrade);
      return { kind: "person", ...vouched, via: `access:${vouched.name}`, signedIn: true };
    }
  }
  throw new ProblemError(401, "not_signed_in", "Sign in, or send a token as Bearer.");
}

/** The sign-in of this browser's cookie, if it has one that still holds. */
export async function loginOf(c: AppContext) {
  const cookie = readLoginCookie(c);
  if (cookie === undefined) return null;
  const hash = await hashSecret(cookie);
  return lookUp(c.req.raw, c.env, hash, async () => registry(c.env).signIns.find(hash));
}

async function personOfBearer(
  c: AppContext,
  token: string,
  hash: string,
  adminToken: string,
): Promise<Person | null> {
  if (!token.startsWith(KEY_PREFIX)) {
    // People choose the admin token, so it may be guessed; a key is 256 random bits.
    const right = await secretsEqual(token, adminToken);
    await hearGuess(c.req.raw, c.env, "token", right);
    const via = "admin token";
    return right ? { kind: "person", name: "admin", role: "admin", via, signedIn: false } : null;
  }
  const key = await registry(c.env).apiKeys.find(hash);
  if (!key) return null;
  const { name, role, key_id } = key;
  return { kind: "person", name, role, via: `key:${key_id}`, signedIn: false };
}

/** What stands before routes and opens none: it adds to their answers, or answers a preflight. */
const decorations = new WeakSet<Guard>();

/** Declares a middleware to be such a one; `assertGuarded` lets no other stand before a route. */
export function decorate(handler: Guard): Guard {
  decorations.add(handler);
  return handler;
}

/**
 * Deny by default: a route whose first handler does not say what it needs is a mistake that must
 * not be deployed. Nothing tells a middleware from a route that catches all but its own word.
 * @throws {Error} at start-up, naming the routes
 */
export function assertGuarded(app: Hono<AppEnv>): void {
  const first = new Map<string, unknown>();
  for (const { method, path, handler } of app.routes) {
    const key = `${method} ${path}`;
    if (!decorations.has(handler as Guard) && !first.has(key)) first.set(key, handler);
  }
  const open = [...first].filter(([, handler]) => !declarations.has(handler as Guard));
  if (open.length > 0) {
    const names = open.map(([key]) => key).join(", ");
    throw new Error(`Routes that do not declare what they need: ${names}`);
  }
}

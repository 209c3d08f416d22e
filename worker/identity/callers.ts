import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import type { PersonRole } from "../../protocol/api.ts";
import { isId } from "../../protocol/ids.ts";
import type { Role } from "../../protocol/link.ts";
import { chatRoom, type Env, registry, vncSession } from "../env.ts";
import { KEY_PREFIX } from "../objects/registry/api-keys.ts";
import { ProblemError } from "../problem.ts";
import { wrongSetting } from "../settings.ts";
import { ACCESS_COOKIE, ACCESS_HEADER, verifyAccess } from "./access.ts";
import { bearerToken } from "./bearer.ts";
import { guestSessions, readGuestCookie, readLoginCookie, readSupportCookie } from "./cookies.ts";
import { hearGuess, limitAttempts, lookUp } from "./limits.ts";
import { requireOwnOrigin } from "./origins.ts";
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
  /** When what vouches for them ends, in ms since the epoch, where it says so itself. */
  until?: number;
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

/** All that a browser may enter which no person has signed in with. */
export type Guests = { kind: "guests"; sessions: GuestIdentity[]; support: SupportGuest | null };

/** Who a request comes from. A ticket is only carried here; the object that made it checks it. */
export type Identity =
  | Person
  | GuestIdentity
  | SupportGuest
  | Guests
  | { kind: "ticket"; ticket: string }
  | { kind: "nobody" };

export type AppEnv = { Bindings: Env; Variables: { identity: Identity } };
export type AppContext = Context<AppEnv>;

/** The person of a route that needs one. */
export function person(c: AppContext): Person {
  const identity = c.get("identity");
  if (identity.kind === "person") return identity;
  throw new ProblemError(401, "not_signed_in", "Sign in first.");
}

/** The person or key that a call comes from; null for one that names none. */
export async function personIfAny(c: AppContext): Promise<Person | null> {
  try {
    return await requirePerson(c, false);
  } catch (error) {
    if (error instanceof ProblemError && error.refusal.code === "not_signed_in") return null;
    throw error;
  }
}

/** More invitations than this at once nobody has to be told of. */
const MAX_TOLD_SESSIONS = 8;

/** @throws {ProblemError} 401 if this browser is nobody's guest (any more) */
export async function guestsOf(c: AppContext): Promise<Guests> {
  const invited = guestSessions(c, MAX_TOLD_SESSIONS);
  const [support, ...found] = await Promise.all([
    supportGuestOf(c, false),
    ...invited.map((id) => guestOf(c, id, false).catch(nobodyIfOver)),
  ]);
  const sessions = found.filter((guest) => guest !== null);
  if (sessions.length === 0 && !support) throw notSignedIn();
  return { kind: "guests", sessions, support };
}

function nobodyIfOver(error: unknown): null {
  if (error instanceof ProblemError && error.refusal.code === "link_over") return null;
  throw error;
}

function notSignedIn(): ProblemError {
  return new ProblemError(401, "not_signed_in", "Sign in, or send a token as Bearer.");
}

/** The guest of a room: of its session, or who opened it; `room` is what ROOM_PATTERN found. */
export async function guestOfRoom(
  c: AppContext,
  room: RegExpExecArray | null,
  upgrade: boolean,
): Promise<GuestIdentity | SupportGuest | null> {
  if (room?.[1] === "session") return guestOf(c, room[2], upgrade);
  return room ? supportGuestOf(c, upgrade) : null;
}

/** The guest whose support room this browser has a cookie for. A person comes first here, too. */
export async function supportGuestOf(
  c: AppContext,
  upgrade: boolean,
): Promise<SupportGuest | null> {
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
export async function guestOf(
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
export async function requirePerson(c: AppContext, upgrade: boolean): Promise<Person> {
  if (!c.env.ADMIN_TOKEN) {
    throw new ProblemError(
      503,
      "not_configured",
      "This edge has no ADMIN_TOKEN; set one with: wrangler secret put ADMIN_TOKEN",
    );
  }
  const wrong = wrongSetting(c.env);
  if (wrong !== null) throw new ProblemError(503, "not_configured", wrong);
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
  const assertion = c.req.header(ACCESS_HEADER) ?? getCookie(c, ACCESS_COOKIE);
  if (assertion !== undefined) {
    const vouched = await verifyAccess(assertion, c.env);
    if (vouched) {
      requireOwnOrigin(c.req.raw, upgrade);
      return { kind: "person", ...vouched, via: `access:${vouched.name}`, signedIn: true };
    }
  }
  throw notSignedIn();
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

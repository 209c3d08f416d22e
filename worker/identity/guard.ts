import type { Hono, MiddlewareHandler } from "hono";
import type { PersonRole } from "../../protocol/api.ts";
import { ROOM_PATTERN } from "../../protocol/ids.ts";
import { ProblemError } from "../problem.ts";
import { isUpgrade, upgradeRequired } from "../sockets.ts";
import {
  type AppEnv,
  guestOf,
  guestOfRoom,
  guestsOf,
  personIfAny,
  requirePerson,
  supportGuestOf,
} from "./callers.ts";
import { limitAttempts, limitUpgrades } from "./limits.ts";
import { requireOriginIfNamed } from "./origins.ts";

type Guard = MiddlewareHandler<AppEnv>;

/** Every middleware that says what a route needs; `assertGuarded` looks for one on each route. */
const declarations = new WeakMap<Guard, Need>();

/** The names of {@link needs}. */
export type Need =
  | PersonRole
  | ("nobody" | "secret" | "agent" | "self" | "guest" | "room" | "supportGuest" | "socket")
  | "watcher";

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

  /** Whoever there is to tell about: a person or a key, else all that this browser is a guest of. */
  self: declare("self", async (c, next) => {
    c.set("identity", (await personIfAny(c)) ?? (await guestsOf(c)));
    await next();
  }),

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

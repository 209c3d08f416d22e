import type { Context } from "hono";
import type { Role } from "../../protocol/link.ts";
import { chatRoom, registry } from "../env.ts";
import type { Grant } from "../objects/session/entry.ts";
import { ProblemError } from "../problem.ts";
import { type AppEnv, type GuestIdentity, person } from "./callers.ts";

/** What somebody is called who came by a share link and gave no name. */
export const GUEST_NAME = "Guest";

/** What somebody is called whom the software that asks for their ticket does not name. */
const UNNAMED = "Viewer";

/**
 * What this request's person or guest may do in a session, as themselves.
 * @throws {ProblemError} 403 for a guest of another session, 401 for a credential that is gone
 */
export async function grantOf(c: Context<AppEnv>, sessionId: string): Promise<Grant> {
  const identity = c.get("identity");
  if (identity.kind === "guest") {
    if (identity.session !== sessionId) {
      throw new ProblemError(403, "other_session", "Your link is for another session.");
    }
    return guestGrant(identity);
  }
  const { name, role, via } = person(c);
  await noteUse(c, sessionId);
  const staff = role !== "viewer";
  return { role: staff ? "control" : "view", name, via, person: via, staff };
}

/**
 * What a ticket for this request's person or guest, or for whom its software asks, lets do.
 * @param name what they are called; who is signed in and guests stay the same person by any name
 * @throws {ProblemError} 403 for a role that is higher than their own, and as {@link grantOf} does
 */
export async function ticketGrantOf(
  c: Context<AppEnv>,
  sessionId: string,
  role: Role,
  name?: string,
): Promise<Grant> {
  const who = await grantOf(c, sessionId);
  if (who.role === "view" && role === "control") {
    throw new ProblemError(403, "role_too_low", "You may watch here, not control.");
  }
  const identity = c.get("identity");
  if (identity.kind !== "person" || identity.signedIn) {
    return { ...who, role, name: name ?? who.name };
  }
  // Software hands its tickets to people of its own: their names tell them apart.
  const called = name ?? UNNAMED;
  return { role, name: called, via: who.via, person: `${who.via} for ${called}`, staff: false };
}

/**
 * What this request's person or guest may do in a support room.
 * @param room its whole name
 * @throws {ProblemError} 403 for whom it is not for, 401 for a credential that is gone
 */
export async function supportGrantOf(c: Context<AppEnv>, room: string): Promise<Grant> {
  const identity = c.get("identity");
  if (identity.kind === "support") {
    if (identity.room !== room) {
      throw new ProblemError(403, "other_room", "That is somebody else's support room.");
    }
    const { name, via } = identity;
    return { role: "view", name, via, person: via, staff: false };
  }
  const { role, name, via } = person(c);
  if (role === "viewer") {
    throw new ProblemError(403, "role_too_low", "Support rooms are for operators.");
  }
  if (!(await chatRoom(c.env, room).isSupportRoom())) {
    throw new ProblemError(404, "no_such_room", "There is no such room.");
  }
  await noteUse(c, room);
  return { role: "view", name, via, person: via, staff: true };
}

/** What somebody who came by a share link may do. */
export function guestGrant({ role, via, guest }: Omit<GuestIdentity, "kind" | "session">): Grant {
  return { role, name: GUEST_NAME, via, person: `guest:${guest}`, staff: false };
}

/**
 * Notes that this person's credential opens something of a session, or a support room by its whole
 * name, so that revoking it closes it.
 * @throws {ProblemError} 401 if it was revoked in this moment
 */
async function noteUse(c: Context<AppEnv>, sessionId: string): Promise<void> {
  if (await registry(c.env).noteUse(person(c).via, sessionId)) return;
  throw new ProblemError(401, "revoked", "This credential was revoked.");
}

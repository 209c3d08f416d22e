import type { Context } from "hono";
import { CreateLink, RedeemLink, type ShareLink, type Ticket } from "../../protocol/api.ts";
import { vncSession } from "../env.ts";
import type { AppEnv } from "../identity/callers.ts";
import { writeGuestCookie } from "../identity/cookies.ts";
import { guestGrant } from "../identity/grants.ts";
import { countFailures } from "../identity/limits.ts";
import { listedOrigins, ownOrigin } from "../identity/origins.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { record, recordAs } from "./audit.ts";
import { pathId, readBody } from "./body.ts";

/** `POST /api/vnc/session/:id/links`: the only answer that holds the link's secret. */
export async function createLink(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "id");
  const { role, label = null, ttl_seconds, max_uses = null } = await readBody(c, CreateLink);
  const input = { role, label, max_uses, expires_at: Date.now() + ttl_seconds * 1000 };
  const { secret, ...link } = unwrap(await vncSession(c.env, id).createLink(input));
  await record(c, "link.created", id, `${link.link_id}, ${role}${label ? `, ${label}` : ""}`);
  // A fragment stays in the browser: no server, proxy or log sees it.
  return c.json({ ...link, url: `${ownOrigin(c.req.raw)}/share#${secret}` }, 201);
}

/** `GET /api/vnc/session/:id/links` */
export async function listLinks(c: Context<AppEnv>): Promise<Response> {
  const items: ShareLink[] = unwrap(await vncSession(c.env, pathId(c, "id")).listLinks());
  return c.json({ items, next_cursor: null });
}

/** `DELETE /api/vnc/session/:id/links/:link_id`: who came by it is closed. */
export async function revokeLink(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "id");
  const linkId = pathId(c, "link_id");
  if (!unwrap(await vncSession(c.env, id).revokeLink(linkId))) {
    throw new ProblemError(404, "no_such_link", "There is no such share link.");
  }
  await record(c, "link.revoked", id, linkId);
  return c.body(null, 204);
}

/** `POST /api/links/redeem`: takes one use; the cookie lets the guest come again until the link ends. */
export async function redeemLink(c: Context<AppEnv>): Promise<Response> {
  const { secret, embedded = false } = await readBody(c, RedeemLink);
  const id = secret.slice(0, secret.indexOf("."));
  const session = vncSession(c.env, id);
  const guest = await countFailures(c.req.raw, c.env, "link", () => session.redeemLink(secret));
  writeGuestCookie(c, id, {
    secret: guest.secret,
    expiresAt: guest.expires_at,
    // Where nobody may show us in a frame, no cookie is for one.
    embedded: embedded && listedOrigins(c.env).length > 0,
  });
  const via = `link:${guest.link_id}`;
  await recordAs(c, via, "link.redeemed", id);
  const grant = guestGrant({ role: guest.role, via, guest: guest.guest_id });
  const issued = unwrap(await session.issueTicket(grant));
  const origin = ownOrigin(c.req.raw);
  const ticket: Ticket = {
    ...issued,
    websocket_url: `${origin.replace(/^http/, "ws")}/vnc-stream/${id}?ticket=${issued.ticket}`,
  };
  return c.json({
    session_id: id,
    role: guest.role,
    view_url: `${origin}/view/${id}`,
    ...ticket,
  });
}

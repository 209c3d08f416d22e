import type { Context } from "hono";
import { ListMessages, ListRooms, type Page } from "../../protocol/api.ts";
import {
  type ChatChange,
  type InboxRoom,
  OpenSupport,
  type SupportRoom,
} from "../../protocol/chat.ts";
import { ROOM_PATTERN, randomId } from "../../protocol/ids.ts";
import { chatRoom, registry, vncSession } from "../env.ts";
import { type AppEnv, person, personIfAny } from "../identity/callers.ts";
import { readSupportCookie, writeSupportCookie } from "../identity/cookies.ts";
import { grantOf, supportGrantOf } from "../identity/grants.ts";
import { clientAddress, countedAddress, limitAttempts } from "../identity/limits.ts";
import { ownOrigin } from "../identity/origins.ts";
import { hashSecret, newSecret } from "../identity/secrets.ts";
import { MAX_ROOMS_PER_ADDRESS } from "../objects/registry/support-rooms.ts";
import type { Grant } from "../objects/session/entry.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { recordAs } from "./audit.ts";
import { readBody, readQuery } from "./body.ts";
import { entryHeaders, entryOf, relay } from "./sessions.ts";

/** What a guest is called who does not say. */
const UNNAMED = "Guest";

/** How many messages, or rooms, one page holds, if the caller does not say. */
const DEFAULT_PAGE = 50;

/** `/chat-ws?room=:room&since=&batch=` */
export async function chat(c: Context<AppEnv>): Promise<Response> {
  const { name, session } = roomOf(c.req.query("room"));
  const query = new URLSearchParams();
  const since = c.req.query("since");
  if (since !== undefined) {
    if (!/^\d{1,15}$/.test(since))
      throw new ProblemError(400, "malformed_since", "since is a rev.");
    query.set("since", since);
  }
  if (c.req.query("batch") === "1") query.set("batch", "1");
  const entry =
    session === null
      ? { ...(await supportGrantOf(c, name)), address: clientAddress(c.req.raw) }
      : await entryOf(c, session);
  const headers = entryHeaders(c, entry);
  return relay(await chatRoom(c.env, name).fetch(`https://room/?${query}`, { headers }));
}

/** `GET /api/chat/rooms/:room/messages?before=&limit=`: for who may enter the room, newest first. */
export async function listMessages(c: Context<AppEnv>): Promise<Response> {
  const { name, session } = roomOf(c.req.param("room"));
  const { before = Number.MAX_SAFE_INTEGER, limit = DEFAULT_PAGE } = readQuery(c, ListMessages);
  const reader = session === null ? await supportGrantOf(c, name) : await readerOf(c, session);
  const { items, more } = unwrap(await chatRoom(c.env, name).page(before, limit, reader));
  const next = more ? items.at(-1) : undefined;
  const page: Page<ChatChange> = { items, next_cursor: next ? String(next.seq) : null };
  return c.json(page);
}

/** Of a session that has ended, its operators can still read what was said. */
async function readerOf(c: Context<AppEnv>, session: string): Promise<Grant> {
  const grant = await grantOf(c, session);
  const admitted = await vncSession(c.env, session).admit(grant);
  if (!admitted.ok && admitted.refusal.status === 410 && grant.staff) return grant;
  return unwrap(admitted);
}

/** `POST /api/chat/support`: opens this browser's support room, or finds the one that it has. */
export async function openSupport(c: Context<AppEnv>): Promise<Response> {
  const { name = UNNAMED } = await readBody(c, OpenSupport);
  await limitAttempts(c.req.raw, c.env);
  const identity = c.get("identity");
  if (identity.kind === "support") return getSupport(c);
  await refuseStaff(c);
  if (!(await registry(c.env).supportRooms.admit(countedAddress(c.req.raw)))) {
    const detail = `From one address ${MAX_ROOMS_PER_ADDRESS} chats can be opened in an hour; wait.`;
    throw new ProblemError(429, "too_many_rooms", detail);
  }
  const [id, secret] = [randomId(), newSecret()];
  const room = `support:${id}`;
  const { good_until } = await chatRoom(c.env, room).openSupport(await hashSecret(secret), name);
  await recordAs(c, room, "chat.room_opened", room, `as ${name}`);
  writeSupportCookie(c, id, secret, good_until);
  return c.json(supportRoom(c, room, name, good_until), 201);
}

/** `GET /api/chat/support`: the room that this browser opened; its cookie lasts anew. */
export async function getSupport(c: Context<AppEnv>): Promise<Response> {
  const cookie = readSupportCookie(c);
  const room = `support:${cookie?.id}`;
  const hash = await hashSecret(cookie?.secret ?? "");
  const isTheirs = c.get("identity").kind === "support";
  const guest = isTheirs ? await chatRoom(c.env, room).supportGuest(hash, true) : null;
  if (!cookie || !guest) {
    await refuseStaff(c);
    throw new ProblemError(404, "no_support_room", "This browser has opened no support chat.");
  }
  writeSupportCookie(c, cookie.id, cookie.secret, guest.good_until);
  return c.json(supportRoom(c, room, guest.name, guest.good_until));
}

/**
 * Who is signed in as staff is staff in every support room: what they say in one of their own would
 * wait for nobody, and the page would not find it again.
 */
async function refuseStaff(c: Context<AppEnv>): Promise<void> {
  if (c.req.header("authorization") !== undefined) return; // software opens them for its people
  const caller = await personIfAny(c);
  if (!caller || caller.role === "viewer") return;
  throw new ProblemError(
    409,
    "signed_in",
    `You are signed in here as ${caller.name}, and answer guests' chats in the inbox. To open one as a guest, use a window in which you are not signed in.`,
  );
}

function supportRoom(
  c: Context<AppEnv>,
  room: string,
  name: string,
  goodUntil: number,
): SupportRoom {
  const origin = ownOrigin(c.req.raw).replace(/^http/, "ws");
  return {
    room,
    name,
    websocket_url: `${origin}/chat-ws?room=${room}`,
    expires_at: new Date(goodUntil).toISOString(),
  };
}

/** `GET /api/chat/rooms?state=&cursor=&limit=`: the inbox. */
export async function listRooms(c: Context<AppEnv>): Promise<Response> {
  const { state = "open", cursor, limit = DEFAULT_PAGE } = readQuery(c, ListRooms);
  const [, at, id] = /^(\d{1,15})\.([A-Za-z0-9_-]{1,64})$/.exec(cursor ?? "") ?? [];
  if (cursor !== undefined && at === undefined) {
    throw new ProblemError(400, "invalid_query", "cursor must be a next_cursor of this list.");
  }
  const { items, next } = await registry(c.env).supportRooms.page({
    state,
    person: person(c).via,
    after: at === undefined ? null : { at: Number(at), room: `support:${id}` },
    limit,
  });
  const nextCursor = next && `${next.at}.${next.room.slice("support:".length)}`;
  const page: Page<InboxRoom> = { items, next_cursor: nextCursor };
  return c.json(page);
}

/** @throws {ProblemError} 400 for what is no room's name */
function roomOf(text = ""): { name: string; session: string | null } {
  const [name, kind, id = ""] = ROOM_PATTERN.exec(text) ?? [];
  if (name === undefined) {
    const detail = "Name the room: session:<session id>, or support:<id>.";
    throw new ProblemError(400, "malformed_room", detail);
  }
  return { name, session: kind === "session" ? id : null };
}

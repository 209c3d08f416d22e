import type {
  Host,
  JoinToken,
  Me,
  Page,
  PersonRole,
  SeenSession,
  Session,
  ShareLink,
  Ticket,
} from "../protocol/api.ts";
import type { ChatChange, InboxRoom, InboxState, SupportRoom } from "../protocol/chat.ts";
import type { Clipboard, ControlMode, Role } from "../protocol/link.ts";
import { ApiError, call, callForAll, callForJson, callToFind, inQuery } from "./call.ts";

export { ApiError } from "./call.ts";

export async function signIn(proof: { admin_token: string } | { link: string }): Promise<void> {
  await call("POST", "/api/login", { body: proof });
}

export async function signOut(): Promise<void> {
  await call("POST", "/api/logout");
}

type PageQuery = { cursor?: string | null; limit: number };

/** A page of the hosts, the oldest first. */
export function pageOfHosts(query: PageQuery, signal?: AbortSignal): Promise<Page<Host>> {
  return callForJson("GET", `/api/hosts?${inQuery(query)}`, { signal });
}

/** Every host. */
export function listHosts(signal?: AbortSignal): Promise<Host[]> {
  return callForAll("/api/hosts", signal);
}

/** @returns null if there is no such host */
export function findHost(hostId: string, signal?: AbortSignal): Promise<Host | null> {
  return callToFind(`/api/hosts/${hostId}`, signal);
}

export type HostChanges = { name?: string; label?: string | null };

export async function changeHost(hostId: string, changes: HostChanges): Promise<void> {
  await call("PATCH", `/api/hosts/${hostId}`, { body: changes });
}

export async function scanHost(hostId: string): Promise<void> {
  await call("POST", `/api/hosts/${hostId}/scan`);
}

export async function removeHost(hostId: string): Promise<void> {
  await call("DELETE", `/api/hosts/${hostId}`);
}

export function createJoinToken(signal?: AbortSignal): Promise<JoinToken> {
  return callForJson("POST", "/api/hosts/join-tokens", { body: {}, signal });
}

export function getSession(sessionId: string, signal?: AbortSignal): Promise<SeenSession> {
  return callForJson("GET", `/api/vnc/session/${sessionId}`, { signal });
}

export function createTicket(sessionId: string, role: Role, signal: AbortSignal): Promise<Ticket> {
  return callForJson("POST", `/api/vnc/session/${sessionId}/tickets`, { body: { role }, signal });
}

/** What who is signed in may do; null for a guest. */
export async function ownRole(signal?: AbortSignal): Promise<PersonRole | null> {
  const { role } = await callForJson<Me>("GET", "/api/me", { signal });
  return role;
}

/** Whether who is signed in may run sessions and hosts, or only look. */
export async function mayOperate(signal?: AbortSignal): Promise<boolean> {
  const role = await ownRole(signal);
  return role === "operator" || role === "admin";
}

type SessionsQuery = PageQuery & { filter: "open" | "all"; hostId?: string };

/** A page of the sessions, the newest first. */
export function pageOfSessions(
  { filter, hostId, ...page }: SessionsQuery,
  signal?: AbortSignal,
): Promise<Page<Session>> {
  const status = filter === "all" ? "all" : null;
  const query = inQuery({ ...page, status, host_id: hostId });
  return callForJson("GET", `/api/vnc/sessions?${query}`, { signal });
}

/** @returns null if there is no such session */
export function findSession(sessionId: string, signal?: AbortSignal): Promise<Session | null> {
  return callToFind(`/api/vnc/session/${sessionId}`, signal);
}

/** Ends it, and closes who has it open. */
export async function endSession(sessionId: string): Promise<void> {
  await call("DELETE", `/api/vnc/session/${sessionId}`);
}

/** What a session is made with, once and for all. */
export type SessionOptions = { control: ControlMode; clipboard: Clipboard };

export type DisplayWishes = {
  host_id: string;
  port: number;
  label: string | null;
  /** What the session must be like; any that shows the display will do if not given. */
  options?: SessionOptions;
  /** A session known to have ended; the list may say so seconds later. */
  over?: string;
};

/** The session that already shows this display as wished, or a new one. */
export async function openDisplay(wishes: DisplayWishes): Promise<Session> {
  const open = await findOpenDisplay(wishes);
  if (open) return open;
  const { host_id, port, label, options } = wishes;
  const body = { host_id, port, ...(label !== null && { label }), ...options };
  return callForJson("POST", "/api/vnc/sessions", { body });
}

/** The newest session that shows a display as wished, of all there are. */
export async function findOpenDisplay(
  wishes: Omit<DisplayWishes, "label">,
): Promise<Session | undefined> {
  const ofHost = await callForAll<Session>(`/api/vnc/sessions?host_id=${wishes.host_id}`);
  return findOpen(ofHost, wishes);
}

/** The newest session that shows a display as wished, of these. */
export function findOpen(
  sessions: readonly Session[],
  { host_id, port, options, over }: Omit<DisplayWishes, "label">,
): Session | undefined {
  return sessions.find(
    (session) =>
      session.host_id === host_id &&
      session.vnc_port === port &&
      session.session_id !== over &&
      session.status !== "ended" &&
      session.status !== "failed" &&
      (!options ||
        (session.control === options.control && session.clipboard === options.clipboard)),
  );
}

export function listLinks(sessionId: string, signal?: AbortSignal): Promise<ShareLink[]> {
  return callForAll(`/api/vnc/session/${sessionId}/links`, signal);
}

export type LinkWishes = {
  role: Role;
  label: string | null;
  ttlSeconds: number;
  /** null for any number. */
  maxUses: number | null;
};

/** @returns the link; its `url` is in this answer only */
export function createLink(
  sessionId: string,
  { role, label, ttlSeconds, maxUses }: LinkWishes,
): Promise<ShareLink & { url: string }> {
  return callForJson("POST", `/api/vnc/session/${sessionId}/links`, {
    body: {
      role,
      ttl_seconds: ttlSeconds,
      ...(label !== null && { label }),
      ...(maxUses !== null && { max_uses: maxUses }),
    },
  });
}

export async function revokeLink(sessionId: string, linkId: string): Promise<void> {
  await call("DELETE", `/api/vnc/session/${sessionId}/links/${linkId}`);
}

/**
 * Takes one use of a share link; this browser may then come and go until the link ends. In a frame a
 * browser keeps another kind of cookie: the edge has to know.
 */
export function redeemLink(secret: string): Promise<{ session_id: string }> {
  const body = { secret, ...(window.top !== window && { embedded: true }) };
  return callForJson("POST", "/api/links/redeem", { body });
}

/** Messages of a chat room, the newest first. @param before a `seq`; null for the newest of all */
export function listMessages(room: string, before: number | null): Promise<Page<ChatChange>> {
  const query = before === null ? "" : `?before=${before}`;
  return callForJson("GET", `/api/chat/rooms/${room}/messages${query}`);
}

/** The support chat that this browser opened; null if it has opened none. */
export async function findSupport(signal?: AbortSignal): Promise<SupportRoom | null> {
  try {
    return await callForJson("GET", "/api/chat/support", { signal });
  } catch (error) {
    if (error instanceof ApiError && error.code === "no_support_room") return null;
    throw error;
  }
}

export function openSupport(name: string | null): Promise<SupportRoom> {
  return callForJson("POST", "/api/chat/support", { body: name === null ? {} : { name } });
}

/** The first page of the inbox. */
export function pageOfRooms(
  state: InboxState,
  limit: number,
  cursor: string | null,
  signal?: AbortSignal,
): Promise<Page<InboxRoom>> {
  const query = new URLSearchParams({ state, limit: String(limit) });
  if (cursor !== null) query.set("cursor", cursor);
  return callForJson("GET", `/api/chat/rooms?${query}`, { signal });
}

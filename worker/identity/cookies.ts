import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { isId } from "../../protocol/ids.ts";

/** How long a sign-in lasts. */
export const LOGIN_TTL_MS = 7 * 24 * 60 * 60_000;

const LOGIN_COOKIE = "porthole";

/** A guest has a cookie for each session that they were invited to. */
function guestCookie(sessionId: string): string {
  return `porthole-guest-${sessionId}`;
}

/** `__Host-` on https, where every browser honours it; plain on http, where Safari would not. */
function isSecure(c: Context): boolean {
  return new URL(c.req.url).protocol === "https:";
}

function read(c: Context, name: string): string | undefined {
  return isSecure(c) ? getCookie(c, name, "host") : getCookie(c, name);
}

/**
 * What a browser needs to keep a cookie in a frame on another site's page. `Partitioned` makes it one
 * for that frame under that site alone: it goes along from nowhere else. Over http only a browser
 * that trusts the address (loopback) keeps it.
 */
const EMBEDDED = { sameSite: "None", secure: true, partitioned: true } as const;

function write(
  c: Context,
  name: string,
  secret: string,
  ttlMs: number,
  site: { sameSite: "Lax" } | typeof EMBEDDED = { sameSite: "Lax" },
): void {
  const maxAge = Math.max(1, Math.floor(ttlMs / 1000));
  const options = { httpOnly: true, path: "/", maxAge, ...site };
  if (isSecure(c)) setCookie(c, name, secret, { ...options, secure: true, prefix: "host" });
  else setCookie(c, name, secret, options);
}

export function readLoginCookie(c: Context): string | undefined {
  return read(c, LOGIN_COOKIE);
}

export function writeLoginCookie(c: Context, secret: string): void {
  write(c, LOGIN_COOKIE, secret, LOGIN_TTL_MS);
}

export function clearLoginCookie(c: Context): void {
  if (isSecure(c)) deleteCookie(c, LOGIN_COOKIE, { path: "/", secure: true, prefix: "host" });
  else deleteCookie(c, LOGIN_COOKIE, { path: "/" });
}

export function readGuestCookie(c: Context, sessionId: string): string | undefined {
  return read(c, guestCookie(sessionId));
}

/**
 * The sessions that this browser has a guest's cookie for, whether or not it still holds.
 * @param most how many are looked at: anybody can send cookies
 */
export function guestSessions(c: Context, most: number): string[] {
  const prefix = `${isSecure(c) ? "__Host-" : ""}${guestCookie("")}`;
  return Object.keys(getCookie(c))
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter(isId)
    .slice(0, most);
}

type GuestCookie = {
  secret: string;
  /** When the link ends, in ms since the epoch. */
  expiresAt: number;
  /** Whether it is for a frame on a page of another site. */
  embedded: boolean;
};

export function writeGuestCookie(c: Context, sessionId: string, cookie: GuestCookie): void {
  const { secret, expiresAt, embedded } = cookie;
  const site = embedded ? EMBEDDED : undefined;
  write(c, guestCookie(sessionId), secret, expiresAt - Date.now(), site);
}

/** A guest's support room: one for each browser. Its id stands before the secret. */
const SUPPORT_COOKIE = "porthole-support";

export function readSupportCookie(c: Context): { id: string; secret: string } | null {
  const [id = "", secret = ""] = (read(c, SUPPORT_COOKIE) ?? "").split(".", 2);
  return isId(id) && secret !== "" ? { id, secret } : null;
}

/** @param expiresAt in ms since the epoch */
export function writeSupportCookie(
  c: Context,
  id: string,
  secret: string,
  expiresAt: number,
): void {
  write(c, SUPPORT_COOKIE, `${id}.${secret}`, expiresAt - Date.now());
}

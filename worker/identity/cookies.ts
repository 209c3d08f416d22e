import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";

/** How long a sign-in lasts. */
export const LOGIN_TTL_MS = 7 * 24 * 60 * 60_000;

const COOKIE_NAME = "porthole";

/** `__Host-` on https, where every browser honours it; plain on http, where Safari would not. */
function isSecure(c: Context): boolean {
  return new URL(c.req.url).protocol === "https:";
}

export function readLoginCookie(c: Context): string | undefined {
  return isSecure(c) ? getCookie(c, COOKIE_NAME, "host") : getCookie(c, COOKIE_NAME);
}

export function writeLoginCookie(c: Context, secret: string): void {
  const options = {
    httpOnly: true,
    sameSite: "Lax",
    path: "/",
    maxAge: LOGIN_TTL_MS / 1000,
  } as const;
  if (isSecure(c)) setCookie(c, COOKIE_NAME, secret, { ...options, secure: true, prefix: "host" });
  else setCookie(c, COOKIE_NAME, secret, options);
}

export function clearLoginCookie(c: Context): void {
  if (isSecure(c)) deleteCookie(c, COOKIE_NAME, { path: "/", secure: true, prefix: "host" });
  else deleteCookie(c, COOKIE_NAME, { path: "/" });
}

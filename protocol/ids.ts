import * as v from "valibot";

/** Every id in a path: sessions, hosts, streams, links. */
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

export const Id = v.pipe(
  v.string(),
  v.regex(ID_PATTERN, "must be 1 to 64 of the characters A-Z a-z 0-9 _ -"),
);

export function isId(text: string): boolean {
  return ID_PATTERN.test(text);
}

/** Chat rooms are named `session:<session id>` or `support:<id>`. */
export const ROOM_PATTERN = /^(session|support):([A-Za-z0-9_-]{1,64})$/;

/** RFB: display n listens on TCP port 5900 + n (RFC 6143, 3). */
export const RFB_BASE_PORT = 5900;

/** The last port that counts as a display; what agents scan and allow by default. */
export const RFB_LAST_PORT = 5999;

/** Where an agent's own machine is. */
export const LOOPBACK = "127.0.0.1";

/** Where a server listens that takes connections on every address of its machine. */
export const ANY_ADDRESS = "0.0.0.0";

/** @returns `bytes` random bytes as base64url, without padding */
export function randomId(bytes = 16): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(bytes)));
}

/** RFC 4648, 5: base64url without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

import { randomId, toBase64Url } from "../../protocol/ids.ts";

/** Tickets, join tokens, cookies and links: 32 random bytes. */
const SECRET_BYTES = 32;

export function newSecret(): string {
  return randomId(SECRET_BYTES);
}

/** What is kept of a secret. A plain SHA-256 does: a secret of 256 random bits cannot be guessed. */
export async function hashSecret(secret: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
  return toBase64Url(new Uint8Array(digest));
}

/** Whether two secrets are the same, in a time that tells nothing about where they differ. */
export async function secretsEqual(a: string, b: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const [hashA, hashB] = await Promise.all([
    crypto.subtle.digest("SHA-256", encoder.encode(a)),
    crypto.subtle.digest("SHA-256", encoder.encode(b)),
  ]);
  return crypto.subtle.timingSafeEqual(hashA, hashB);
}

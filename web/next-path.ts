/**
 * Where to go after signing in. `next` comes from the address bar, so anyone can have written it:
 * only a path of our own origin is followed.
 */
export function safeNextPath(next: string | null): string {
  if (next === null || !next.startsWith("/") || next.startsWith("//")) return "/";
  // A URL parser reads a backslash as a slash and drops tabs and line ends, so that "/\t/host"
  // would become "//host".
  if (next.includes("\\") || hasControlCharacter(next)) return "/";
  return next;
}

function hasControlCharacter(text: string): boolean {
  return Array.from(text).some((character) => character < " " || character === "\x7f");
}

export const SIGN_IN = "/sign-in";

/** The sign-in page that leads back to `path`. */
export function signInPath(path: string): string {
  return path === "/" ? SIGN_IN : `${SIGN_IN}?next=${encodeURIComponent(path)}`;
}

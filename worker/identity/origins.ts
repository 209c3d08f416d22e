import type { Env } from "../env.ts";
import { ProblemError } from "../problem.ts";

/** The origin that this request came to, behind whatever domain. */
export function ownOrigin(request: Request): string {
  return new URL(request.url).origin;
}

/** Whether the operator named it, whole. */
export function isListed(origin: string, env: Env): boolean {
  return listedOrigins(env).includes(origin);
}

/**
 * The origins that the operator named, as browsers write them, also where a slash stands at the end.
 * What cannot be one is left out: `null`, which is any sandboxed page's, and patterns, which a policy
 * would take for many.
 */
export function listedOrigins(env: Env): string[] {
  return (env.ALLOWED_ORIGINS ?? "")
    .split(/[\s,]+/)
    .filter((entry) => /^https?:\/\/[\w.:[\]-]+\/?$/.test(entry) && URL.canParse(entry))
    .map((entry) => new URL(entry).origin);
}

function foreign(origin: string, remedy: string): ProblemError {
  return new ProblemError(
    403,
    "origin_not_allowed",
    `Pages from ${origin.slice(0, 60)} may not do this; ${remedy}.`,
  );
}

/**
 * For what a cookie authorises: a browser sends cookies along from any page, so the page's origin
 * must be ours. It is compared whole: scheme, host and port. A listed one is not enough: its pages
 * bring a key or a ticket, and a script that got into one of them must not be whoever looks at it.
 * @throws {ProblemError} 403 for a foreign page, or an upgrade or write that names no origin
 */
export function requireOwnOrigin(request: Request, isUpgrade: boolean): void {
  const remedy = "a cookie counts on our own pages only";
  const origin = request.headers.get("origin");
  if (origin !== null) {
    if (origin !== ownOrigin(request)) throw foreign(origin, remedy);
    return;
  }
  const reads = request.method === "GET" || request.method === "HEAD";
  if (isUpgrade || !reads) throw foreign("an unnamed origin", remedy);
  // A same-origin GET carries no Origin; browsers that send Sec-Fetch-Site tell the others apart.
  const site = request.headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") {
    throw foreign(`a ${site} page`, remedy);
  }
}

/**
 * For what a secret in the request itself authorises (a ticket): a page must be ours or listed, a
 * client that is no browser names none.
 * @throws {ProblemError} 403 for a foreign page
 */
export function requireOriginIfNamed(request: Request, env: Env): void {
  const origin = request.headers.get("origin");
  if (origin === null || origin === ownOrigin(request) || isListed(origin, env)) return;
  throw foreign(origin, "the operator can list that origin");
}

import type { Context } from "hono";
import { pageAt } from "../../protocol/pages.ts";
import type { AppEnv } from "../identity/callers.ts";
import { listedOrigins } from "../identity/origins.ts";

/** What all pages are: the script in it shows the one that the address names. */
const SHELL = "/index.html";

/** The paths whose callers are programs: they are answered in JSON, never with a page. */
const FOR_PROGRAMS = /^\/(api|agent|vnc-stream)\/|^\/(vnc-proxy|chat-ws|metrics)$/;

/**
 * The page at an address that is no route: what is not one of ours says so, with a 404. Its other
 * headers are those of web/public/_headers; who may show it in a frame the operator decides.
 * @returns null for what no browser asks for as a page
 */
export async function pageFor(c: Context<AppEnv>): Promise<Response | null> {
  const { method, path } = c.req;
  if ((method !== "GET" && method !== "HEAD") || FOR_PROGRAMS.test(path)) return null;
  // Asked without conditions: on a 304 a browser keeps the policy of the answer that it has.
  const shell = await c.env.ASSETS.fetch(new URL(SHELL, c.req.url));
  const headers = new Headers(shell.headers);
  headers.delete("etag");
  headers.set("cache-control", "no-cache");
  const policy = headers.get("content-security-policy") ?? "";
  headers.set("content-security-policy", withFrameAncestors(policy, listedOrigins(c.env)));
  const status = shell.ok && pageAt(path) === null ? 404 : shell.status;
  return new Response(shell.body, { status, headers });
}

function withFrameAncestors(policy: string, origins: readonly string[]): string {
  const others = policy
    .split(";")
    .map((directive) => directive.trim())
    .filter((directive) => directive !== "" && !/^frame-ancestors\b/i.test(directive));
  return [...others, ["frame-ancestors 'self'", ...origins].join(" ")].join("; ");
}

import type { Context } from "hono";
import type { AppEnv } from "../identity/callers.ts";
import { ownOrigin } from "../identity/origins.ts";
import { describeApi } from "../openapi/document.ts";
import { DESCRIBING_STYLE, describingPage } from "../openapi/page.ts";

type Routes = Parameters<typeof describeApi>[0];

/** `GET /api/openapi.json`. @param routes of the whole app, since what they need stands there */
export function getDescription(c: Context<AppEnv>, routes: Routes): Response {
  return c.json(describeApi(routes, ownOrigin(c.req.raw)));
}

/** `GET /api/docs`: everything on it is from here, and nothing on it runs. */
export async function readDescription(c: Context<AppEnv>, routes: Routes): Promise<Response> {
  const style = new TextEncoder().encode(DESCRIBING_STYLE);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", style));
  const styleHash = `'sha256-${btoa(String.fromCharCode(...digest))}'`;
  c.header(
    "content-security-policy",
    `default-src 'none'; style-src ${styleHash}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'`,
  );
  c.header("referrer-policy", "no-referrer");
  return c.html(describingPage(describeApi(routes, ownOrigin(c.req.raw))));
}

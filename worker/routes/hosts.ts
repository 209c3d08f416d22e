import type { Context } from "hono";
import {
  ChangeHost,
  CreateJoinToken,
  type Host,
  type JoinToken,
  ListHosts,
  type Page,
} from "../../protocol/api.ts";
import { isId } from "../../protocol/ids.ts";
import { MAX_PAGE_ITEMS } from "../../protocol/limits.ts";
import { JoinRequest } from "../../protocol/link.ts";
import { registry, vncHost, vncSession } from "../env.ts";
import { claimedHostId } from "../identity/agent-token.ts";
import { bearerToken } from "../identity/bearer.ts";
import { type AppEnv, person } from "../identity/callers.ts";
import { clientAddress, countFailures } from "../identity/limits.ts";
import { ownOrigin } from "../identity/origins.ts";
import { locationHint, type Whereabouts } from "../location.ts";
import type { HostPlace } from "../objects/registry/hosts.ts";
import { AUDIENCE_HEADER, LOCATION_HEADER, UNKNOWN_HOST } from "../objects/vnc-host.ts";
import { ProblemError, problemResponse } from "../problem.ts";
import { record, recordAs } from "./audit.ts";
import { pathId, readBody, readQuery } from "./body.ts";
import { describeAll } from "./describe-all.ts";

function noSuchHost(): ProblemError {
  return new ProblemError(404, "no_such_host", "There is no such host.");
}

/** `GET /api/hosts?cursor=&limit=`: the oldest first. */
export async function listHosts(c: Context<AppEnv>): Promise<Response> {
  const { cursor, limit = MAX_PAGE_ITEMS } = readQuery(c, ListHosts);
  const after = cursor === undefined ? null : parseCursor(cursor);
  const rows = await registry(c.env).hosts.list(after, limit + 1);
  const held = rows.slice(0, limit);
  const ids = held.map((row) => row.host_id);
  const hosts = await describeAll(ids, (id) => vncHost(c.env, id).describe());
  const last = rows.length > limit ? held.at(-1) : undefined;
  const page: Page<Host> = {
    items: hosts.filter((host) => host !== null),
    next_cursor: last ? `${last.created_at}.${last.host_id}` : null,
  };
  return c.json(page);
}

/** @throws {ProblemError} 400 if it is no page's */
function parseCursor(cursor: string): HostPlace {
  const [, createdAt = "", id = ""] = /^(\d{1,15})\.(.*)$/.exec(cursor) ?? [];
  if (!isId(id)) {
    const detail = "cursor must be the next_cursor of a page before; leave it out to begin anew.";
    throw new ProblemError(400, "invalid_query", detail);
  }
  return { created_at: Number(createdAt), host_id: id };
}

/** `GET /api/hosts/:id` */
export async function getHost(c: Context<AppEnv>): Promise<Response> {
  const host = await vncHost(c.env, pathId(c, "id")).describe();
  if (!host) throw noSuchHost();
  return c.json(host);
}

/** `PATCH /api/hosts/:id` `{name?, label?}` */
export async function changeHost(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "id");
  const change = await readBody(c, ChangeHost);
  const by = { actor: person(c).via, address: clientAddress(c.req.raw) };
  const host = await vncHost(c.env, id).rename(change, by);
  if (!host) throw noSuchHost();
  return c.json(host);
}

/** `DELETE /api/hosts/:id`: its agent is cut off at once and may not come back. */
export async function removeHost(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "id");
  if (!(await registry(c.env).hosts.remove(id, person(c).via))) throw noSuchHost();
  await record(c, "host.removed", id);
  return c.body(null, 204);
}

/** `POST /api/hosts/:id/scan`: the agent looks for VNC servers now. */
export async function scanHost(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "id");
  if (!(await registry(c.env).hosts.has(id))) throw noSuchHost();
  if (!(await vncHost(c.env, id).scan())) {
    throw new ProblemError(
      503,
      "host_offline",
      "The host is offline; its agent reconnects by itself.",
    );
  }
  return c.body(null, 204);
}

/** `POST /api/hosts/join-tokens`: what a host owner pastes, once, within the hour. */
export async function createJoinToken(c: Context<AppEnv>): Promise<Response> {
  const { name } = await readBody(c, CreateJoinToken);
  const created = await registry(c.env).hosts.createJoinToken(name ?? null);
  await record(c, "join_token.created", created.token_id, name ?? null);
  const edge = ownOrigin(c.req.raw);
  const answer: JoinToken = {
    ...created,
    command:
      `curl -fsSo porthole-agent.mjs ${edge}/agent.mjs && ` +
      `node porthole-agent.mjs join ${edge} ${created.token} && node porthole-agent.mjs run`,
  };
  return c.json(answer, 201);
}

/** `GET /api/hosts/join-tokens`: those that can still be used. */
export async function listJoinTokens(c: Context<AppEnv>): Promise<Response> {
  return c.json({ items: await registry(c.env).hosts.listJoinTokens(), next_cursor: null });
}

/** `DELETE /api/hosts/join-tokens/:id` */
export async function revokeJoinToken(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "id");
  if (!(await registry(c.env).hosts.revokeJoinToken(id))) {
    throw new ProblemError(404, "no_such_join_token", "There is no such join token.");
  }
  await record(c, "join_token.revoked", id);
  return c.body(null, 204);
}

/** `POST /api/agent/join`: the token in the body is the credential. */
export async function joinAgent(c: Context<AppEnv>): Promise<Response> {
  const request = await readBody(c, JoinRequest);
  const joined = await countFailures(c.req.raw, c.env, "join", () =>
    registry(c.env).hosts.join(request),
  );
  await recordAs(c, "join token", "host.joined", joined.host_id, joined.name);
  return c.json(joined, 201);
}

/** `/agent/link`: the host's object verifies what the agent signed. */
export async function agentLink(c: Context<AppEnv>): Promise<Response> {
  const hostId = claimedHostId(bearerToken(c.req.raw) ?? "");
  if (hostId === null) return problemResponse(UNKNOWN_HOST);
  const headers = new Headers(c.req.raw.headers);
  headers.set(AUDIENCE_HEADER, ownOrigin(c.req.raw));
  headers.set(LOCATION_HEADER, locationHint((c.req.raw.cf ?? {}) as Whereabouts) ?? "");
  return vncHost(c.env, hostId).fetch("https://host/link", { headers });
}

/** `/agent/stream/:session/:stream`: answered with the end that the session's object kept. */
export async function agentStream(c: Context<AppEnv>): Promise<Response> {
  const session = vncSession(c.env, pathId(c, "session"));
  return session.fetch(`https://session/agent/${pathId(c, "stream")}`, {
    headers: c.req.raw.headers,
  });
}

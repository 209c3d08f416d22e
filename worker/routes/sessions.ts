import type { Context } from "hono";
import * as v from "valibot";
import {
  CreateSession,
  CreateTicket,
  type Page,
  type SeenSession,
  type Session,
  type Ticket,
} from "../../protocol/api.ts";
import { ROOM_PATTERN, randomId } from "../../protocol/ids.ts";
import { DEFAULT_SESSION_TTL_S, MAX_PAGE_ITEMS } from "../../protocol/limits.ts";
import { Role } from "../../protocol/link.ts";
import { chatRoom, registry, vncSession } from "../env.ts";
import { grantOf, ticketGrantOf } from "../identity/grants.ts";
import { type AppEnv, person } from "../identity/guard.ts";
import { clientAddress } from "../identity/limits.ts";
import { ownOrigin } from "../identity/origins.ts";
import { VIEWER_HEADER, type ViewerEntry } from "../objects/session/entry.ts";
import type { SessionState } from "../objects/session/session-row.ts";
import { ProblemError, type Result, readRefusal, unwrap } from "../problem.ts";
import { record, recordAs } from "./audit.ts";
import { pathId, readBody } from "./body.ts";
import { describeAll } from "./describe-all.ts";

const ENDED_BY_OPERATOR = "The operator ended this session.";

/** Both URLs follow the request's own scheme and host, behind any domain. */
export function withUrls(c: Context<AppEnv>, state: SessionState): Session {
  const origin = ownOrigin(c.req.raw);
  return {
    ...state,
    websocket_url: `${origin.replace(/^http/, "ws")}/vnc-stream/${state.session_id}`,
    view_url: `${origin}/view/${state.session_id}`,
  };
}

/** `POST /api/vnc/sessions` */
export async function createSession(c: Context<AppEnv>): Promise<Response> {
  const body = await readBody(c, CreateSession);
  if (!(await registry(c.env).hosts.has(body.host_id))) {
    throw new ProblemError(
      404,
      "no_such_host",
      "There is no such host; GET /api/hosts lists them.",
    );
  }
  const id = randomId();
  const now = Date.now();
  const session = vncSession(c.env, id);
  await session.create({
    session_id: id,
    host_id: body.host_id,
    port: body.port,
    label: body.label ?? null,
    control: body.control,
    clipboard: body.clipboard,
    password: body.password ?? null,
    created_at: now,
    expires_at: now + (body.ttl_seconds ?? DEFAULT_SESSION_TTL_S) * 1000,
  });
  await record(c, "session.created", id, `host ${body.host_id} port ${body.port}`);
  return c.json(withUrls(c, unwrap(await session.describe())), 201);
}

/** `GET /api/vnc/sessions`: those that have not ended, newest first. */
export async function listSessions(c: Context<AppEnv>): Promise<Response> {
  const ids = await registry(c.env).sessions.listOpen(MAX_PAGE_ITEMS);
  const states = await describeAll(
    ids,
    async (id): Promise<Result<SessionState>> => vncSession(c.env, id).describe(),
  );
  const items = states.flatMap((state) => (state.ok ? [withUrls(c, state.value)] : []));
  const page: Page<Session> = {
    items: items.filter((session) => session.ended_at === null),
    next_cursor: null,
  };
  return c.json(page);
}

/** `GET /api/vnc/session/:id`; `?ticket=control` or `view` puts a fresh ticket into `websocket_url`. */
export async function getSession(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "id");
  const wanted = c.req.query("ticket");
  const role = v.safeParse(v.optional(Role), wanted);
  if (!role.success) {
    throw new ProblemError(400, "invalid_query", "ticket must be control or view.");
  }
  const state = unwrap(await vncSession(c.env, id).describe());
  const session: SeenSession = { ...withUrls(c, state), ...standingOf(c) };
  if (role.output === undefined) return c.json(session);
  const { websocket_url } = await issueTicket(c, id, role.output);
  return c.json({ ...session, websocket_url });
}

/** Who asks, so that a page offers them what can work; their role is the highest they may have. */
function standingOf(c: Context<AppEnv>): Pick<SeenSession, "standing" | "your_role"> {
  const identity = c.get("identity");
  if (identity.kind === "guest") return { standing: "guest", your_role: identity.role };
  const { role } = person(c);
  return { standing: role, your_role: role === "viewer" ? "view" : "control" };
}

/** `DELETE /api/vnc/session/:id`: ends it, closes its viewers. Ending it twice is fine. */
export async function endSession(c: Context<AppEnv>): Promise<Response> {
  const address = clientAddress(c.req.raw);
  unwrap(await vncSession(c.env, pathId(c, "id")).end(person(c).via, ENDED_BY_OPERATOR, address));
  return c.body(null, 204);
}

/** `POST /api/vnc/session/:id/tickets`: for a person, or for a guest of this session. */
export async function createTicket(c: Context<AppEnv>): Promise<Response> {
  const { role, name } = await readBody(c, CreateTicket);
  return c.json(await issueTicket(c, pathId(c, "id"), role, name), 201);
}

async function issueTicket(
  c: Context<AppEnv>,
  id: string,
  role: Role,
  name?: string,
): Promise<Ticket> {
  const grant = await ticketGrantOf(c, id, role, name);
  const issued = unwrap(await vncSession(c.env, id).issueTicket(grant));
  await recordAs(c, grant.via, "ticket.issued", id, `${role} for ${grant.name}`);
  const origin = ownOrigin(c.req.raw).replace(/^http/, "ws");
  return { ...issued, websocket_url: `${origin}/vnc-stream/${id}?ticket=${issued.ticket}` };
}

/** Who comes in by an upgrade: with a ticket, or as who they are. */
async function entryOf(c: Context<AppEnv>, sessionId: string): Promise<ViewerEntry> {
  const identity = c.get("identity");
  const address = clientAddress(c.req.raw);
  if (identity.kind === "ticket") return { ticket: identity.ticket, address };
  return { ...(await grantOf(c, sessionId)), address };
}

/** The headers of a viewer's upgrade, with who they are: whatever the client wrote there is gone. */
async function entryHeaders(c: Context<AppEnv>, sessionId: string): Promise<Headers> {
  const headers = new Headers(c.req.raw.headers);
  headers.set(VIEWER_HEADER, JSON.stringify(await entryOf(c, sessionId)));
  return headers;
}

/** An object's answer to an upgrade. @throws {ProblemError} with its refusal */
async function relay(response: Response): Promise<Response> {
  if (response.status === 101) return response;
  const { status, code, detail } = await readRefusal(response);
  throw new ProblemError(status, code, detail);
}

/** `/vnc-stream/:id`, and `/vnc-proxy?session=:id` by its old name. */
export async function viewerStream(c: Context<AppEnv>, id: string): Promise<Response> {
  const headers = await entryHeaders(c, id);
  return relay(await vncSession(c.env, id).fetch("https://session/viewer", { headers }));
}

/** `/chat-ws?room=:room` */
export async function chat(c: Context<AppEnv>): Promise<Response> {
  const room = ROOM_PATTERN.exec(c.req.query("room") ?? "");
  if (!room) {
    throw new ProblemError(400, "malformed_room", "Name the room: ?room=session:<session id>");
  }
  const [name, kind, id] = room;
  if (kind !== "session" || id === undefined) {
    throw new ProblemError(404, "no_such_room", "There is no such room.");
  }
  const query = new URLSearchParams({ session: id });
  const since = c.req.query("since");
  if (since !== undefined) query.set("since", since);
  const headers = await entryHeaders(c, id);
  return relay(await chatRoom(c.env, name).fetch(`https://room/?${query}`, { headers }));
}

import type { Context } from "hono";
import {
  CreateSession,
  CreateTicket,
  type SeenSession,
  SeeSession,
  type Ticket,
} from "../../protocol/api.ts";
import { randomId } from "../../protocol/ids.ts";
import type { Role } from "../../protocol/link.ts";
import { batches, type Env, registry, vncHost, vncSession } from "../env.ts";
import { type AppEnv, person } from "../identity/callers.ts";
import { grantOf, ticketGrantOf } from "../identity/grants.ts";
import { clientAddress } from "../identity/limits.ts";
import { VIEWER_HEADER, type ViewerEntry } from "../objects/session/entry.ts";
import { ProblemError, RelayedProblemError, readRefusal, unwrap } from "../problem.ts";
import { sessionLife } from "../settings.ts";
import { callerOf } from "./audit.ts";
import { pathId, readBody, readQuery } from "./body.ts";
import { claimId } from "./idempotency.ts";
import { streamUrl, withUrls } from "./session-urls.ts";

const ENDED_BY_OPERATOR = "The operator ended this session.";

/** `POST /api/vnc/sessions`; a repeat with its `Idempotency-Key` is answered the same session. */
export async function createSession(c: Context<AppEnv>): Promise<Response> {
  const body = await readBody(c, CreateSession);
  const ttl = lifeOf(c.env, body.ttl_seconds);
  const [isHost, near] = await Promise.all([
    registry(c.env).hosts.has(body.host_id),
    vncHost(c.env, body.host_id).location(),
  ]);
  if (!isHost) {
    throw new ProblemError(
      404,
      "no_such_host",
      "There is no such host; GET /api/hosts lists them.",
    );
  }
  const id = await claimId(c, randomId(), body);
  const now = Date.now();
  const session = vncSession(c.env, id, near);
  await session.create(
    {
      session_id: id,
      host_id: body.host_id,
      port: body.port,
      label: body.label ?? null,
      control: body.control,
      clipboard: body.clipboard,
      password: body.password ?? null,
      idle_seconds: body.idle_seconds === undefined ? defaultIdle(c.env) : body.idle_seconds,
      created_at: now,
      expires_at: now + ttl * 1000,
    },
    callerOf(c),
  );
  return c.json(withUrls(c, unwrap(await session.describe())), 201);
}

/** `GET /api/vnc/session/:id`; `?ticket=control` or `view` puts a fresh ticket into `websocket_url`. */
export async function getSession(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "id");
  const { ticket } = readQuery(c, SeeSession);
  const state = unwrap(await vncSession(c.env, id).describe());
  const standing = standingOf(c);
  // A URL can hold a secret: who came by a link sees the desktop, and what its browser shows.
  const job_url = standing.standing === "guest" ? null : state.job_url;
  const queued = state.status === "queued" ? await batches(c.env).whyQueued(id) : null;
  const reason = queued ?? state.reason;
  const session: SeenSession = { ...withUrls(c, state), reason, job_url, ...standing };
  if (ticket === undefined) return c.json(session);
  const { websocket_url } = await issueTicket(c, id, ticket);
  return c.json({ ...session, websocket_url });
}

/** @throws {ProblemError} 400 for a longer life than the operator allows */
function lifeOf(env: Env, wished: number | undefined): number {
  const { usual, longest } = sessionLife(env);
  if (wished === undefined || wished <= longest) return wished ?? usual;
  const detail = `ttl_seconds: this edge allows ${longest} at most`;
  throw new ProblemError(400, "invalid_body", detail);
}

function defaultIdle(env: Env): number | null {
  return Number(env.SESSION_IDLE_SECONDS) || null;
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
  await limitGuestTickets(c);
  const issued = unwrap(await vncSession(c.env, id).issueTicket(grant, clientAddress(c.req.raw)));
  return { ...issued, websocket_url: streamUrl(c, id, issued.ticket) };
}

/**
 * Counts the tickets of a guest, so many in a minute as attempts with a secret; a page that is loaded
 * takes two.
 * @throws {ProblemError} 429 for a guest with too many; other guests are not affected
 */
async function limitGuestTickets(c: Context<AppEnv>): Promise<void> {
  const identity = c.get("identity");
  if (identity.kind !== "guest") return;
  const { success } = await c.env.ATTEMPTS.limit({ key: `tickets of ${identity.guest}` });
  if (success) return;
  const detail = "You have asked for too many tickets; wait a minute and try again.";
  throw new ProblemError(429, "too_many_tickets", detail);
}

/** Who comes in by an upgrade: with a ticket, or as who they are. */
export async function entryOf(c: Context<AppEnv>, sessionId: string): Promise<ViewerEntry> {
  const identity = c.get("identity");
  const address = clientAddress(c.req.raw);
  if (identity.kind === "ticket") return { ticket: identity.ticket, address };
  return { ...(await grantOf(c, sessionId)), address };
}

/** The headers of a viewer's upgrade, with who they are: whatever the client wrote there is gone. */
export function entryHeaders(c: Context<AppEnv>, entry: ViewerEntry): Headers {
  const headers = new Headers(c.req.raw.headers);
  headers.set(VIEWER_HEADER, JSON.stringify(entry));
  return headers;
}

/** An object's answer to an upgrade. @throws {ProblemError} with its refusal */
export async function relay(response: Response): Promise<Response> {
  if (response.status === 101) return response;
  const { status, code, detail } = await readRefusal(response);
  // A session that there is not counts nothing.
  if (code === "no_such_session") throw new ProblemError(status, code, detail);
  throw new RelayedProblemError(status, code, detail);
}

/** `/vnc-stream/:id`, and `/vnc-proxy?session=:id` by its old name. */
export async function viewerStream(c: Context<AppEnv>, id: string): Promise<Response> {
  const headers = entryHeaders(c, await entryOf(c, id));
  return relay(await vncSession(c.env, id).fetch("https://session/viewer", { headers }));
}

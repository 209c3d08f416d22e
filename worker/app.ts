import { Hono } from "hono";
import { etag } from "hono/etag";
import { isId } from "../protocol/ids.ts";
import type { AppEnv } from "./identity/callers.ts";
import { shareWithListed } from "./identity/cors.ts";
import { assertGuarded, decorate, needs } from "./identity/guard.ts";
import { describeError, log } from "./log.ts";
import { ProblemError, problemResponse, type Refusal, RelayedProblemError } from "./problem.ts";
import { countRefusedViewer } from "./refused-viewers.ts";
import { listAudit } from "./routes/audit.ts";
import { pathId } from "./routes/body.ts";
import * as chat from "./routes/chat.ts";
import { getDescription, readDescription } from "./routes/description.ts";
import { events } from "./routes/events.ts";
import * as hosts from "./routes/hosts.ts";
import * as identity from "./routes/identity.ts";
import * as jobs from "./routes/jobs.ts";
import * as links from "./routes/links.ts";
import { metrics } from "./routes/metrics.ts";
import { pageFor } from "./routes/pages.ts";
import * as servers from "./routes/servers.ts";
import { listSessions } from "./routes/session-list.ts";
import * as sessions from "./routes/sessions.ts";
import { isUpgrade, refuseUpgrade } from "./sockets.ts";
import { VERSION } from "./version.ts";

/**
 * Every route of the edge, top to bottom. Upgrades are decided here, by path, and nowhere else.
 * Each route says first what it needs (identity/guard.ts); one that says nothing does not start.
 */
export const app = new Hono<AppEnv>();

app.use(
  "/api/*",
  decorate(async (c, next) => {
    await next();
    if (isUpgrade(c.req.raw)) return; // its answer is an object's, and is not to be touched
    c.header("cache-control", "no-store");
    c.header("x-content-type-options", "nosniff");
  }),
);

app.use("/api/*", shareWithListed);

/** For those who ask again and again: a 304 without a body while the answer is the one they have. */
const unlessKnown = etag({ weak: true });

app.get("/api/health", needs.nobody, (c) => c.json({ status: "ok", version: VERSION }));
app.get("/api/openapi.json", needs.nobody, (c) => getDescription(c, app.routes));
app.get("/api/docs", needs.nobody, (c) => readDescription(c, app.routes));
app.get("/metrics", needs.viewer, metrics);

app.post("/api/login", needs.secret, identity.login);
app.post("/api/logout", needs.nobody, identity.logout);
app.post("/api/login/links", needs.admin, identity.createSignInLink);
app.get("/api/me", needs.self, identity.whoAmI);
app.get("/api/logins", needs.admin, identity.listLogins);
app.delete("/api/logins/:id", needs.admin, identity.endLogin);
app.get("/api/keys", needs.admin, identity.listKeys);
app.post("/api/keys", needs.admin, identity.createKey);
app.delete("/api/keys/:id", needs.admin, identity.revokeKey);
app.get("/api/audit", needs.admin, listAudit);

app.get("/api/hosts", needs.viewer, unlessKnown, hosts.listHosts);
app.get("/api/hosts/join-tokens", needs.operator, hosts.listJoinTokens);
app.post("/api/hosts/join-tokens", needs.operator, hosts.createJoinToken);
app.delete("/api/hosts/join-tokens/:id", needs.operator, hosts.revokeJoinToken);
app.get("/api/hosts/:id", needs.viewer, unlessKnown, hosts.getHost);
app.patch("/api/hosts/:id", needs.operator, hosts.changeHost);
app.delete("/api/hosts/:id", needs.operator, hosts.removeHost);
app.post("/api/hosts/:id/scan", needs.operator, hosts.scanHost);

app.get("/api/vnc/sessions", needs.viewer, unlessKnown, listSessions);
app.post("/api/vnc/sessions", needs.operator, sessions.createSession);
app.get("/api/vnc/session/:id", needs.guest, unlessKnown, sessions.getSession);
app.delete("/api/vnc/session/:id", needs.operator, sessions.endSession);
app.post("/api/vnc/session/:id/tickets", needs.guest, sessions.createTicket);
app.get("/api/vnc/session/:id/links", needs.operator, links.listLinks);
app.post("/api/vnc/session/:id/links", needs.operator, links.createLink);
app.delete("/api/vnc/session/:id/links/:link_id", needs.operator, links.revokeLink);
app.post("/api/links/redeem", needs.secret, links.redeemLink);

app.post("/api/vnc/apply-job", needs.operator, jobs.applyJob);
app.post("/api/vnc/batch-apply", needs.operator, jobs.applyBatch);
app.get("/api/vnc/batch/:id", needs.viewer, unlessKnown, jobs.getBatch);
app.delete("/api/vnc/batch/:id", needs.operator, jobs.endBatch);
app.get("/api/vnc/session/:id/log", needs.operator, jobs.readJobLog);

app.get("/api/servers/:serverId/vnc", needs.viewer, servers.getVnc);
app.post("/api/servers/:serverId/vnc/enable", needs.operator, servers.enableVnc);
app.post("/api/servers/:serverId/vnc/disable", needs.operator, servers.disableVnc);

app.get("/api/chat/rooms", needs.operator, chat.listRooms);
app.get("/api/chat/rooms/:room/messages", needs.room, chat.listMessages);
app.get("/api/chat/support", needs.supportGuest, chat.getSupport);
app.post("/api/chat/support", needs.supportGuest, chat.openSupport);

app.post("/api/agent/join", needs.secret, hosts.joinAgent);
app.all("/agent/link", needs.agent, hosts.agentLink);
app.all("/agent/stream/:session/:stream", needs.agent, hosts.agentStream);

app.all("/vnc-stream/:id", needs.socket, (c) => sessions.viewerStream(c, pathId(c, "id")));
app.all("/vnc-proxy", needs.socket, (c) => {
  const id = c.req.query("session") ?? "";
  if (!isId(id)) throw new ProblemError(400, "malformed_id", "Name the session: ?session=<id>");
  return sessions.viewerStream(c, id);
});
app.all("/chat-ws", needs.socket, chat.chat);
app.all("/api/events", needs.watcher, events);

assertGuarded(app);

/** Where people's WebSockets come: a refusal there is a close code, which a browser can see. */
const VIEWER_PATHS = /^\/(vnc-stream\/|vnc-proxy$|chat-ws$|api\/events$)/;

/** Those of desktops. */
const STREAM_PATHS = /^\/(vnc-stream\/|vnc-proxy$)/;

function answer(request: Request, refusal: Refusal): Response {
  const isViewer = VIEWER_PATHS.test(new URL(request.url).pathname);
  return isViewer && isUpgrade(request)
    ? refuseUpgrade(request, refusal)
    : problemResponse(refusal);
}

/** What is no route is a page, or nothing. */
app.notFound(async (c) => {
  const nothing = { status: 404, code: "no_such_route" };
  const detail = `Nothing answers ${c.req.method} at this address.`;
  return (await pageFor(c)) ?? answer(c.req.raw, { ...nothing, detail });
});

app.onError((error, c) => {
  if (error instanceof ProblemError) {
    const isStream = STREAM_PATHS.test(c.req.path) && isUpgrade(c.req.raw);
    if (isStream && !(error instanceof RelayedProblemError)) {
      countRefusedViewer(c.env, c.executionCtx, error.refusal);
    }
    return answer(c.req.raw, error.refusal);
  }
  const path = new URL(c.req.url).pathname;
  log("request.failed", { method: c.req.method, path, error: describeError(error) });
  const detail = "Something went wrong here; it was logged. Trying again may help.";
  return answer(c.req.raw, { status: 500, code: "internal", detail });
});

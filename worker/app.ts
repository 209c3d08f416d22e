import { Hono } from "hono";
import { isId } from "../protocol/ids.ts";
import { shareWithListed } from "./identity/cors.ts";
import { type AppEnv, assertGuarded, decorate, needs } from "./identity/guard.ts";
import { describeError, log } from "./log.ts";
import { ProblemError, problemResponse, type Refusal } from "./problem.ts";
import { listAudit } from "./routes/audit.ts";
import { pathId } from "./routes/body.ts";
import * as hosts from "./routes/hosts.ts";
import * as identity from "./routes/identity.ts";
import * as links from "./routes/links.ts";
import * as servers from "./routes/servers.ts";
import * as sessions from "./routes/sessions.ts";
import { isUpgrade, refuseUpgrade } from "./sockets.ts";

/**
 * Every route of the edge, top to bottom. Upgrades are decided here, by path, and nowhere else.
 * Each route says first what it needs (identity/guard.ts); one that says nothing does not start.
 */
export const app = new Hono<AppEnv>();

app.use(
  "/api/*",
  decorate(async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
    c.header("x-content-type-options", "nosniff");
  }),
);

app.use("/api/*", shareWithListed);

app.get("/api/health", needs.nobody, (c) => c.json({ status: "ok" }));

app.post("/api/login", needs.secret, identity.login);
app.post("/api/logout", needs.nobody, identity.logout);
app.post("/api/login/links", needs.admin, identity.createSignInLink);
app.get("/api/logins", needs.admin, identity.listLogins);
app.delete("/api/logins/:id", needs.admin, identity.endLogin);
app.get("/api/keys", needs.admin, identity.listKeys);
app.post("/api/keys", needs.admin, identity.createKey);
app.delete("/api/keys/:id", needs.admin, identity.revokeKey);
app.get("/api/audit", needs.admin, listAudit);

app.get("/api/hosts", needs.viewer, hosts.listHosts);
app.get("/api/hosts/join-tokens", needs.operator, hosts.listJoinTokens);
app.post("/api/hosts/join-tokens", needs.operator, hosts.createJoinToken);
app.delete("/api/hosts/join-tokens/:id", needs.operator, hosts.revokeJoinToken);
app.get("/api/hosts/:id", needs.viewer, hosts.getHost);
app.delete("/api/hosts/:id", needs.operator, hosts.removeHost);
app.post("/api/hosts/:id/scan", needs.operator, hosts.scanHost);

app.get("/api/vnc/sessions", needs.viewer, sessions.listSessions);
app.post("/api/vnc/sessions", needs.operator, sessions.createSession);
app.get("/api/vnc/session/:id", needs.guest, sessions.getSession);
app.delete("/api/vnc/session/:id", needs.operator, sessions.endSession);
app.post("/api/vnc/session/:id/tickets", needs.guest, sessions.createTicket);
app.get("/api/vnc/session/:id/links", needs.operator, links.listLinks);
app.post("/api/vnc/session/:id/links", needs.operator, links.createLink);
app.delete("/api/vnc/session/:id/links/:link_id", needs.operator, links.revokeLink);
app.post("/api/links/redeem", needs.secret, links.redeemLink);

app.get("/api/servers/:serverId/vnc", needs.viewer, servers.getVnc);
app.post("/api/servers/:serverId/vnc/enable", needs.operator, servers.enableVnc);
app.post("/api/servers/:serverId/vnc/disable", needs.operator, servers.disableVnc);

app.post("/api/agent/join", needs.secret, hosts.joinAgent);
app.all("/agent/link", needs.agent, hosts.agentLink);
app.all("/agent/stream/:session/:stream", needs.agent, hosts.agentStream);

app.all("/vnc-stream/:id", needs.socket, (c) => sessions.viewerStream(c, pathId(c, "id")));
app.all("/vnc-proxy", needs.socket, (c) => {
  const id = c.req.query("session") ?? "";
  if (!isId(id)) throw new ProblemError(400, "malformed_id", "Name the session: ?session=<id>");
  return sessions.viewerStream(c, id);
});
app.all("/chat-ws", needs.socket, sessions.chat);

assertGuarded(app);

/** Where people's WebSockets come: a refusal there is a close code, which a browser can see. */
const VIEWER_PATHS = /^\/(vnc-stream\/|vnc-proxy$|chat-ws$)/;

function answer(request: Request, refusal: Refusal): Response {
  const isViewer = VIEWER_PATHS.test(new URL(request.url).pathname);
  return isViewer && isUpgrade(request)
    ? refuseUpgrade(request, refusal)
    : problemResponse(refusal);
}

app.notFound((c) =>
  answer(c.req.raw, {
    status: 404,
    code: "no_such_route",
    detail: `Nothing answers ${c.req.method} at this address.`,
  }),
);

app.onError((error, c) => {
  if (error instanceof ProblemError) return answer(c.req.raw, error.refusal);
  const path = new URL(c.req.url).pathname;
  log("request.failed", { method: c.req.method, path, error: describeError(error) });
  const detail = "Something went wrong here; it was logged. Trying again may help.";
  return answer(c.req.raw, { status: 500, code: "internal", detail });
});

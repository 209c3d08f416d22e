import { Hono, type MiddlewareHandler } from "hono";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { PersonRole } from "../../protocol/api.ts";
import { bearer } from "../support/call.ts";
import { People } from "../support/people.ts";
import { type Rig, startRig } from "../support/rig.ts";

// The app is also loaded here, in Node, to read its routes; no object of it is ever made.
vi.mock("cloudflare:workers", () => ({ DurableObject: class {}, RpcTarget: class {} }));

type Route = { method: string; path: string };
type GuardModule = {
  assertGuarded(app: Hono): void;
  decorate(handler: MiddlewareHandler): MiddlewareHandler;
  needs: Record<"nobody" | "admin", MiddlewareHandler>;
};
// Named by variables: the Worker's own types are not those of this project.
const [appFile, guardFile] = ["../../worker/app.ts", "../../worker/identity/guard.ts"].map(
  (file) => new URL(file, import.meta.url).pathname,
) as [string, string];

const NOBODYS_ID = "nobody-knows-this";

/** What each REST call is answered to nobody, and to a key of each role. */
const REST: [route: string, body: object | null, Record<"nobody" | PersonRole, number>][] = [
  ["GET /api/health", null, { nobody: 200, viewer: 200, operator: 200, admin: 200 }],
  ["GET /api/openapi.json", null, { nobody: 200, viewer: 200, operator: 200, admin: 200 }],
  ["GET /api/docs", null, { nobody: 200, viewer: 200, operator: 200, admin: 200 }],
  ["GET /metrics", null, { nobody: 401, viewer: 200, operator: 200, admin: 200 }],
  ["POST /api/login", {}, { nobody: 400, viewer: 400, operator: 400, admin: 400 }],
  ["POST /api/logout", null, { nobody: 204, viewer: 204, operator: 204, admin: 204 }],
  ["POST /api/login/links", null, { nobody: 401, viewer: 403, operator: 403, admin: 201 }],
  ["GET /api/me", null, { nobody: 401, viewer: 200, operator: 200, admin: 200 }],
  ["GET /api/logins", null, { nobody: 401, viewer: 403, operator: 403, admin: 200 }],
  ["DELETE /api/logins/:id", null, { nobody: 401, viewer: 403, operator: 403, admin: 404 }],
  ["GET /api/keys", null, { nobody: 401, viewer: 403, operator: 403, admin: 200 }],
  ["POST /api/keys", {}, { nobody: 401, viewer: 403, operator: 403, admin: 400 }],
  ["DELETE /api/keys/:id", null, { nobody: 401, viewer: 403, operator: 403, admin: 404 }],
  ["GET /api/audit", null, { nobody: 401, viewer: 403, operator: 403, admin: 200 }],
  ["GET /api/hosts", null, { nobody: 401, viewer: 200, operator: 200, admin: 200 }],
  ["GET /api/hosts/:id", null, { nobody: 401, viewer: 404, operator: 404, admin: 404 }],
  [
    "PATCH /api/hosts/:id",
    { label: null },
    { nobody: 401, viewer: 403, operator: 404, admin: 404 },
  ],
  ["DELETE /api/hosts/:id", null, { nobody: 401, viewer: 403, operator: 404, admin: 404 }],
  ["POST /api/hosts/:id/scan", null, { nobody: 401, viewer: 403, operator: 404, admin: 404 }],
  ["GET /api/hosts/join-tokens", null, { nobody: 401, viewer: 403, operator: 200, admin: 200 }],
  ["POST /api/hosts/join-tokens", {}, { nobody: 401, viewer: 403, operator: 201, admin: 201 }],
  [
    "DELETE /api/hosts/join-tokens/:id",
    null,
    { nobody: 401, viewer: 403, operator: 404, admin: 404 },
  ],
  ["GET /api/vnc/sessions", null, { nobody: 401, viewer: 200, operator: 200, admin: 200 }],
  ["POST /api/vnc/sessions", {}, { nobody: 401, viewer: 403, operator: 400, admin: 400 }],
  ["GET /api/vnc/session/:id", null, { nobody: 401, viewer: 404, operator: 404, admin: 404 }],
  ["DELETE /api/vnc/session/:id", null, { nobody: 401, viewer: 403, operator: 404, admin: 404 }],
  [
    "POST /api/vnc/session/:id/tickets",
    { role: "control" },
    { nobody: 401, viewer: 403, operator: 404, admin: 404 },
  ],
  ["GET /api/vnc/session/:id/links", null, { nobody: 401, viewer: 403, operator: 404, admin: 404 }],
  [
    "POST /api/vnc/session/:id/links",
    { role: "control" },
    { nobody: 401, viewer: 403, operator: 404, admin: 404 },
  ],
  [
    "DELETE /api/vnc/session/:id/links/:link_id",
    null,
    { nobody: 401, viewer: 403, operator: 404, admin: 404 },
  ],
  ["POST /api/vnc/apply-job", {}, { nobody: 401, viewer: 403, operator: 400, admin: 400 }],
  ["POST /api/vnc/batch-apply", {}, { nobody: 401, viewer: 403, operator: 400, admin: 400 }],
  ["GET /api/vnc/batch/:id", null, { nobody: 401, viewer: 404, operator: 404, admin: 404 }],
  ["DELETE /api/vnc/batch/:id", null, { nobody: 401, viewer: 403, operator: 404, admin: 404 }],
  ["GET /api/vnc/session/:id/log", null, { nobody: 401, viewer: 403, operator: 404, admin: 404 }],
  // 501: this edge has no hosting panel.
  ["GET /api/servers/:serverId/vnc", null, { nobody: 401, viewer: 501, operator: 501, admin: 501 }],
  [
    "POST /api/servers/:serverId/vnc/enable",
    null,
    { nobody: 401, viewer: 403, operator: 501, admin: 501 },
  ],
  [
    "POST /api/servers/:serverId/vnc/disable",
    null,
    { nobody: 401, viewer: 403, operator: 501, admin: 501 },
  ],
  ["POST /api/links/redeem", {}, { nobody: 400, viewer: 400, operator: 400, admin: 400 }],
  ["GET /api/chat/rooms", null, { nobody: 401, viewer: 403, operator: 200, admin: 200 }],
  [
    "GET /api/chat/rooms/:room/messages",
    null,
    { nobody: 401, viewer: 400, operator: 400, admin: 400 },
  ],
  ["GET /api/chat/support", null, { nobody: 404, viewer: 404, operator: 404, admin: 404 }],
  ["POST /api/chat/support", { a: 1 }, { nobody: 400, viewer: 400, operator: 400, admin: 400 }],
  ["POST /api/agent/join", {}, { nobody: 400, viewer: 400, operator: 400, admin: 400 }],
];

/** How each WebSocket for people is closed, without a credential and with the lowest role. */
const SOCKETS: [route: string, path: string, nobody: number, viewer: number][] = [
  ["ALL /vnc-stream/:id", `/vnc-stream/${NOBODYS_ID}`, 4401, 4404],
  ["ALL /vnc-proxy", `/vnc-proxy?session=${NOBODYS_ID}`, 4401, 4404],
  ["ALL /chat-ws", `/chat-ws?room=session:${NOBODYS_ID}`, 4401, 4404],
];

/** The WebSocket that is for persons and keys alone, of no session. */
const EVENTS = "/api/events";

/** The HTTP status with which each WebSocket for agents is refused, without and with a bad token. */
const AGENT_SOCKETS: [route: string, path: string, status: number][] = [
  ["ALL /agent/link", "/agent/link", 401],
  // Nobody waits for it; for one that is waited for, see streams.test.ts.
  ["ALL /agent/stream/:session/:stream", `/agent/stream/${NOBODYS_ID}/x`, 410],
];

let rig: Rig;
let people: People;
const keys = new Map<PersonRole, string>();

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  for (const role of ["viewer", "operator", "admin"] as const) {
    keys.set(role, (await people.key(role)).key);
  }
});

afterAll(() => rig.stop());

describe("the app", () => {
  it("has no route that the tables of this test do not list, and every one that they do", async () => {
    const { app } = (await import(appFile)) as { app: { routes: Route[] } };
    const routes = new Set(app.routes.map(({ method, path }) => `${method} ${path}`));
    routes.delete("ALL /api/*"); // adds headers to what the routes answer, and answers preflights
    const listed = [...REST, ...SOCKETS, ...AGENT_SOCKETS].map(([route]) => route);
    expect([...routes].sort()).toEqual([...listed, `ALL ${EVENTS}`].sort());
  });
});

describe("a REST call", () => {
  for (const [route, body, statuses] of REST) {
    const [method = "", path = ""] = route.split(" ");
    for (const [who, status] of Object.entries(statuses) as [PersonRole | "nobody", number][]) {
      it(`${route} by ${who} is answered ${status}`, async () => {
        const key = who === "nobody" ? null : keys.get(who);
        const answer = await people.call(path.replaceAll(/:\w+/g, NOBODYS_ID), {
          method,
          headers: key ? bearer(key) : {},
          ...(body && { body }),
        });
        expect(answer.status).toBe(status);
      });
    }
  }

  it("with a key that was never made is a 401, whatever else it carries", async () => {
    const headers = { ...bearer(`phk_${"A".repeat(43)}`), cookie: await people.signIn() };
    expect((await people.call("/api/hosts", { headers })).status).toBe(401);
  });
});

describe("an upgrade", () => {
  it.each(SOCKETS)("of %s without a credential is closed with 4401", async (_, path, code) => {
    expect((await people.socket(path, {}).closed).code).toBe(code);
  });

  it.each(SOCKETS)(
    "of %s by a viewer's key is let through to the session, which there is not",
    async (_route, path, _nobody, code) => {
      const key = bearer(keys.get("viewer") ?? "");
      expect((await people.socket(path, key).closed).code).toBe(code);
    },
  );

  it(`of ${EVENTS} is for any role, for no ticket or guest, and from our own pages only`, async () => {
    expect((await people.socket(EVENTS, {}).closed).code).toBe(4401);
    expect((await people.socket(EVENTS, { ticket: "x" }).closed).code).toBe(4401);
    expect((await people.socket(EVENTS, bearer("wrong")).closed).code).toBe(4401);
    const cookie = await people.signIn();
    const foreign = { cookie, origin: "https://elsewhere.example" };
    expect((await people.socket(EVENTS, foreign).closed).code).toBe(4403);
    expect((await people.socket(EVENTS, { cookie }).closed).code).toBe(4403);
    for (const credential of [people.browser(cookie), bearer(keys.get("viewer") ?? "")]) {
      const watcher = people.events(credential);
      expect((await watcher.first()).kind).toBe("ready");
      await watcher.close();
    }
    expect((await people.call(EVENTS, { headers: bearer(keys.get("viewer") ?? "") })).status).toBe(
      426,
    );
  });

  it.each(AGENT_SOCKETS)(
    "of %s without a token, or with a person's, is refused by its HTTP status",
    async (_route, path, status) => {
      const upgrade = {
        connection: "upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
      };
      const headers = { ...upgrade, "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" };
      expect((await people.call(path, { headers })).status).toBe(status);
      const asAdmin = { ...headers, ...bearer(keys.get("admin") ?? "") };
      expect((await people.call(path, { headers: asAdmin })).status).toBe(status);
    },
  );
});

describe("an app does not start", () => {
  let guard: GuardModule;
  const answer: MiddlewareHandler = async (c) => c.text("open to all");

  beforeAll(async () => {
    guard = (await import(guardFile)) as GuardModule;
  });

  const start = (build: (app: Hono) => void) => () => {
    const app = new Hono();
    app.get("/good", guard.needs.admin, answer);
    build(app);
    guard.assertGuarded(app);
  };

  it("with a route that declares nothing, and names it", () => {
    expect(start((app) => app.get("/open", answer))).toThrow(/GET \/open$/);
  });

  it("with a route whose guard is not first", () => {
    expect(start((app) => app.post("/late", answer, guard.needs.admin))).toThrow(/POST \/late$/);
  });

  it("with a route that catches all and declares nothing", () => {
    expect(start((app) => app.all("/all/*", answer))).toThrow(/ALL \/all\/\*$/);
  });

  it("with a middleware that nobody declared harmless", () => {
    expect(start((app) => app.use(answer))).toThrow(/ALL \/\*$/);
  });

  it("but does with routes that all declare, and with a declared middleware before them", () => {
    const build = (app: Hono) => {
      app.use("/api/*", guard.decorate(answer));
      app.get("/open", guard.needs.nobody, answer);
    };
    expect(start(build)).not.toThrow();
  });
});

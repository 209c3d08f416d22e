import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, bearer } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { expectServed, People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { Viewer } from "../support/viewer.ts";

const PANEL = "https://panel.example";
const JOB_RUNNER = "http://localhost:3000";
/** As an operator may write it; `null` would be any sandboxed page. */
const ALLOWED_ORIGINS = `${PANEL}, ${JOB_RUNNER} null`;

const STRANGERS = [
  "https://evil.example",
  "null",
  "http://panel.example",
  "https://panel.example:8443",
  "https://panel.example.evil.com",
  "https://evil-panel.example",
  "https://PANEL.example",
  "https://panel.example/",
  "https://panel.example, https://evil.example",
  "*",
];

let rig: Rig;
let people: People;
let desktop: Desktop;

beforeAll(async () => {
  rig = await startRig({ ALLOWED_ORIGINS });
  people = new People(rig);
  desktop = await Desktop.start(rig);
});

afterAll(async () => {
  await desktop.stop();
  await rig.stop();
});

/** What a browser asks before it sends a page's call. */
const preflight = (origin: string, path: string, method: string) =>
  people.call(path, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": method,
      "access-control-request-headers": "authorization,content-type",
    },
  });

const grants = (answer: Answer) =>
  Object.keys(answer.headers).filter((name) => name.startsWith("access-control-"));

const words = (header: unknown) =>
  String(header)
    .toLowerCase()
    .split(/\s*,\s*/);

describe("a page of a listed origin", () => {
  it.each([
    [PANEL, "/api/vnc/sessions", "POST"],
    [PANEL, "/api/vnc/session/nobody-knows-this", "DELETE"],
    [JOB_RUNNER, "/api/hosts", "GET"],
  ])("%s may call %s with %s: its preflight needs no credential", async (origin, path, method) => {
    const answer = await preflight(origin, path, method);
    expect(answer.status).toBe(204);
    expect(answer.headers["access-control-allow-origin"]).toBe(origin);
    expect(words(answer.headers["access-control-allow-methods"])).toContain(method.toLowerCase());
    const headers = words(answer.headers["access-control-allow-headers"]);
    expect(headers).toEqual(["authorization", "content-type", "idempotency-key", "if-none-match"]);
    expect(words(answer.headers.vary)).toContain("origin");
  });

  it("reads what its key may read", async () => {
    const { key } = await people.key("viewer");
    const answer = await people.call("/api/hosts", { headers: { ...bearer(key), origin: PANEL } });
    expect(answer.status).toBe(200);
    expect(answer.headers["access-control-allow-origin"]).toBe(PANEL);
    expect(words(answer.headers.vary)).toContain("origin");
  });

  it.each([
    ["a wrong token", "/api/hosts", 401, bearer("wrong")],
    ["a role too low", "/api/keys", 403, null],
    ["nothing there", "/api/vnc/session/nobody-knows-this", 404, null],
    ["no such call", "/api/nowhere", 404, null],
    ["a malformed id", "/api/vnc/session/%20", 400, null],
  ])("reads an error too: %s", async (_what, path, status, headers) => {
    const own = headers ?? bearer((await people.key("viewer")).key);
    const answer = await people.call(path, { headers: { ...own, origin: PANEL } });
    expect(answer.status).toBe(status);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    expect(answer.headers["access-control-allow-origin"]).toBe(PANEL);
    expect(words(answer.headers.vary)).toContain("origin");
  });

  it("is told nothing of credentials, so that its browser reads nothing by a cookie", async () => {
    const cookie = await people.signIn();
    const headers = { cookie, origin: PANEL };
    for (const answer of [
      await people.call("/api/hosts", { headers }),
      await preflight(PANEL, "/api/hosts", "GET"),
    ]) {
      expect(answer.headers["access-control-allow-origin"]).toBe(PANEL);
      expect(answer.headers["access-control-allow-credentials"]).toBeUndefined();
    }
  });

  it("can do nothing by a cookie of ours: not connect, not write, not sign out", async () => {
    const session = await desktop.session();
    const cookie = await people.signIn();
    const link = await people.shareLink(session);
    const guest = (await people.redeem(link.secret)).cookie;
    const own = people.browser(cookie);
    const room = await people.call("/api/chat/support", {
      method: "POST",
      body: { name: "Gus" },
      headers: { origin: rig.edge.url },
    });
    for (const headers of [
      { cookie, origin: PANEL },
      { cookie: guest, origin: PANEL },
    ]) {
      expect((await people.stream(session, headers).closed).code).toBe(4403);
      expect((await people.chat(session, headers).closed).code).toBe(4403);
      expect((await people.askTicket(session, headers, { role: "view" })).status).toBe(403);
    }
    const headers = { cookie, origin: PANEL };
    expect((await people.socket("/api/events", headers).closed).code).toBe(4403);
    for (const path of ["/api/login/links", "/api/hosts/join-tokens", "/api/logout"]) {
      const answer = await people.call(path, { method: "POST", headers });
      expect(answer).toMatchObject({ status: 403, code: "origin_not_allowed" });
    }
    const inSupport = { cookie: room.cookie, origin: PANEL };
    expect((await people.call("/api/chat/support", { headers: inSupport })).status).toBe(403);
    expect((await people.call("/api/hosts", { headers: own })).status).toBe(200);
  });

  it("is served with a ticket, whatever cookie its browser sends along", async () => {
    const session = await desktop.session();
    const ticket = await people.ticket(session, bearer(ADMIN_TOKEN));
    const url = `${rig.edge.url.replace("http", "ws")}/vnc-stream/${session}?ticket=${ticket}`;
    const headers = { cookie: await people.signIn() };
    const viewer = new Viewer(url, { origin: PANEL, headers });
    await expectServed(viewer);
    await viewer.close();
  });

  it("has no more rights than its credential: without one it is refused as ever", async () => {
    const answer = await people.call("/api/hosts", { headers: { origin: PANEL } });
    expect(answer).toMatchObject({ status: 401, code: "not_signed_in" });
  });

  it("does nothing by a preflight, whatever it carries", async () => {
    const made = await people.key("viewer");
    const answer = await people.call(`/api/keys/${made.key_id}`, {
      method: "OPTIONS",
      headers: { ...bearer(ADMIN_TOKEN), origin: PANEL, "access-control-request-method": "DELETE" },
    });
    expect(answer).toMatchObject({ status: 204, text: "" });
    expect((await people.call("/api/hosts", { headers: bearer(made.key) })).status).toBe(200);
  });
});

describe("a page of another origin", () => {
  it.each(STRANGERS)("%s is granted nothing, by a preflight or an answer", async (origin) => {
    const asked = await preflight(origin, "/api/hosts", "GET");
    expect(asked.status).toBe(404);
    expect(grants(asked)).toEqual([]);
    const called = await people.call("/api/hosts", {
      headers: { ...bearer(ADMIN_TOKEN), origin },
    });
    expect(called.status).toBe(200); // a key is no browser's to send: only reading is refused
    expect(grants(called)).toEqual([]);
    expect(words(called.headers.vary)).toContain("origin");
    const refused = await people.call("/api/hosts", { headers: { origin } });
    expect(refused.status).toBe(401);
    expect(grants(refused)).toEqual([]);
  });

  it("that calls itself null cannot use a cookie, though the list has that word", async () => {
    const cookie = await people.signIn();
    const answer = await people.call("/api/hosts", { headers: { cookie, origin: "null" } });
    expect(answer).toMatchObject({ status: 403, code: "origin_not_allowed" });
  });
});

describe("an edge without a list", () => {
  it("grants no origin anything, not even the empty one", async () => {
    const alone = await startRig();
    for (const origin of [PANEL, "", "undefined"]) {
      const answer = await new People(alone).call("/api/health", { headers: { origin } });
      expect(answer.status).toBe(200);
      expect(grants(answer)).toEqual([]);
    }
    await alone.stop();
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../protocol/api.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { greetAndEcho, TcpServer } from "../support/tcp-server.ts";
import { Viewer } from "../support/viewer.ts";

const AS_ADMIN = { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } };

let rig: Rig;
let server: TcpServer;
let session: Session;

beforeAll(async () => {
  rig = await startRig();
  server = await TcpServer.listen(greetAndEcho);
  const agent = await rig.startAgent({ allow: [`127.0.0.1:${server.port}`] });
  session = await rig.api.createSession({ host_id: agent.hostId, port: server.port });
});

afterAll(async () => {
  await rig.stop();
  await server.close();
});

const socketUrl = (path: string) => rig.edge.url.replace("http", "ws") + path;
const call = (path: string, init?: RequestInit) => fetch(rig.edge.url + path, init);
const problemOf = async (response: Response) => ({
  status: response.status,
  type: response.headers.get("content-type"),
  code: ((await response.json()) as { code: string }).code,
});

describe("an upgrade for a viewer", () => {
  it("of an unknown session is closed with 4404 and a sentence", async () => {
    const viewer = new Viewer(socketUrl("/vnc-stream/nobody-knows-this"), AS_ADMIN);
    expect(await viewer.closed).toEqual({ code: 4404, reason: "There is no such session." });
  });

  it.each(["/vnc-stream/a%20b", "/vnc-stream/%3Cscript%3E", `/vnc-stream/${"x".repeat(65)}`])(
    "of a malformed session id (%s) is closed with 4400",
    async (path) => {
      expect((await new Viewer(socketUrl(path), AS_ADMIN).closed).code).toBe(4400);
    },
  );

  it("of an ended session is closed with 4410 and the reason it ended for", async () => {
    const ended = await rig.api.createSession({
      host_id: session.host_id ?? "",
      port: server.port,
    });
    await rig.api.endSession(ended.session_id);
    const viewer = new Viewer(ended.websocket_url, AS_ADMIN);
    expect(await viewer.closed).toEqual({
      code: 4410,
      reason: "The operator ended this session.",
    });
  });

  it("without a credential is closed with 4401", async () => {
    expect((await new Viewer(session.websocket_url).closed).code).toBe(4401);
  });

  it("with a wrong token is closed with 4401 even where a cookie would do", async () => {
    const headers = { authorization: "Bearer wrong", cookie: await signIn() };
    expect((await new Viewer(session.websocket_url, { headers }).closed).code).toBe(4401);
  });

  it("with a ticket that was used is closed with 4401", async () => {
    const { websocket_url } = await rig.api.ticket(session.session_id);
    await (await new Viewer(websocket_url).opened()).close();
    expect((await new Viewer(websocket_url).closed).code).toBe(4401);
  });

  it("lets one of 20 in that come with the same ticket at once", async () => {
    const { websocket_url } = await rig.api.ticket(session.session_id);
    const viewers = Array.from({ length: 20 }, () => new Viewer(websocket_url));
    const outcomes = viewers.map((viewer) =>
      Promise.race([
        viewer.receive(12).then(() => "let in"),
        viewer.closed.then(({ code }) => code),
      ]),
    );
    const results = await Promise.all(outcomes);
    expect(results.filter((result) => result === "let in")).toHaveLength(1);
    expect(results.filter((result) => result === 4401)).toHaveLength(19);
    for (const viewer of viewers) viewer.socket.terminate();
  });

  it("with a ticket of another session is closed with 4401, and the ticket is still good", async () => {
    const other = await rig.api.createSession({
      host_id: session.host_id ?? "",
      port: server.port,
    });
    const { ticket, websocket_url } = await rig.api.ticket(other.session_id);
    const viewer = new Viewer(`${session.websocket_url}?ticket=${ticket}`);
    expect((await viewer.closed).code).toBe(4401);
    await (await new Viewer(websocket_url).opened()).close();
  });

  it.each([
    ["a foreign page", "https://evil.example"],
    ["a look-alike page", "http://127.0.0.1.evil.example"],
    ["a sandboxed page", "null"],
  ])("from %s is closed with 4403, with a ticket and with a cookie", async (_who, origin) => {
    const { websocket_url } = await rig.api.ticket(session.session_id);
    expect((await new Viewer(websocket_url, { origin }).closed).code).toBe(4403);
    const cookie = await signIn();
    const viewer = new Viewer(session.websocket_url, { origin, headers: { cookie } });
    expect((await viewer.closed).code).toBe(4403);
  });

  it("with a cookie but no origin is closed with 4403; from our own page it is let in", async () => {
    const cookie = await signIn();
    const nowhere = new Viewer(session.websocket_url, { headers: { cookie } });
    expect((await nowhere.closed).code).toBe(4403);
    const ours = new Viewer(session.websocket_url, { origin: rig.edge.url, headers: { cookie } });
    expect((await ours.receive(12)).toString()).toBe("RFB 003.008\n");
    await ours.close();
  });

  it("that says who it is in our own header is not believed", async () => {
    const headers = { "x-porthole-viewer": JSON.stringify({ name: "admin" }) };
    expect((await new Viewer(session.websocket_url, { headers }).closed).code).toBe(4401);
  });

  it("gets the subprotocol binary back if it offers it, and none if it does not", async () => {
    const stock = new Viewer(session.websocket_url, AS_ADMIN, ["base64", "binary"]);
    expect((await stock.opened()).socket.protocol).toBe("binary");
    await stock.close();
    const refused = new Viewer(socketUrl("/vnc-stream/nobody-knows-this"), AS_ADMIN, ["binary"]);
    expect((await refused.closed).code).toBe(4404);
    const plain = await new Viewer(session.websocket_url, AS_ADMIN).opened();
    expect(plain.socket.protocol).toBe("");
    await plain.close();
  });

  it("is served by the old name /vnc-proxy too", async () => {
    const viewer = new Viewer(socketUrl(`/vnc-proxy?session=${session.session_id}`), AS_ADMIN);
    expect((await viewer.receive(12)).toString()).toBe("RFB 003.008\n");
    await viewer.close();
    const nameless = new Viewer(socketUrl("/vnc-proxy"), AS_ADMIN);
    expect((await nameless.closed).code).toBe(4400);
  });
});

describe("a chat upgrade", () => {
  it.each([
    ["/chat-ws", 4400],
    ["/chat-ws?room=kitchen", 4400],
    ["/chat-ws?room=support:unknown", 4404],
    ["/chat-ws?room=session:nobody-knows-this", 4404],
  ])("for %s is closed with %i", async (path, code) => {
    expect((await new Viewer(socketUrl(path), AS_ADMIN).closed).code).toBe(code);
  });
});

describe("a request that is no upgrade", () => {
  const paths = () => [
    `/vnc-stream/${session.session_id}`,
    "/vnc-stream/nobody-knows-this",
    "/vnc-proxy?session=x",
    "/chat-ws?room=session:x",
    "/agent/link",
    "/agent/stream/a/b",
  ];

  it("is answered with 426 and a problem on every WebSocket route, by GET and by POST", async () => {
    for (const path of paths()) {
      for (const method of ["GET", "POST"]) {
        const response = await call(path, { method });
        expect(await problemOf(response), `${method} ${path}`).toEqual({
          status: 426,
          type: "application/problem+json",
          code: "upgrade_required",
        });
      }
    }
  });
});

describe("a REST call", () => {
  it.each([
    ["GET", "/api/hosts"],
    ["GET", "/api/hosts/x"],
    ["DELETE", "/api/hosts/x"],
    ["POST", "/api/hosts/x/scan"],
    ["POST", "/api/hosts/join-tokens"],
    ["GET", "/api/vnc/sessions"],
    ["POST", "/api/vnc/sessions"],
    ["GET", "/api/vnc/session/x"],
    ["DELETE", "/api/vnc/session/x"],
    ["POST", "/api/vnc/session/x/tickets"],
    ["POST", "/api/login/links"],
  ])("%s %s without a credential is a 401 problem", async (method, path) => {
    expect(await problemOf(await call(path, { method }))).toMatchObject({
      status: 401,
      code: "not_signed_in",
    });
  });

  const post = (path: string, body: string, type = "application/json") =>
    call(path, {
      method: "POST",
      body,
      headers: { ...AS_ADMIN.headers, "content-type": type },
    });

  it.each([
    ["not JSON", "{", 400, "malformed_json"],
    ["no host", "{}", 400, "invalid_body"],
    ["a field that there is not", '{"host_id":"a","port":1,"x":1}', 400, "invalid_body"],
    ["both display and port", '{"host_id":"a","port":1,"display":1}', 400, "invalid_body"],
    ["neither display nor port", '{"host_id":"a"}', 400, "invalid_body"],
    ["a port that is none", '{"host_id":"a","port":70000}', 400, "invalid_body"],
    ["control by vote", '{"host_id":"a","port":1,"control":"vote"}', 400, "invalid_body"],
    ["half a clipboard", '{"host_id":"a","port":1,"clipboard":"from_host"}', 400, "invalid_body"],
    ["no password", '{"host_id":"a","port":1,"password":""}', 400, "invalid_body"],
    ["a password that is none", '{"host_id":"a","port":1,"password":7}', 400, "invalid_body"],
    [
      "a password of 256 characters",
      `{"host_id":"a","port":1,"password":"${"p".repeat(256)}"}`,
      400,
      "invalid_body",
    ],
    ["an unknown host", '{"host_id":"a","port":5900}', 404, "no_such_host"],
    ["65 KiB", JSON.stringify({ host_id: "a".repeat(65 * 1024) }), 413, "body_too_large"],
  ])("that makes a session with %s is refused", async (_what, body, status, code) => {
    expect(await problemOf(await post("/api/vnc/sessions", body))).toMatchObject({ status, code });
  });

  it("with a body that is not declared as JSON is a 415 problem", async () => {
    const response = await post("/api/vnc/sessions", "{}", "text/plain");
    expect(await problemOf(response)).toMatchObject({ status: 415 });
  });

  it.each([
    ["GET", "/api/vnc/session/nobody-knows-this", 404],
    ["GET", "/api/vnc/session/a%20b", 400],
    ["DELETE", "/api/vnc/session/nobody-knows-this", 404],
    ["GET", "/api/hosts/nobody-knows-this", 404],
    ["DELETE", "/api/hosts/nobody-knows-this", 404],
    ["POST", "/api/hosts/nobody-knows-this/scan", 404],
    ["GET", "/api/nothing-here", 404],
    ["PUT", "/api/hosts", 404],
  ])("%s %s is a %i problem", async (method, path, status) => {
    const response = await call(path, { method, ...AS_ADMIN });
    expect(await problemOf(response)).toMatchObject({
      status,
      type: "application/problem+json",
    });
  });

  it("that asks for an id which is nobody's leaves no object behind", async () => {
    await call("/api/vnc/session/never-made", AS_ADMIN);
    await new Viewer(socketUrl("/vnc-stream/never-made"), AS_ADMIN).closed;
    // Miniflare notes the name of each object that it starts; the rest would be ours.
    const tables =
      "SELECT name FROM sqlite_master WHERE name NOT GLOB '_cf*' AND name NOT GLOB '__miniflare*'";
    expect(await rig.stored("VncSession", "never-made", tables)).toEqual([]);
    expect(await rig.stored("VncSession", session.session_id, tables)).not.toEqual([]);
  });
});

describe("signing in", () => {
  it("with a wrong admin token is a 401 problem and sets no cookie", async () => {
    const response = await login({ admin_token: "wrong" });
    expect(response.headers.get("set-cookie")).toBeNull();
    expect(await problemOf(response)).toMatchObject({ status: 401 });
  });

  it("with a one-time link works once", async () => {
    const link = new URL((await rig.api.signInLink()).url).hash.slice(1);
    expect((await login({ link })).status).toBe(204);
    expect(await problemOf(await login({ link }))).toMatchObject({ status: 401, code: "bad_link" });
  });

  it("from a foreign page is refused", async () => {
    const response = await login({ admin_token: ADMIN_TOKEN }, { origin: "https://evil.example" });
    expect(await problemOf(response)).toMatchObject({ status: 403 });
  });

  it("sets an HttpOnly cookie that works until signing out", async () => {
    const response = await login({ admin_token: ADMIN_TOKEN });
    const cookie = response.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^porthole=\S+;.*HttpOnly/);
    expect(cookie).toContain("SameSite=Lax");
    const headers = { cookie: cookie.split(";")[0] ?? "" };
    expect((await call("/api/hosts", { headers })).status).toBe(200);
    const fromOurs = { ...headers, origin: rig.edge.url };
    await call("/api/logout", { method: "POST", headers: fromOurs });
    expect((await call("/api/hosts", { headers })).status).toBe(401);
  });

  it("does not let a foreign page write with the cookie", async () => {
    const headers = { cookie: await signIn(), origin: "https://evil.example" };
    const path = `/api/vnc/session/${session.session_id}`;
    expect((await call(path, { method: "DELETE", headers })).status).toBe(403);
    const { origin: _, ...nowhere } = headers;
    expect((await call(path, { method: "DELETE", headers: nowhere })).status).toBe(403);
    expect((await rig.api.session(session.session_id)).status).toBe("active");
  });
});

function login(body: object, headers: Record<string, string> = {}): Promise<Response> {
  return call("/api/login", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

async function signIn(): Promise<string> {
  const response = await login({ admin_token: ADMIN_TOKEN });
  return (response.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

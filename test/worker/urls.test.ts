import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Page, Session, ShareLink, Ticket } from "../../protocol/api.ts";
import { bearer, call } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { expectServed } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { Viewer } from "../support/viewer.ts";

let rig: Rig;
let desktop: Desktop;
let behindProxy: Rig;

beforeAll(async () => {
  rig = await startRig();
  desktop = await Desktop.start(rig);
  behindProxy = await startRig({}, { trustProxy: true });
});

afterAll(async () => {
  await desktop.stop();
  await Promise.all([rig.stop(), behindProxy.stop()]);
});

/** What a client could write to be given the addresses of another site. */
const CLAIMS = {
  forwarded: "for=203.0.113.9;host=evil.example;proto=https",
  "x-forwarded-host": "evil.example",
  "x-forwarded-port": "444",
  "x-forwarded-proto": "https",
  "x-original-host": "evil.example",
};

/** Asks as one who came to an origin, which on the network is the request's own URL. */
async function ask<Body>(origin: string, path: string, body?: object): Promise<Body> {
  const response = await rig.edge.miniflare.dispatchFetch(origin + path, {
    method: body ? "POST" : "GET",
    headers: { ...bearer(ADMIN_TOKEN), ...CLAIMS, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  expect(response.ok).toBe(true);
  return (await response.json()) as Body;
}

describe("the addresses of a session", () => {
  it.each([
    ["https://porthole.team.workers.dev", "wss://porthole.team.workers.dev"],
    ["https://screens.example", "wss://screens.example"],
    ["https://screens.example:8443", "wss://screens.example:8443"],
    ["http://127.0.0.1:8787", "ws://127.0.0.1:8787"],
    ["http://[::1]:8080", "ws://[::1]:8080"],
  ])("asked for at %s are there, whatever headers claim", async (origin, sockets) => {
    const wishes = { host_id: desktop.agent.hostId, port: desktop.server.port };
    const made = await ask<Session>(origin, "/api/vnc/sessions", wishes);
    const path = `/api/vnc/session/${made.session_id}`;
    const found = await ask<Session>(origin, path);
    const { items } = await ask<Page<Session>>(origin, "/api/vnc/sessions?limit=1");
    for (const session of [made, found, ...items]) {
      expect(session.websocket_url).toBe(`${sockets}/vnc-stream/${made.session_id}`);
      expect(session.view_url).toBe(`${origin}/view/${made.session_id}`);
    }
    const withTicket = `${sockets}/vnc-stream/${made.session_id}?ticket=`;
    const seen = await ask<Session>(origin, `${path}?ticket=view`);
    const ticket = await ask<Ticket>(origin, `${path}/tickets`, { role: "view" });
    for (const { websocket_url } of [seen, ticket]) {
      expect(websocket_url.startsWith(withTicket)).toBe(true);
    }
    const link = await ask<ShareLink & { url: string }>(origin, `${path}/links`, { role: "view" });
    expect(link.url.startsWith(`${origin}/share#`)).toBe(true);
  });

  it("follow the Host header of a plain connection, and open there", async () => {
    const host = "console.internal:9000";
    const made = await call(`${rig.edge.url}/api/vnc/sessions`, {
      method: "POST",
      headers: { ...bearer(ADMIN_TOKEN), ...CLAIMS, host },
      body: { host_id: desktop.agent.hostId, port: desktop.server.port },
    });
    const { websocket_url, session_id } = made.json<Session>();
    expect(websocket_url).toBe(`ws://${host}/vnc-stream/${session_id}`);
    const { pathname } = new URL(websocket_url);
    const viewer = new Viewer(rig.edge.url.replace("http", "ws") + pathname, {
      headers: { ...bearer(ADMIN_TOKEN), host },
    });
    await expectServed(viewer);
    await viewer.close();
  });

  it("are https behind a proxy that is trusted and says so, at the host that it passes on", async () => {
    const identity = await behindProxy.enrol();
    const made = await call(`${behindProxy.edge.url}/api/vnc/sessions`, {
      method: "POST",
      headers: {
        ...bearer(ADMIN_TOKEN),
        ...CLAIMS,
        "x-forwarded-proto": "https",
        host: "screens.example",
      },
      body: { host_id: identity.host_id, port: 5900 },
    });
    const { websocket_url, view_url, session_id } = made.json<Session>();
    expect(websocket_url).toBe(`wss://screens.example/vnc-stream/${session_id}`);
    expect(view_url).toBe(`https://screens.example/view/${session_id}`);
  });
});

import { once } from "node:events";
import { connect } from "node:net";
import { HOST_CAPNP_CONNECT } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditEntry, Page } from "../../protocol/api.ts";
import { type Answer, bearer, call } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { expectServed } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { Viewer } from "../support/viewer.ts";

/** As worker/objects/registry/failures.ts has it: so many wrong secrets an address may say. */
const MAX_FAILURES = 20;

/** Every header in which a client could claim an address, to this edge or to what it is made of. */
const claims = (address: string) => ({
  "cf-connecting-ip": address,
  "mf-cf-blob": JSON.stringify({ clientIp: `${address}:1` }),
  "x-forwarded-for": address,
  "x-real-ip": address,
  forwarded: `for=${address}`,
});

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

async function lastLine(action: string, of: Rig = rig): Promise<AuditEntry | undefined> {
  const answer = await call(`${of.edge.url}/api/audit?limit=200`, { headers: bearer(ADMIN_TOKEN) });
  return answer.json<Page<AuditEntry>>().items.find((line) => line.action === action);
}

const login = (edge: string, headers: Record<string, string>, from = "127.0.0.1", token?: string) =>
  call(`${edge}/api/login`, {
    method: "POST",
    headers,
    from,
    body: { admin_token: token ?? ADMIN_TOKEN },
  });

describe("an address on one machine", () => {
  it("is the other end of the connection, whatever a call claims", async () => {
    const from = "127.0.0.30";
    const answer = await login(rig.edge.url, claims("203.0.113.9"), from);
    expect(answer.status).toBe(204);
    expect((await lastLine("login.created"))?.address).toBe(from);
  });

  it("is the other end of the connection, whatever an upgrade claims", async () => {
    const from = "127.0.0.31";
    const session = await desktop.session();
    const headers = { ...bearer(ADMIN_TOKEN), ...claims("203.0.113.9") };
    const url = `${rig.edge.url.replace("http", "ws")}/vnc-stream/${session}`;
    const viewer = new Viewer(url, { headers, localAddress: from });
    await expectServed(viewer);
    await viewer.close();
    await rig.edgeLog.waitFor("stream.closed", { session });
    const opened = await lastLine("stream.opened");
    expect(opened).toMatchObject({ target: session, address: from });
  });

  it("is shut out after 20 wrong secrets, under whatever addresses it says them", async () => {
    const from = "127.0.0.32";
    const guess = (n: number) => login(rig.edge.url, claims(`203.0.113.${n}`), from, "wrong");
    for (let n = 0; n < MAX_FAILURES; n++) expect((await guess(n)).status).toBe(401);
    expect((await guess(MAX_FAILURES)).code).toBe("too_many_failures");
    expect((await login(rig.edge.url, claims(from), "127.0.0.33")).status).toBe(204);
  });

  it("cannot be claimed at the entrance that is Miniflare's own either", async () => {
    const entrance = (await rig.edge.miniflare.ready).origin;
    expect((await login(entrance, claims("203.0.113.9"))).status).toBe(204);
    expect((await lastLine("login.created"))?.address).toBe("unknown");
  });

  it("cannot be claimed by naming the Worker at that entrance, to go past what stands before it", async () => {
    const entrance = (await rig.edge.miniflare.ready).origin;
    const past = { ...claims("203.0.113.9"), "mf-route-override": "porthole" };
    expect((await login(entrance, past)).status).toBe(204);
    expect((await lastLine("login.created"))?.address).toBe("unknown");
  });

  it("cannot be claimed by speaking to the runtime itself, as Miniflare's own tools do", async () => {
    const { hostname, port } = new URL(rig.edge.url);
    const socket = connect(Number(port), hostname);
    socket.write(`CONNECT ${HOST_CAPNP_CONNECT} HTTP/1.1\r\nhost: ${HOST_CAPNP_CONNECT}\r\n\r\n`);
    const [answer] = await once(socket, "data");
    expect(String(answer)).toMatch(/^HTTP\/1\.1 [45]\d\d /);
    socket.destroy();
  });

  it("says nothing about the scheme: a caller on http cannot pass for one on https", async () => {
    const answer = await login(rig.edge.url, { "x-forwarded-proto": "https" });
    expect(answer.setCookie).toMatch(/^porthole=/);
    const elsewhere = { "mf-original-url": "https://edge.example/api/login" };
    expect((await login(rig.edge.url, elsewhere)).setCookie).toMatch(/^porthole=/);
  });
});

describe("a stream on one machine", () => {
  it("is not compressed, though its client offers that: a picture is compressed already", async () => {
    const session = await desktop.session();
    const url = `${rig.edge.url.replace("http", "ws")}/vnc-stream/${session}`;
    const options = { headers: bearer(ADMIN_TOKEN), perMessageDeflate: true };
    const viewer = await new Viewer(url, options).opened();
    expect(viewer.socket.extensions).toBe("");
    await expectServed(viewer);
    await viewer.close();
  });
});

describe("behind a proxy that the operator trusts", () => {
  const through = (headers: Record<string, string>): Promise<Answer> =>
    login(behindProxy.edge.url, headers);
  const address = async () => (await lastLine("login.created", behindProxy))?.address;

  it("the address is the proxy's word, not what its client wrote before it", async () => {
    await through({ ...claims("203.0.113.9"), "x-forwarded-for": "203.0.113.9, 198.51.100.7" });
    expect(await address()).toBe("198.51.100.7");
    await through({ "x-forwarded-for": "2001:db8::7" });
    expect(await address()).toBe("2001:db8::7");
  });

  it("the address is the other end of the connection where the proxy says none", async () => {
    await through({ "cf-connecting-ip": "203.0.113.9" });
    expect(await address()).toBe("127.0.0.1");
  });

  it("what came by https to the proxy is https here: cookies, and the addresses given out", async () => {
    const headers = { "x-forwarded-proto": "https", host: "edge.example" };
    const { setCookie, cookie } = await through(headers);
    expect(setCookie).toMatch(/^__Host-porthole=.*Secure/);
    const origin = "https://edge.example";
    const made = await call(`${behindProxy.edge.url}/api/login/links`, {
      method: "POST",
      headers: { ...headers, cookie, origin },
    });
    expect(made.json<{ url: string }>().url).toMatch(/^https:\/\/edge\.example\/sign-in#/);
  });
});

describe("a file on one machine", () => {
  it("comes before the Worker, as on Cloudflare's network: gzipped, a known one as 304, and only to be read", async () => {
    const page = await (await fetch(rig.edge.url)).text();
    const path = /\/assets\/[^"]+\.js/.exec(page)?.[0];
    const file = `${rig.edge.url}${path}`;
    const fresh = await fetch(file, { headers: { "accept-encoding": "gzip" } });
    expect(fresh.status).toBe(200);
    expect(fresh.headers.get("content-type")).toContain("javascript");
    expect(fresh.headers.get("cache-control")).toContain("immutable");
    expect(fresh.headers.get("content-encoding")).toBe("gzip");
    expect(await fresh.text()).toContain("import");

    const known = { "if-none-match": fresh.headers.get("etag") ?? "" };
    expect((await fetch(file, { headers: known })).status).toBe(304);
    expect((await fetch(file, { method: "POST", body: "{}" })).status).toBe(405);
    expect((await fetch(`${rig.edge.url}/assets/none.js`)).status).toBe(404);
    const other = file.replace("/assets/", "/%61ssets/");
    expect((await fetch(other, { redirect: "manual" })).status).toBe(307);
  });
});

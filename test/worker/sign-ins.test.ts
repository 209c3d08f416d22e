import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Page, SignIn } from "../../protocol/api.ts";
import { type Answer, bearer } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { expectHeard, expectServed, People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { Viewer } from "../support/viewer.ts";

let rig: Rig;
let people: People;
let desktop: Desktop;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  desktop = await Desktop.start(rig);
});

afterAll(async () => {
  await desktop.stop();
  await rig.stop();
});

async function signIns(cookie: string): Promise<SignIn[]> {
  const answer = await people.call("/api/logins", { headers: { cookie } });
  return answer.json<Page<SignIn>>().items;
}

async function currentId(cookie: string): Promise<string> {
  return (await signIns(cookie)).find(({ current }) => current)?.login_id ?? "";
}

describe("the sign-ins", () => {
  it("are listed with where they came from, the one that asks marked, and no secret", async () => {
    const one = await people.signIn({ "user-agent": "Firefox" });
    const other = await people.signIn({ "user-agent": "Chromium" });
    const items = await signIns(other);
    expect(items.filter(({ current }) => current)).toEqual([
      expect.objectContaining({ user_agent: "Chromium", address: "127.0.0.1", role: "admin" }),
    ]);
    expect(items.map(({ user_agent }) => user_agent)).toContain("Firefox");
    for (const cookie of [one, other]) {
      expect(JSON.stringify(items)).not.toContain(cookie.split("=")[1]);
    }
  });

  it("are stored as hashes only, and so are the links that sign in", async () => {
    const cookie = await people.signIn();
    const link = new URL((await rig.api.signInLink()).url).hash.slice(1);
    const tables = await Promise.all(
      ["logins", "sign_in_links"].map((table) =>
        rig.stored("Registry", "registry", `SELECT * FROM ${table}`),
      ),
    );
    for (const secret of [cookie.split("=")[1], link]) {
      expect(JSON.stringify(tables)).not.toContain(secret);
    }
  });
});

/** A browser with a stream and a chat by its cookie, and others by tickets that it got. */
async function browserAtWork(session: string) {
  const cookie = await people.signIn();
  const browser = people.browser(cookie);
  const ticket = () => people.ticket(session, browser);
  const viewers = [
    people.stream(session, browser),
    people.stream(session, { ticket: await ticket() }),
  ];
  const members = [people.chat(session, browser), people.chat(session, { ticket: await ticket() })];
  const works = async () => {
    await Promise.all([...viewers.map(expectServed), ...members.map(expectHeard)]);
  };
  await works();
  return { cookie, browser, works, sockets: [...viewers, ...members] };
}

describe("a sign-in", () => {
  it("that is ended while connected has all it opened closed with 4401, and others stay", async () => {
    const session = await desktop.session();
    const ended = await browserAtWork(session);
    const kept = await browserAtWork(session);
    const path = `/api/logins/${await currentId(ended.cookie)}`;
    expect((await people.asAdmin("DELETE", path)).status).toBe(204);
    for (const socket of ended.sockets) {
      expect(await socket.closed).toEqual({ code: 4401, reason: "This browser was signed out." });
    }
    expect((await people.call("/api/hosts", { headers: ended.browser })).status).toBe(401);
    expect((await people.asAdmin("DELETE", path)).code).toBe("no_such_login");
    await kept.works();
    await Promise.all(kept.sockets.map((socket) => socket.close()));
  });

  it("that signs out while connected has all it opened closed with 4401, and others stay", async () => {
    const session = await desktop.session();
    const leaving = await browserAtWork(session);
    const kept = await browserAtWork(session);
    const answer = await people.call("/api/logout", { method: "POST", headers: leaving.browser });
    expect(answer.setCookie).toMatch(/^porthole=; Max-Age=0/);
    for (const socket of leaving.sockets) {
      expect(await socket.closed).toEqual({ code: 4401, reason: "You signed out." });
    }
    const signedOut = people.stream(session, leaving.browser);
    expect((await signedOut.closed).code).toBe(4401);
    await kept.works();
    await Promise.all(kept.sockets.map((socket) => socket.close()));
  });

  it("that expires while connected has all it opened closed with 4401, and others stay", async () => {
    const session = await desktop.session();
    const expiring = await browserAtWork(session);
    const kept = await browserAtWork(session);
    const watcher = people.events(expiring.browser);
    await watcher.first();
    await expire(await currentId(expiring.cookie), Date.now() + 1_000);
    await people.signIn(); // with which the registry looks when the next one expires
    for (const socket of [...expiring.sockets, watcher]) {
      expect(await socket.closed).toEqual({ code: 4401, reason: "Your sign-in has expired." });
    }
    expect((await people.call("/api/hosts", { headers: expiring.browser })).status).toBe(401);
    await kept.works();
    await Promise.all(kept.sockets.map((socket) => socket.close()));
  });

  it("that has expired can still be ended", async () => {
    const session = await desktop.session();
    const { cookie, sockets } = await browserAtWork(session);
    const id = await currentId(cookie);
    await expire(id, 1);
    expect((await people.asAdmin("DELETE", `/api/logins/${id}`)).status).toBe(204);
    for (const socket of sockets) expect((await socket.closed).code).toBe(4401);
  });

  it("cannot be ended, or signed out, by a foreign page", async () => {
    const cookie = await people.signIn();
    const headers = { cookie, origin: "https://evil.example" };
    const path = `/api/logins/${await currentId(cookie)}`;
    expect((await people.call(path, { method: "DELETE", headers })).status).toBe(403);
    expect((await people.call("/api/logout", { method: "POST", headers })).status).toBe(403);
    expect((await people.call("/api/hosts", { headers: { cookie } })).status).toBe(200);
  });
});

/** Has a sign-in expire at another time than it would. */
const expire = (loginId: string, at: number) =>
  rig.stored(
    "Registry",
    "registry",
    `UPDATE logins SET expires_at = ${at} WHERE login_id = '${loginId}'`,
  );

/** A link that signs in, by the headers of who makes it. @returns its secret */
async function signInLink(headers: Record<string, string>): Promise<string> {
  const made = people.call("/api/login/links", { method: "POST", headers });
  return new URL((await people.wanted(201, made)).json<{ url: string }>().url).hash.slice(1);
}

const follow = (link: string) => people.call("/api/login", { method: "POST", body: { link } });

describe("a link that signs in", () => {
  it("ends with the key that made it, and others stay", async () => {
    const { key, key_id } = await people.key("admin");
    const [ended, kept] = [await signInLink(bearer(key)), await signInLink(bearer(ADMIN_TOKEN))];
    await people.asAdmin("DELETE", `/api/keys/${key_id}`);
    expect(await follow(ended)).toMatchObject({ status: 401, code: "bad_link" });
    expect((await follow(kept)).status).toBe(204);
  });

  it("ends with the sign-in that made it, when that is ended or expires", async () => {
    const [ending, expiring] = [await people.signIn(), await people.signIn()];
    const links = [
      await signInLink(people.browser(ending)),
      await signInLink(people.browser(expiring)),
    ];
    await people.asAdmin("DELETE", `/api/logins/${await currentId(ending)}`);
    await expire(await currentId(expiring), 1);
    for (const link of links) expect((await follow(link)).code).toBe("bad_link");
  });

  it("is none once the key is revoked while it is being made", async () => {
    const { key, key_id } = await people.key("admin");
    const headers = bearer(key);
    const ask = () => people.call("/api/login/links", { method: "POST", headers });
    const asked = [ask(), ask(), ask(), people.asAdmin("DELETE", `/api/keys/${key_id}`), ask()];
    for (const made of (await Promise.all(asked)).filter(({ status }) => status === 201)) {
      const link = new URL(made.json<{ url: string }>().url).hash.slice(1);
      expect((await follow(link)).code).toBe("bad_link");
    }
  });

  it("that an earlier version made, which did not note by what, works", async () => {
    const sql = (query: string) => rig.stored("Registry", "registry", query);
    await sql("ALTER TABLE sign_in_links DROP COLUMN via");
    const hash = createHash("sha256").update("a secret").digest("base64url");
    await sql(`INSERT INTO sign_in_links VALUES ('${hash}', ${Date.now() + 60_000})`);
    await rig.evict("Registry", "registry", "close");
    expect((await follow("a secret")).status).toBe(204);
  });
});

describe("the cookie", () => {
  it("on plain http is out of reach for scripts and foreign posts", async () => {
    const body = { admin_token: ADMIN_TOKEN };
    const { setCookie } = await people.call("/api/login", { method: "POST", body });
    expect(attributes(setCookie)).toEqual(["HttpOnly", "Max-Age=604800", "Path=/", "SameSite=Lax"]);
    expect(setCookie).toMatch(/^porthole=[A-Za-z0-9_-]{43};/);
  });

  it("on https is a __Host- cookie, and only under that name it counts there", async () => {
    const login = await onHttps("/api/login", { body: { admin_token: ADMIN_TOKEN } });
    const setCookie = login.headers.get("set-cookie") ?? "";
    const flags = ["HttpOnly", "Max-Age=604800", "Path=/", "SameSite=Lax", "Secure"];
    expect(attributes(setCookie)).toEqual(flags);
    expect(setCookie).toMatch(/^__Host-porthole=[A-Za-z0-9_-]{43};/);
    const cookie = setCookie.split(";")[0] ?? "";
    expect((await onHttps("/api/hosts", { headers: { cookie } })).status).toBe(200);
    // A neighbouring subdomain can set a cookie for all of them, but none with this prefix.
    const planted = { cookie: cookie.replace("__Host-", "") };
    expect((await onHttps("/api/hosts", { headers: planted })).status).toBe(401);
  });

  it.each([
    "https://edge.example.evil.com",
    "https://evil-edge.example",
    "https://edge.example:8443",
    "http://edge.example",
    "https://EDGE.example.",
    "null",
  ])("of https://edge.example does not work for a page from %s", async (origin) => {
    const login = await onHttps("/api/login", { body: { admin_token: ADMIN_TOKEN } });
    const cookie = login.headers.get("set-cookie")?.split(";")[0] ?? "";
    const read = await onHttps("/api/hosts", { headers: { cookie, origin } });
    expect(read.status).toBe(403);
    const write = await onHttps("/api/login/links", { headers: { cookie, origin }, body: {} });
    expect(write.status).toBe(403);
    const ours = { cookie, origin: "https://edge.example" };
    expect((await onHttps("/api/hosts", { headers: ours })).status).toBe(200);
  });

  it("does not work for an upgrade from a page of a look-alike host", async () => {
    const session = await desktop.session();
    const url = `${rig.edge.url.replace("http", "ws")}/vnc-stream/${session}`;
    const cookie = await people.signIn();
    const from = (origin: string) =>
      new Viewer(url, { headers: { host: "edge.example", origin, cookie } });
    expect((await from("http://edge.example.evil.com").closed).code).toBe(4403);
    expect((await from("https://edge.example").closed).code).toBe(4403);
    const ours = from("http://edge.example");
    await expectServed(ours);
    await ours.close();
  });
});

/** A call that reaches the real Worker as one that came by https to https://edge.example. */
function onHttps(path: string, options: { headers?: Record<string, string>; body?: object }) {
  const { headers, body } = options;
  return rig.edge.miniflare.dispatchFetch(`https://edge.example${path}`, {
    headers: { ...(body && { "content-type": "application/json" }), ...headers },
    ...(body && { method: "POST", body: JSON.stringify(body) }),
  });
}

function attributes(setCookie: Answer["setCookie"]): string[] {
  return setCookie.split("; ").slice(1).sort();
}

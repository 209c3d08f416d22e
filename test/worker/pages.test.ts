import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Desktop } from "../support/desktop.ts";
import { People } from "../support/people.ts";
import { type Rig, startRig } from "../support/rig.ts";

const PANEL = "https://panel.example";
/** As an operator may write it; what names everybody, or nobody, is no origin. */
const ALLOWED_ORIGINS = `${PANEL}, http://localhost:3000 null * https://*.example https://A.example/ https://b.example/page https://a;b 'unsafe-inline'`;

const PAGES = [
  ...["/", "/sign-in", "/share", "/access", "/support", "/inbox", "/inbox/a-room"],
  ...["/view/a-session", "/view/a-session/", "/batch/a-batch", "/server/42", "/view/a-session?a=b"],
];
const NO_PAGES = [
  ...["/nowhere", "/views/a-session", "/view", "/view/", "/view/a/b", "/view/%20", "/sign-in/now"],
  ...["/assets/index-gone.js", "/agent.mjs.map", "/metric", "/.git/config", "/view/a%2Fb"],
];

let rig: Rig;
let listing: Rig;
let people: People;

beforeAll(async () => {
  [rig, listing] = await Promise.all([startRig(), startRig({ ALLOWED_ORIGINS })]);
  people = new People(rig);
});

afterAll(() => Promise.all([rig.stop(), listing.stop()]));

const frameAncestors = (policy: unknown) => /frame-ancestors ([^;]*)/.exec(String(policy))?.[1];

describe("an address", () => {
  it.each(PAGES)("%s is a page", async (path) => {
    const answer = await people.call(path);
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toMatch(/^text\/html/);
    expect((await people.call(path, { method: "HEAD" })).status).toBe(200);
  });

  it.each(NO_PAGES)("%s is none: a 404, with the page that says so", async (path) => {
    const answer = await people.call(path);
    expect(answer.status).toBe(404);
    expect(answer.headers["content-type"]).toMatch(/^text\/html/);
    expect(answer.text).toContain('<div id="app">');
    expect((await people.call(path, { method: "HEAD" })).status).toBe(404);
  });

  it.each([
    ["GET", "/api/nowhere"],
    ["GET", "/agent/nowhere"],
    ["POST", "/view/a-session"],
    ["DELETE", "/nowhere"],
  ])("for programs is answered as they expect: %s %s", async (method, path) => {
    const answer = await people.call(path, { method });
    expect(answer).toMatchObject({ status: 404, code: "no_such_route" });
    expect(answer.headers["content-type"]).toBe("application/problem+json");
  });

  it("of a file is that file, which browsers keep", async () => {
    const page = await people.call("/");
    const [, script = ""] = /src="(\/assets\/[^"]+\.js)"/.exec(page.text) ?? [];
    const answer = await people.call(script);
    expect(answer.status).toBe(200);
    expect(answer.headers["cache-control"]).toContain("immutable");
    expect((await people.call("/agent.mjs")).text).toContain("#!/usr/bin/env node");
  });
});

describe("a page", () => {
  it.each([...PAGES, "/nowhere"])("%s has every header of web/public/_headers", async (path) => {
    const { headers } = await people.call(path);
    const file = (await people.call("/porthole.svg")).headers;
    const names = Object.keys(file).filter((name) => /policy|nosniff|x-content/.test(name));
    expect(names).toHaveLength(5);
    for (const name of names) expect(headers[name]).toBe(file[name]);
  });

  it("may stand in a frame of our own pages, and of those that the operator listed", async () => {
    for (const path of ["/share", "/view/a-session", "/nowhere"]) {
      const own = await people.call(path);
      expect(frameAncestors(own.headers["content-security-policy"])).toBe("'self'");
      const { headers } = await new People(listing).call(path);
      const policy = headers["content-security-policy"];
      expect(frameAncestors(policy)).toBe(
        `'self' ${PANEL} http://localhost:3000 https://a.example`,
      );
      expect(policy).toContain("default-src 'none'; script-src 'self';");
      expect(String(policy).match(/frame-ancestors/g)).toHaveLength(1);
    }
  });

  it("is answered whole to who has it: on a 304 browsers keep the policy that they had", async () => {
    const file = await people.call("/index.html");
    const headers = { "if-none-match": String(file.headers.etag) };
    const answer = await people.call("/share", { headers });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-security-policy"]).toBeDefined();
    expect(answer.headers.etag).toBeUndefined();
  });
});

describe("the cookie of a guest", () => {
  /** What a guest's browser is told to keep, by who redeems the link where. */
  async function cookieOf(of: Rig, body: object, scheme: "http" | "https"): Promise<string> {
    const desktop = await Desktop.start(of);
    const { secret } = await new People(of).shareLink(await desktop.session());
    const origin = of.edge.url.replace("http", scheme);
    const response = await of.edge.miniflare.dispatchFetch(`${origin}/api/links/redeem`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ secret, ...body }),
    });
    await desktop.stop();
    expect(response.status).toBe(200);
    return response.headers.get("set-cookie") ?? "";
  }

  it("is for the frame on one site alone, if a frame redeems the link where pages are listed", async () => {
    const cookie = await cookieOf(listing, { embedded: true }, "https");
    expect(cookie).toMatch(/^__Host-porthole-guest-/);
    expect(cookie).toMatch(/; HttpOnly; Secure; SameSite=None; Partitioned$/);
  });

  it.each([
    ["no frame redeems the link", () => listing, {}, "https"],
    ["no frame says so", () => listing, { embedded: false }, "https"],
    ["no pages are listed", () => rig, { embedded: true }, "https"],
    ["no pages are listed, on http", () => rig, { embedded: true }, "http"],
  ] as const)("is Lax as any other where %s", async (_what, of, body, scheme) => {
    const cookie = await cookieOf(of(), body, scheme);
    expect(cookie).toMatch(/; SameSite=Lax$/);
    expect(cookie).not.toContain("Partitioned");
  });

  it("of somebody who signs in stays Lax where pages are listed", async () => {
    const answer = await new People(listing).call("/api/login", {
      method: "POST",
      body: { admin_token: "the-admin-token-of-the-tests" },
    });
    expect(answer.setCookie).toMatch(/; SameSite=Lax$/);
  });
});

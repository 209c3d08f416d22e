import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditEntry, Page } from "../../protocol/api.ts";
import { bearer } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { expectServed, People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

const AUDIENCE = "the-audience-tag-of-this-application";
const ROLES = {
  "boss@example.com": "admin",
  "@example.com": "viewer",
  operators: "operator",
  "0b1c-4d": "operator",
  "ops@example.org": "operator",
  "@nowhere.example": "admin",
  "Chief@Capitals.example": "operator",
};

const rsa = () => generateKeyPairSync("rsa", { modulusLength: 2048 });
const teamKey = rsa();

/** Cloudflare Access's keys, served as it serves them. */
let team: Server;
let teamUrl: string;
let asked = 0;
let healthy = true;

beforeAll(async () => {
  const jwk = { ...(await exportJWK(teamKey.publicKey)), kid: "team", alg: "RS256", use: "sig" };
  team = createServer((request, response) => {
    asked++;
    const found = healthy && request.url === "/cdn-cgi/access/certs";
    response.statusCode = found ? 200 : 500;
    response.end(JSON.stringify(found ? { keys: [jwk] } : {}));
  });
  team.listen(0, "127.0.0.1");
  await once(team, "listening");
  teamUrl = `http://127.0.0.1:${(team.address() as AddressInfo).port}`;
});

afterAll(async () => {
  team.close();
  await once(team, "close");
});

type Signing = {
  claims?: Record<string, unknown>;
  key?: KeyObject | Uint8Array;
  alg?: string;
  kid?: string;
};

const now = () => Math.floor(Date.now() / 1000);

function claimsOf(email: string): JWTPayload {
  return { email, aud: [AUDIENCE], iss: teamUrl, iat: now(), exp: now() + 600, sub: "a-person" };
}

/** A token as Access makes them, but for what a test changes. */
function token(email: string, signing: Signing = {}): Promise<string> {
  const { claims = {}, key = teamKey.privateKey, alg = "RS256", kid = "team" } = signing;
  return new SignJWT({ ...claimsOf(email), ...claims }).setProtectedHeader({ alg, kid }).sign(key);
}

const assertion = (jwt: string) => ({ "cf-access-jwt-assertion": jwt });

describe("with Cloudflare Access", () => {
  let rig: Rig;
  let people: People;

  beforeAll(async () => {
    rig = await startRig({
      ACCESS_TEAM_DOMAIN: teamUrl,
      ACCESS_AUD: AUDIENCE,
      ACCESS_ROLES: JSON.stringify(ROLES),
    });
    people = new People(rig);
  });

  afterAll(() => rig.stop());

  /** What somebody may do, by what they are answered. */
  async function roleOf(jwt: string): Promise<string> {
    const status = async (path: string) =>
      (await people.call(path, { headers: assertion(jwt) })).status;
    if ((await status("/api/keys")) === 200) return "admin";
    if ((await status("/api/hosts/join-tokens")) === 200) return "operator";
    return (await status("/api/hosts")) === 200 ? "viewer" : "none";
  }

  it("the team's keys are kept: many may come at once, and nobody after them fetches any", async () => {
    const jwt = await token("ann@example.com");
    const coming = Array.from({ length: 10 }, () =>
      people.call("/api/hosts", { headers: assertion(jwt) }),
    );
    expect((await Promise.all(coming)).map(({ status }) => status)).toEqual(Array(10).fill(200));
    const before = asked;
    await people.call("/api/hosts", { headers: assertion(jwt) });
    expect(asked).toBe(before);
  });

  it.each([
    ["boss@example.com", [], "admin"],
    ["Boss@Example.COM", [], "admin"],
    ["ann@example.com", [], "viewer"],
    ["chief@capitals.example", [], "operator"],
    ["ann@example.com", ["operators"], "operator"],
    ["ann@other.example", ["operators", "unheard of"], "operator"],
    ["boss@example.com", ["operators"], "admin"],
    ["ann@other.example", ["boss@example.com", "@example.com"], "none"],
    ["ann@sub.example.com", [], "none"],
    ["ann@evil-example.com", [], "none"],
    ["@nowhere.example@other.example", [], "none"],
    ["constructor", ["__proto__", "toString"], "none"],
  ])("%s in the groups %j is %s", async (email, groups, role) => {
    expect(await roleOf(await token(email, { claims: { groups } }))).toBe(role);
  });

  it.each([
    ["of names", { custom: { groups: ["operators", "unheard of"] } }, "operator"],
    ["of one name", { custom: { groups: "operators" } }, "operator"],
    ["of objects with a name", { custom: { groups: [{ name: "operators" }] } }, "operator"],
    [
      "of objects with an address",
      { custom: { groups: [{ email: "Ops@example.org" }] } },
      "operator",
    ],
    ["of objects with an id", { custom: { groups: [{ id: "0b1c-4d", name: 7 }] } }, "operator"],
    ["of objects at the top", { groups: [{ name: "operators" }] }, "operator"],
    ["at both places", { groups: ["a"], custom: { groups: ["operators"] } }, "operator"],
    ["that is no list", { groups: 7, custom: { groups: null } }, "viewer"],
    ["in a list with what is no group", { custom: { groups: [null, 7, "operators"] } }, "operator"],
    ["under a claim that is no object", { custom: "groups" }, "viewer"],
    ["named as an admin's address", { groups: ["boss@example.com"] }, "viewer"],
    ["named so under custom", { custom: { groups: [{ name: "boss@example.com" }] } }, "viewer"],
    ["named as another domain", { groups: ["@nowhere.example", "*"] }, "viewer"],
  ])("somebody with a groups claim %s is told apart by it", async (_what, claims, role) => {
    expect(await roleOf(await token("ann@example.com", { claims }))).toBe(role);
  });

  it("a person without a role is told so with a 403", async () => {
    const headers = assertion(await token("ann@other.example"));
    const answer = await people.call("/api/hosts", { headers });
    expect(answer).toMatchObject({ status: 403, code: "no_role" });
  });

  it("a token of a service, which names no person, is refused with a 403", async () => {
    const headers = assertion(await token("", { claims: { common_name: "a-service" } }));
    expect((await people.call("/api/hosts", { headers })).status).toBe(403);
  });

  const badTokens: [string, () => Promise<string> | string][] = [
    ["without a signature (alg none)", () => unsigned("none")],
    ["without a signature and no algorithm", () => unsigned("")],
    ["with the signature cut off", async () => `${(await signed()).split(".", 2).join(".")}.`],
    [
      "with a swapped algorithm (HS256 with the public key as its secret)",
      () => {
        const pem = teamKey.publicKey.export({ type: "spki", format: "pem" });
        return signed({ alg: "HS256", key: Buffer.from(pem) });
      },
    ],
    ["with RS512 in place of RS256", () => signed({ alg: "RS512" })],
    ["of another team's key", () => signed({ key: rsa().privateKey })],
    ["of a key that the team does not have", () => signed({ key: rsa().privateKey, kid: "other" })],
    ["for another application", () => signed({ claims: { aud: ["another"] } })],
    ["for no application", () => signed({ claims: { aud: undefined } })],
    ["of another issuer", () => signed({ claims: { iss: "https://evil.cloudflareaccess.com" } })],
    ["that is expired", () => signed({ claims: { iat: now() - 900, exp: now() - 300 } })],
    ["that never expires", () => signed({ claims: { exp: undefined } })],
    ["that is not valid yet", () => signed({ claims: { nbf: now() + 300 } })],
    ["from the future", () => signed({ claims: { iat: now() + 300 } })],
    ["that is none", () => "not a token"],
  ];
  const signed = (signing?: Signing) => token("boss@example.com", signing);
  const unsigned = (alg: string) => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    return `${part({ alg, kid: "team" })}.${part(claimsOf("boss@example.com"))}.`;
  };

  it.each(badTokens)("a token %s is a 401", async (_what, make) => {
    const answer = await people.call("/api/hosts", { headers: assertion(await make()) });
    expect(answer).toMatchObject({ status: 401, code: "bad_access_token" });
  });

  it("a foreign page cannot use what Access vouches for, whether it reads, writes or connects", async () => {
    const vouched = assertion(await token("boss@example.com"));
    for (const origin of ["https://evil.example", "null", `${rig.edge.url}.evil.example`]) {
      const headers = { ...vouched, origin };
      expect((await people.call("/api/keys", { headers })).status).toBe(403);
      const link = await people.call("/api/login/links", { method: "POST", headers });
      expect(link.status).toBe(403);
      expect((await people.stream("nobody-knows-this", headers).closed).code).toBe(4403);
    }
    const crossSite = { ...vouched, "sec-fetch-site": "cross-site" };
    expect((await people.call("/api/keys", { headers: crossSite })).status).toBe(403);
    const nowhere = await people.call("/api/login/links", { method: "POST", headers: vouched });
    expect(nowhere.status).toBe(403);
  });

  it("a person is known by the cookie of Access alone, where Access lets everybody pass", async () => {
    const cookie = async (signing: Signing) =>
      `CF_Authorization=${await token("boss@example.com", signing)}`;
    const mine = { cookie: await cookie({}) };
    expect((await people.call("/api/keys", { headers: mine })).status).toBe(200);
    const foreign = { ...mine, origin: "https://evil.example" };
    expect((await people.call("/api/keys", { headers: foreign })).status).toBe(403);
    const forged = { cookie: await cookie({ key: rsa().privateKey }) };
    expect((await people.call("/api/keys", { headers: forged })).status).toBe(401);
  });

  it("a guest of a link is let in, whatever cookie of Access their browser still has", async () => {
    const desktop = await Desktop.start(rig);
    const session = await desktop.session();
    const { secret } = await people.shareLink(session);
    const { cookie } = await people.redeem(secret);
    const headers = { cookie: `${cookie}; CF_Authorization=not-a-token` };
    const seen = await people.call(`/api/vnc/session/${session}`, { headers });
    expect(seen.json<{ standing: string }>().standing).toBe("guest");
    await desktop.stop();
  });

  it("an operator sees a desktop from our own page, and the audit names them", async () => {
    const desktop = await Desktop.start(rig);
    const session = await desktop.session();
    const jwt = await token("ann@example.com", { claims: { groups: ["operators"] } });
    const headers = { ...assertion(jwt), origin: rig.edge.url };
    const viewer = people.stream(session, headers);
    await expectServed(viewer);
    await viewer.close();
    await rig.edgeLog.waitFor("stream.closed", { session });
    const page = (await people.asAdmin("GET", "/api/audit")).json<Page<AuditEntry>>();
    const line = page.items.find(({ action }) => action === "stream.opened");
    expect(line).toMatchObject({ actor: "access:ann@example.com", target: session });
    await desktop.stop();
  });

  it("a person is one in a room by any ticket of theirs, and is shown there as what they are", async () => {
    const desktop = await Desktop.start(rig);
    const session = await desktop.session();
    for (const [email, role, ticketRole] of [
      ["boss@example.com", "operator", "control"],
      ["ann@example.com", "viewer", "view"],
    ] as const) {
      const headers = { ...assertion(await token(email)), origin: rig.edge.url };
      const direct = people.chat(session, headers);
      const { me } = await direct.next("welcome");
      expect(me).toMatchObject({ name: email, role });
      const wish = { role: ticketRole, name: "Somebody else" };
      const ticket = await people.ticket(session, headers, wish);
      const member = people.chat(session, { ticket });
      const expected = { id: me.id, name: "Somebody else", role };
      expect((await member.next("welcome")).me).toEqual(expected);
      await Promise.all([direct.close(), member.close()]);
    }
    await desktop.stop();
  });

  it("the admin token still works beside it", async () => {
    const headers = { ...bearer(ADMIN_TOKEN), ...assertion("not a token") };
    expect((await people.call("/api/keys", { headers })).status).toBe(200);
  });
});

describe("with Cloudflare Access whose keys cannot be had", () => {
  let rig: Rig;
  let people: People;

  beforeEach(async () => {
    rig = await startRig({
      ACCESS_TEAM_DOMAIN: teamUrl,
      ACCESS_AUD: AUDIENCE,
      ACCESS_ROLES: '{"*":"viewer"}',
    });
    people = new People(rig);
    return () => rig.stop();
  });

  it("a right token is a 503 and no 401; once they can, anyone may look who has a role by *", async () => {
    const headers = assertion(await token("ann@other.example"));
    healthy = false;
    const refused = await people.call("/api/hosts", { headers });
    expect(refused).toMatchObject({ status: 503, code: "access_unreachable" });
    healthy = true;
    expect((await people.call("/api/hosts", { headers })).status).toBe(200);
    expect((await people.call("/api/keys", { headers })).status).toBe(403);
  });
});

describe("without Cloudflare Access", () => {
  it.each([
    ["nothing configured", {}],
    ["no audience", { ACCESS_TEAM_DOMAIN: "team.cloudflareaccess.com" }],
    ["no team", { ACCESS_AUD: AUDIENCE }],
  ])("(%s) a token in its header is not looked at", async (_what, vars) => {
    const rig = await startRig({ ACCESS_ROLES: JSON.stringify(ROLES), ...vars });
    const people = new People(rig);
    const headers = assertion(await token("boss@example.com"));
    const answer = await people.call("/api/hosts", { headers });
    expect(answer).toMatchObject({ status: 401, code: "not_signed_in" });
    await rig.stop();
  });
});

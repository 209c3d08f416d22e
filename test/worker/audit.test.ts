import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditEntry, JoinToken, Page, Ticket } from "../../protocol/api.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { expectHeard, expectServed, People } from "../support/people.ts";
import { PlayedAgent } from "../support/played-agent.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

/** As the deployment of this test sets it. */
const AUDIT_DAYS = 30;
const DAY_MS = 24 * 60 * 60_000;

let rig: Rig;
let people: People;
let desktop: Desktop;

beforeAll(async () => {
  rig = await startRig({ AUDIT_DAYS: String(AUDIT_DAYS) });
  people = new People(rig);
  desktop = await Desktop.start(rig);
});

afterAll(async () => {
  await desktop.stop();
  await rig.stop();
});

async function page(query = ""): Promise<Page<AuditEntry>> {
  return (await people.asAdmin("GET", `/api/audit${query}`)).json<Page<AuditEntry>>();
}

/** All lines about a target, oldest first. */
async function linesOf(target: string): Promise<AuditEntry[]> {
  return (await page("?limit=200")).items.filter((line) => line.target === target).reverse();
}

/** Waits until a session has delivered that many lines of a kind. */
async function delivered(session: string, action: string, count: number): Promise<AuditEntry[]> {
  let lines: AuditEntry[] = [];
  await poll(10_000, `${count} lines ${action} of ${session}`, async () => {
    lines = (await linesOf(session)).filter((line) => line.action === action);
    return lines.length >= count;
  });
  return lines;
}

describe("the audit", () => {
  it("has one line for each grant: who, from where, what, to what", async () => {
    const from = "127.0.0.2";
    const key = await people.key("operator", "the panel");
    const headers = bearer(key.key);
    const made = await people.call("/api/vnc/sessions", {
      method: "POST",
      headers,
      from,
      body: { host_id: desktop.agent.hostId, port: desktop.server.port },
    });
    const { session_id: session } = made.json<{ session_id: string }>();
    const path = `/api/vnc/session/${session}`;
    const post = { method: "POST", headers, from };
    await people.call(`${path}/tickets`, { ...post, body: { role: "control", name: "Ann" } });
    await people.call(`${path}/links`, { ...post, body: { role: "control", label: "for Bob" } });
    await people.call(path, { method: "DELETE", headers, from });

    const actor = `key:${key.key_id}`;
    const lines = await linesOf(session);
    const common = { actor, address: from, target: session };
    expect(lines).toEqual([
      expect.objectContaining({ ...common, action: "session.created" }),
      expect.objectContaining({ ...common, action: "ticket.issued", detail: "control for Ann" }),
      expect.objectContaining({
        ...common,
        action: "link.created",
        detail: expect.stringMatching(/^\S+, control, for Bob$/),
      }),
      expect.objectContaining({ ...common, action: "session.ended" }),
    ]);
    expect(await linesOf(key.key_id)).toEqual([
      expect.objectContaining({
        action: "key.created",
        actor: "admin token",
        address: "127.0.0.1",
        detail: "the panel as operator",
      }),
    ]);
  });

  it("has one line for each sign-in, key, join token and host that comes or goes", async () => {
    const cookie = await people.signIn();
    await people.call("/api/logout", { method: "POST", headers: people.browser(cookie) });
    const key = await people.key("viewer");
    await people.asAdmin("DELETE", `/api/keys/${key.key_id}`);
    const make = people.asAdmin("POST", "/api/hosts/join-tokens", {});
    const { token_id } = (await make).json<JoinToken>();
    await people.asAdmin("DELETE", `/api/hosts/join-tokens/${token_id}`);
    const host = await rig.enrol();
    await rig.api.removeHost(host.host_id);

    const actions = async (target: string) =>
      (await linesOf(target)).map(({ action, actor }) => `${action} by ${actor.split(":")[0]}`);
    const [newest] = (await page()).items.filter(({ action }) => action === "login.created");
    expect(await actions(newest?.target ?? "")).toEqual([
      "login.created by admin token",
      "login.ended by login",
    ]);
    expect(await actions(key.key_id)).toEqual([
      "key.created by admin token",
      "key.revoked by admin token",
    ]);
    expect(await actions(token_id)).toEqual([
      "join_token.created by admin token",
      "join_token.revoked by admin token",
    ]);
    expect(await actions(host.host_id)).toEqual([
      "host.joined by join token",
      "host.removed by admin token",
    ]);
  });

  it("has one line for each connection and its end, by ticket, key, cookie and link", async () => {
    const session = await desktop.session();
    const key = await people.key("operator");
    const login = people.browser(await people.signIn());
    const link = await people.shareLink(session);
    const guest = people.browser((await people.redeem(link.secret)).cookie);
    const credentials = [
      bearer(key.key),
      { ticket: await people.ticket(session, bearer(key.key)) },
      login,
      guest,
    ];
    for (const credential of credentials) {
      const stream = people.stream(session, credential);
      await expectServed(stream);
      await stream.close();
    }
    const chat = people.chat(session, guest);
    await expectHeard(chat);
    await chat.close();

    const opened = await delivered(session, "stream.opened", 4);
    const closed = await delivered(session, "stream.closed", 4);
    const [byKey, byTicket, byLogin, byLink] = opened.map(({ actor }) => actor);
    expect(byKey).toBe(`key:${key.key_id}`);
    expect(byTicket).toBe(byKey);
    expect(byLogin).toMatch(/^login:/);
    expect(byLink).toBe(`link:${link.link_id}`);
    expect(opened.map(({ address }) => address)).toEqual(Array(4).fill("127.0.0.1"));
    const streamOf = (line: AuditEntry) => line.detail?.split(",")[0] ?? "";
    expect(closed.map(streamOf).sort()).toEqual(opened.map(streamOf).sort());
    expect(new Set(opened.map(streamOf)).size).toBe(4);

    const guests = { actor: `link:${link.link_id}`, target: session };
    expect(await delivered(session, "chat.opened", 1)).toEqual([expect.objectContaining(guests)]);
    expect(await delivered(session, "chat.closed", 1)).toEqual([expect.objectContaining(guests)]);
    expect((await linesOf(session)).map(({ action }) => action)).toContain("link.redeemed");
  });

  it("has the end of a connection that was cut, since its agent did not close it", async () => {
    const agent = await PlayedAgent.start(rig);
    agent.obeys = false;
    const { session_id } = await rig.api.createSession({ host_id: agent.hostId, port: 5900 });
    const viewer = people.stream(session_id, bearer(ADMIN_TOKEN));
    const { stream } = await agent.opened(1);
    await viewer.receive(1);
    await rig.api.endSession(session_id);
    expect((await viewer.closed).code).toBe(1006);
    const [opened] = await delivered(session_id, "stream.opened", 1);
    const [closed] = await delivered(session_id, "stream.closed", 1);
    expect(closed?.actor).toBe(opened?.actor);
    expect(closed?.detail).toMatch(`${stream}, cut`);
    await agent.stop();
  });

  it("has what a host had not delivered when it was removed", async () => {
    const agent = new PlayedAgent(await rig.enrol());
    const host = agent.hostId;
    await rig.stored("Registry", "registry", "ALTER TABLE audit RENAME TO audit_away");
    await agent.link();
    await rig.edgeLog.waitFor("host.deliver_failed", { host });
    await rig.stored("Registry", "registry", "ALTER TABLE audit_away RENAME TO audit");
    await rig.api.removeHost(host);
    expect((await linesOf(host)).map(({ action }) => action)).toContain("host.online");
    await agent.stop();
  });

  it("has a line for a share link whose time is over, and for a session's", async () => {
    const body = { host_id: desktop.agent.hostId, port: desktop.server.port, ttl_seconds: 2 };
    const { session_id } = await rig.api.createSession(body);
    const link = await people.shareLink(session_id, { ttl_seconds: 1 });
    const by = { actor: "porthole", target: session_id };
    expect(await delivered(session_id, "link.expired", 1)).toEqual([
      expect.objectContaining({ ...by, detail: link.link_id }),
    ]);
    expect(await delivered(session_id, "session.ended", 1)).toEqual([expect.objectContaining(by)]);
  });

  it("takes a line once that a session delivers twice", async () => {
    const session = await desktop.session();
    const viewer = people.stream(session, bearer(ADMIN_TOKEN));
    await expectServed(viewer);
    await viewer.close();
    await delivered(session, "stream.closed", 1);
    // As if the registry's answer had been lost: what was delivered is in the outbox again.
    const again = `INSERT INTO audit_outbox (id, at, actor, address, action, detail)
      VALUES (1, 0, 'x', NULL, 'stream.opened', ''), (2, 0, 'x', NULL, 'stream.closed', '')`;
    await rig.stored("VncSession", session, again);
    await rig.api.endSession(session);
    await delivered(session, "session.ended", 1);
    expect(await rig.stored("VncSession", session, "SELECT * FROM audit_outbox")).toEqual([]);
    expect((await linesOf(session)).map(({ action }) => action)).toEqual([
      "session.created",
      "stream.opened",
      "stream.closed",
      "session.ended",
    ]);
  });

  it("is read page by page, the newest first, without gaps or repeats", async () => {
    for (let n = 0; n < 5; n++) await people.signIn();
    const whole = (await page("?limit=200")).items;
    const ids = whole.map(({ audit_id }) => audit_id);
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    const paged: AuditEntry[] = [];
    let cursor: string | null = null;
    do {
      const next: Page<AuditEntry> = await page(`?limit=3${cursor ? `&cursor=${cursor}` : ""}`);
      expect(next.items.length).toBeLessThanOrEqual(3);
      paged.push(...next.items);
      cursor = next.next_cursor;
    } while (cursor);
    expect(paged).toEqual(whole);
  });

  it.each(["limit=0", "limit=-1", "limit=x", "cursor=0", "cursor=1%20OR%201", "cursor="])(
    "asked with ?%s is a 400 problem",
    async (query) => {
      const answer = await people.asAdmin("GET", `/api/audit?${query}`);
      expect(answer).toMatchObject({ status: 400, code: "invalid_query" });
    },
  );

  it(`is kept for the ${AUDIT_DAYS} days that the operator set, and no longer`, async () => {
    const [young, old] = [await people.key("viewer"), await people.key("viewer")];
    // Days pass for two lines: they are made older, the clock is left alone.
    const age = (target: string, days: number) =>
      rig.stored(
        "Registry",
        "registry",
        `UPDATE audit SET at = at - ${days * DAY_MS} WHERE target = '${target}'`,
      );
    await age(young.key_id, AUDIT_DAYS - 1);
    await age(old.key_id, AUDIT_DAYS + 1);
    await people.signIn(); // what is written next puts the old ones away
    expect(await linesOf(young.key_id)).toHaveLength(1);
    expect(await linesOf(old.key_id)).toEqual([]);
  });
});

describe("no secret", () => {
  it("stands in the audit, in the log of the edge or in that of the agent", async () => {
    const session = await desktop.session();
    const key = await people.key("operator");
    const cookie = await people.signIn();
    const signInLink = new URL((await rig.api.signInLink()).url).hash.slice(1);
    const viaLink = await people.call("/api/login", { method: "POST", body: { link: signInLink } });
    const link = await people.shareLink(session);
    const redeemed = await people.redeem(link.secret);
    const guestTicket = redeemed.json<Ticket>().ticket;
    const ticket = await people.ticket(session, bearer(key.key));
    const unused = await people.ticket(session, people.browser(cookie));
    const make = people.asAdmin("POST", "/api/hosts/join-tokens", { name: "another" });
    const { token: joinToken } = (await make).json<JoinToken>();
    const wrong = ["a-wrong-admin-token", `phk_${"w".repeat(43)}`, `${session}.${"w".repeat(43)}`];

    // All of them are used, the wrong ones too, and used again where that is an error.
    for (const credential of [{ ticket }, { ticket: guestTicket }, people.browser(cookie)]) {
      const stream = people.stream(session, credential);
      await expectServed(stream);
      await stream.close();
    }
    expect((await people.stream(session, { ticket }).closed).code).toBe(4401);
    expect((await people.chat(session, { ticket: wrong[0] ?? "" }).closed).code).toBe(4401);
    const post = (path: string, body: object) => people.call(path, { method: "POST", body });
    await post("/api/login", { admin_token: wrong[0] });
    await post("/api/login", { link: signInLink });
    await post("/api/links/redeem", { secret: wrong[2] });
    await post("/api/agent/join", { token: joinToken, public_key: "x".repeat(43), name: "x" });
    await post("/api/agent/join", { token: joinToken, public_key: "x".repeat(43), name: "x" });
    await people.call("/api/hosts", { headers: bearer(wrong[1] ?? "") });
    await people.call(`/vnc-stream/${session}?ticket=${unused}`); // a 426
    await people.call(`/nowhere?ticket=${unused}`);
    await people.asAdmin("DELETE", `/api/keys/${key.key_id}`);
    await rig.api.endSession(session);
    await delivered(session, "stream.closed", 3);

    const streamTokens = await rig.edgeLog.waitFor("stream.asked", { session });
    expect(Object.keys(streamTokens)).not.toContain("token");
    const { private_key } = desktop.agent.identity;
    const secretOf = (pair: string) => pair.slice(pair.indexOf("=") + 1);
    const secrets = [
      ADMIN_TOKEN,
      key.key,
      secretOf(cookie),
      secretOf(viaLink.cookie),
      signInLink,
      link.secret,
      link.secret.split(".")[1] ?? "",
      secretOf(redeemed.cookie),
      guestTicket,
      ticket,
      unused,
      joinToken,
      private_key.split("\n")[1] ?? "",
      ...wrong,
    ];
    for (const secret of secrets) expect(secret.length).toBeGreaterThan(12);
    const places = {
      audit: JSON.stringify(await rig.stored("Registry", "registry", "SELECT * FROM audit")),
      edge: JSON.stringify(rig.edgeLog.events),
      agent: JSON.stringify(desktop.agent.log.events),
    };
    for (const [place, text] of Object.entries(places)) {
      expect(text.length, place).toBeGreaterThan(500);
      const found = secrets.filter((secret) => text.includes(secret));
      expect(found, `secrets in the ${place}`).toEqual([]);
      // Nor one that this test does not know: a stream's token, an agent's signed token, a hash.
      expect(text.match(/eyJ[\w-]+\.[\w-]+\.|"(token|hash|ticket|secret)":/g), place).toBeNull();
    }
  });
});

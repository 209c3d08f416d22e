import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { edgeSocketUrl } from "../../agent/dial.ts";
import { signToken } from "../../agent/identity.ts";
import type { AuditEntry, Page } from "../../protocol/api.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, runTestAgent, startRig } from "../support/rig.ts";
import { dialLink, refusalCode } from "../support/stream-stage.ts";

/** As worker/objects has them. */
const MAX_FAILURES = 20;
const MAX_LINK_LINES = 20;
const MAX_REFUSAL_LINES = 100;
const MORE = "(more like it in these ten minutes are in the log only)";

let rig: Rig;
let people: People;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
});

afterAll(() => rig.stop());

/** The lines that fit, oldest first, of all pages. */
async function lines(fits: (line: AuditEntry) => boolean): Promise<AuditEntry[]> {
  const found: AuditEntry[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const path: string = `/api/audit?limit=200${cursor && `&cursor=${cursor}`}`;
    const page: Page<AuditEntry> = (await people.asAdmin("GET", path)).json<Page<AuditEntry>>();
    found.unshift(...page.items.filter(fits).reverse());
    cursor = page.next_cursor;
  }
  return found;
}

const linesFrom = (address: string) => lines((line) => line.address === address);

/** Waits until an object has delivered that many lines about a target. */
async function delivered(target: string, count: number, prefix = ""): Promise<AuditEntry[]> {
  let found: AuditEntry[] = [];
  await poll(10_000, `${count} lines of ${target}`, async () => {
    found = await lines((line) => line.target === target && line.action.startsWith(prefix));
    return found.length >= count;
  });
  return found;
}

const login = (from: string, admin_token = "wrong") =>
  people.call("/api/login", { method: "POST", body: { admin_token }, from });
const join = (from: string) => {
  const body = { token: "x".repeat(43), public_key: "x".repeat(43), name: "x" };
  return people.call("/api/agent/join", { method: "POST", body, from });
};
const redeem = (session: string, from: string) =>
  people.redeem(`${session}.${"A".repeat(43)}`, { from });

describe("the audit of an agent's link", () => {
  it("has a line for its coming, for another that takes its place, and for its going", async () => {
    const agent = await rig.startAgent();
    const newer = runTestAgent(agent.identity, []);
    await agent.finished;
    await newer.log.waitFor("link.up");
    await newer.stop();
    const host = { actor: `host:${agent.hostId}`, target: agent.hostId };
    const online = { ...host, action: "host.online", address: "127.0.0.1" };
    expect(await delivered(agent.hostId, 4)).toEqual([
      expect.objectContaining({ actor: "join token", action: "host.joined" }),
      expect.objectContaining({ ...online, detail: "" }),
      expect.objectContaining({ ...online, detail: "in place of the link that it had" }),
      expect.objectContaining({ ...host, action: "host.offline", detail: "1000" }),
    ]);
  });

  it("says with which code a link went that the edge closed, and why", async () => {
    const identity = await rig.enrol();
    const link = await dialLink(identity);
    link.send("{");
    const [offline] = await delivered(identity.host_id, 1, "host.offline");
    expect(offline?.detail).toMatch(/^4400, The edge could not read a message/);
  });

  it("takes a line once that the host delivers twice", async () => {
    const identity = await rig.enrol();
    const link = await dialLink(identity);
    await delivered(identity.host_id, 1, "host.online");
    // As if the registry's answer had been lost: what was delivered is in the outbox again.
    const again = `INSERT INTO audit_outbox (id, at, actor, address, action, detail)
      VALUES (1, 0, 'x', NULL, 'host.online', '')`;
    await rig.stored("VncHost", identity.host_id, again);
    link.terminate();
    await delivered(identity.host_id, 1, "host.offline");
    const outbox = () => rig.stored("VncHost", identity.host_id, "SELECT * FROM audit_outbox");
    expect(await outbox()).toEqual([]);
    expect(await delivered(identity.host_id, 1, "host.online")).toHaveLength(1);
  });

  it(`has ${MAX_LINK_LINES} lines of an agent that dials without end, and says that there were more`, async () => {
    const identity = await rig.enrol();
    for (let n = 0; n < MAX_LINK_LINES + 5; n++) (await dialLink(identity)).terminate();
    await rig.edgeLog.waitFor("host.online", { host: identity.host_id }, MAX_LINK_LINES + 5);
    const found = await delivered(identity.host_id, MAX_LINK_LINES + 1);
    const ofLinks = found.filter(({ action }) => action !== "host.joined");
    expect(ofLinks).toHaveLength(MAX_LINK_LINES);
    expect(ofLinks.filter(({ detail }) => detail?.endsWith(MORE))).toEqual([ofLinks.at(-1)]);
  });

  it("has one line for each way in which agents are refused, however often they come", async () => {
    const identity = await rig.enrol();
    const url = edgeSocketUrl(identity.edge, "/agent/link");
    const elsewhere = { ...identity, edge: "https://edge.example" };
    for (let n = 0; n < 10; n++) {
      expect(await refusalCode(url, await signToken(elsewhere))).toBe("agent_token");
    }
    expect(await refusalCode(url, await signToken(identity, Date.now() - 600_000))).toBe(
      "agent_clock",
    );
    const refused = { actor: "nobody", address: "127.0.0.1", target: identity.host_id };
    expect(await delivered(identity.host_id, 2, "host.refused")).toEqual([
      expect.objectContaining({ ...refused, detail: `agent_token ${MORE}` }),
      expect.objectContaining({ ...refused, detail: `agent_clock ${MORE}` }),
    ]);
  });

  it("has no line of a host that there never was, and such a host stores nothing", async () => {
    const identity = { ...(await rig.enrol()), host_id: `never-${randomUUID()}` };
    const url = edgeSocketUrl(identity.edge, "/agent/link");
    expect(await refusalCode(url, await signToken(identity))).toBe("agent_unknown");
    expect(await lines(({ target }) => target === identity.host_id)).toEqual([]);
    const tables = "SELECT name FROM sqlite_master WHERE name LIKE 'audit%'";
    expect(await rig.stored("VncHost", identity.host_id, tables)).toEqual([]);
  });
});

describe("the audit of wrong secrets", () => {
  it("has two lines of an address that guesses on and on: the first, and that it was shut out", async () => {
    const from = "127.0.0.40";
    await Promise.all(Array.from({ length: 40 }, () => login(from)));
    expect(await linesFrom(from)).toEqual([
      expect.objectContaining({ actor: "nobody", action: "login.refused", target: null }),
      expect.objectContaining({
        actor: "nobody",
        action: "address.shut_out",
        detail: `${MAX_FAILURES} wrong secrets from ${from}, the last for login`,
      }),
    ]);
  });

  it("has one line of an address for each kind of secret that it says", async () => {
    const from = "127.0.0.41";
    const { host_id } = await rig.enrol();
    const { session_id } = await rig.api.createSession({ host_id, port: 5900 });
    for (let n = 0; n < 3; n++) {
      await login(from);
      await join(from);
      await redeem(session_id, from);
      await people.call("/api/hosts", { headers: bearer("wrong"), from });
    }
    const actions = (await linesFrom(from)).map(({ action }) => action);
    expect(actions).toEqual(["login.refused", "join.refused", "link.refused", "token.refused"]);
  });

  it("has no line of a right secret, and none that tells a wrong one", async () => {
    const from = "127.0.0.42";
    expect((await login(from, ADMIN_TOKEN)).status).toBe(204);
    await login(from, "nearly-the-admin-token");
    const found = await linesFrom(from);
    expect(found.map(({ action }) => action)).toEqual(["login.created", "login.refused"]);
    expect(JSON.stringify(found)).not.toContain("nearly");
  });

  it(`has ${MAX_REFUSAL_LINES} lines of all addresses together in ten minutes`, async () => {
    const isRefusal = ({ action }: AuditEntry) =>
      /^(login|join|link|token)\.refused$|^address\.shut_out$/.test(action);
    const addresses = Array.from({ length: MAX_REFUSAL_LINES + 20 }, (_, n) => `127.0.1.${n + 1}`);
    for (const from of addresses) expect((await login(from)).status).toBe(401);
    const found = await lines(isRefusal);
    expect(found).toHaveLength(MAX_REFUSAL_LINES);
    expect(found.at(-1)?.detail).toBe(`a wrong secret ${MORE}`);
  });
});

describe("the audit of refused viewers", () => {
  it("has one line for a session's bad tickets, by stream and chat, and none for others", async () => {
    const { host_id } = await rig.enrol();
    const { session_id } = await rig.api.createSession({ host_id, port: 5900 });
    for (let n = 0; n < 5; n++) {
      const ticket = `wrong-${n}`;
      expect((await people.stream(session_id, { ticket }).closed).code).toBe(4401);
      expect((await people.chat(session_id, { ticket }).closed).code).toBe(4401);
    }
    const refused = { actor: "nobody", address: "127.0.0.1", action: "viewer.refused" };
    expect(await delivered(session_id, 1, "viewer.refused")).toEqual([
      expect.objectContaining({ ...refused, detail: `bad_ticket ${MORE}` }),
    ]);
    const nobodys = `never-${randomUUID()}`;
    expect((await people.stream(nobodys, { ticket: "wrong" }).closed).code).toBe(4404);
    expect(await lines(({ target }) => target === nobodys)).toEqual([]);
  });
});

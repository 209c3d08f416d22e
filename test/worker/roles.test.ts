import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditEntry, Page, Session, Ticket } from "../../protocol/api.ts";
import type { Role } from "../../protocol/link.ts";
import { bearer } from "../support/call.ts";
import { type Credential, expectHeard, People } from "../support/people.ts";
import { PlayedAgent } from "../support/played-agent.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

type Headers = Record<string, string>;

let rig: Rig;
let people: People;
let agent: PlayedAgent;
let session: string;
/** What those who may only watch come with. */
const watchers: { who: string; headers: Headers }[] = [];
let operator: Headers;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  agent = await PlayedAgent.start(rig);
  session = await newSession();
  const link = await people.shareLink(session, { role: "view" });
  const guest = people.browser((await people.redeem(link.secret)).cookie);
  watchers.push({ who: "a guest of a view link", headers: guest });
  watchers.push({ who: "a viewer's key", headers: bearer((await people.key("viewer")).key) });
  operator = bearer((await people.key("operator")).key);
});

afterAll(async () => {
  await agent.stop();
  await rig.stop();
});

async function newSession(options: object = {}): Promise<string> {
  const body = { host_id: agent.hostId, port: 5900, ...options };
  return (await rig.api.createSession(body)).session_id;
}

/** The role that the agent is asked for the stream of this credential with. */
async function roleOfStream(credential: Credential): Promise<Role> {
  const before = agent.heard.filter(({ type }) => type === "open").length;
  const viewer = people.stream(session, credential);
  const open = await agent.opened(before + 1);
  await viewer.receive(1);
  await viewer.close();
  await agent.until(() => agent.roleOf(open.stream) === undefined);
  return open.role;
}

const get = (query: string, headers: Headers) =>
  people.call(`/api/vnc/session/${session}${query}`, { headers });

const ticketIn = (websocketUrl: string) => new URL(websocketUrl).searchParams.get("ticket") ?? "";

describe("who may only watch", () => {
  it("gets streams that may only watch, as themselves and by ticket, and is heard in the chat", async () => {
    for (const { who, headers } of watchers) {
      const view = { ticket: await people.ticket(session, headers, { role: "view" }) };
      expect(await roleOfStream(headers), who).toBe("view");
      expect(await roleOfStream(view), who).toBe("view");
      const chat = people.chat(session, headers);
      await expectHeard(chat);
      await chat.close();
    }
  });

  it("is refused a ticket for control with 403, by POST and by GET", async () => {
    for (const { who, headers } of watchers) {
      const asked = await people.askTicket(session, headers, { role: "control" });
      expect(asked, who).toMatchObject({ status: 403, code: "role_too_low" });
      const got = await get("?ticket=control", headers);
      expect(got, who).toMatchObject({ status: 403, code: "role_too_low" });
    }
    const tickets = "SELECT role FROM tickets WHERE role != 'view'";
    expect(await rig.stored("VncSession", session, tickets)).toEqual([]);
  });

  it("with a link gets a ticket for watching when it is redeemed", async () => {
    const link = await people.shareLink(session, { role: "view" });
    expect(link.role).toBe("view");
    const redeemed = await people.redeem(link.secret);
    expect(redeemed.json()).toMatchObject({ role: "view" });
    expect(await roleOfStream({ ticket: redeemed.json<Ticket>().ticket })).toBe("view");
  });
});

describe("who may control", () => {
  it("does so as themselves and by ticket, and only watches with a ticket for that", async () => {
    expect(await roleOfStream(operator)).toBe("control");
    const control = await people.ticket(session, operator, { role: "control" });
    expect(await roleOfStream({ ticket: control })).toBe("control");
    const view = await people.ticket(session, operator, { role: "view" });
    expect(await roleOfStream({ ticket: view })).toBe("view");
  });
});

describe("a session that is asked for with a ticket", () => {
  it("has a fresh one in its websocket_url, each time and of that role, and the audit has it", async () => {
    const urls: string[] = [];
    for (const role of ["control", "view"] as const) {
      const { session_id, websocket_url } = (
        await get(`?ticket=${role}`, operator)
      ).json<Session>();
      expect(session_id).toBe(session);
      expect(await roleOfStream({ ticket: ticketIn(websocket_url) })).toBe(role);
      urls.push(websocket_url);
    }
    expect(new Set(urls).size).toBe(2);
    const lines = (await people.asAdmin("GET", "/api/audit")).json<Page<AuditEntry>>().items;
    const issued = lines.filter(({ action }) => action === "ticket.issued").slice(0, 2);
    expect(issued.map(({ detail }) => detail)).toEqual(["view for Viewer", "control for Viewer"]);
    expect(issued.map(({ target }) => target)).toEqual([session, session]);
  });

  it("has none without asking, and a role that there is not is a 400", async () => {
    expect((await get("", operator)).json<Session>().websocket_url).not.toContain("ticket");
    expect(await get("?ticket=admin", operator)).toMatchObject({
      status: 400,
      code: "invalid_query",
    });
    expect(await get("?ticket=", operator)).toMatchObject({ status: 400 });
  });

  it("gets one for a browser that is signed in on our own pages only", async () => {
    const cookie = await people.signIn();
    const ours = await get("?ticket=control", people.browser(cookie));
    expect(ticketIn(ours.json<Session>().websocket_url)).not.toBe("");
    for (const foreign of [
      { origin: "https://evil.example" },
      { "sec-fetch-site": "cross-site" },
    ]) {
      expect((await get("?ticket=control", { cookie, ...foreign })).status).toBe(403);
    }
  });
});

describe("the options of a session", () => {
  const PASSWORD = "hunter2-for-the-vnc-server";

  it("are shared control and a clipboard both ways unless it is made otherwise", async () => {
    const plain = await rig.api.session(await newSession());
    expect(plain).toMatchObject({ control: "shared", clipboard: "both" });
    const made = await rig.api.session(
      await newSession({ control: "exclusive", clipboard: "to_host" }),
    );
    expect(made).toMatchObject({ control: "exclusive", clipboard: "to_host" });
    for (const options of [{ clipboard: "none" }, { clipboard: "both" }]) {
      expect(await rig.api.session(await newSession(options))).toMatchObject(options);
    }
  });

  it("are said to the agent with each stream, the password only where there is one", async () => {
    const before = agent.heard.length;
    const options = { control: "exclusive", clipboard: "none" };
    const secret = await newSession({ ...options, password: PASSWORD });
    const viewer = people.stream(secret, operator);
    await viewer.receive(1);
    const open = agent.heard.slice(before).find(({ type }) => type === "open");
    expect(open).toMatchObject({ session: secret, ...options, password: PASSWORD });
    await viewer.close();
    const plain = people.stream(await newSession(), operator);
    await plain.receive(1);
    expect(agent.heard.at(-1)).toMatchObject({ control: "shared", clipboard: "both" });
    expect(agent.heard.at(-1)).not.toHaveProperty("password");
    await plain.close();
  });

  it("keep the password from every answer, the audit and the log, and forget it at the end", async () => {
    const body = { host_id: agent.hostId, port: 5900, password: PASSWORD };
    const made = await people.asAdmin("POST", "/api/vnc/sessions", body);
    const { session_id: id } = made.json<Session>();
    const stored = () => rig.stored("VncSession", id, "SELECT * FROM session");
    expect(JSON.stringify(await stored())).toContain(PASSWORD);
    const viewer = people.stream(id, operator);
    await viewer.receive(1);
    const admin = bearer(ADMIN_TOKEN);
    const shown = [made.text];
    for (const path of [`/${id}`, `/${id}?ticket=control`, "s", `/${id}/links`]) {
      shown.push((await people.call(`/api/vnc/session${path}`, { headers: admin })).text);
    }
    await rig.api.endSession(id);
    expect((await viewer.closed).code).toBe(4410);
    shown.push((await people.call(`/api/vnc/session/${id}`, { headers: admin })).text);
    expect(JSON.stringify(await stored())).not.toContain(PASSWORD);
    const audit = await rig.stored("Registry", "registry", "SELECT * FROM audit");
    const outbox = await rig.stored("VncSession", id, "SELECT * FROM audit_outbox");
    shown.push(JSON.stringify(audit), JSON.stringify(outbox), JSON.stringify(rig.edgeLog.events));
    for (const text of shown) expect(text).not.toContain(PASSWORD);
  });
});

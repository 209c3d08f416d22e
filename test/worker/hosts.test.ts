import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { VERSION } from "../../agent/version.ts";
import type { AuditEntry, Host, Page } from "../../protocol/api.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { People } from "../support/people.ts";
import { RecordingServer } from "../support/recording-server.ts";
import { RfbViewer } from "../support/rfb-viewer.ts";
import { ADMIN_TOKEN, type Rig, runTestAgent, startRig } from "../support/rig.ts";

const asAdmin = bearer(ADMIN_TOKEN);

let rig: Rig;
let people: People;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
});

afterAll(() => rig.stop());

const get = async (path: string) =>
  (await people.wanted(200, people.call(path, { headers: asAdmin }))).json<Page<Host>>();

const change = (host: string, body: unknown) => people.asAdmin("PATCH", `/api/hosts/${host}`, body);

/** Waits until a host is as wanted. */
async function becomes(id: string, holds: (host: Host) => boolean): Promise<Host> {
  let host = await rig.api.host(id);
  await poll(10_000, "the host to be as wanted", async () => {
    host = await rig.api.host(id);
    return holds(host);
  });
  return host;
}

describe("a host", () => {
  it("tells whether it is online and since when, its agent's version and its link's latency", async () => {
    const identity = await rig.enrol("teller");
    const before = await rig.api.host(identity.host_id);
    expect(before).toMatchObject({
      name: "teller",
      label: null,
      online: false,
      since: before.created_at,
      version: null,
      displays: [],
      streams: 0,
      latency_ms: null,
    });
    const agent = runTestAgent(identity, []);
    const online = await becomes(identity.host_id, ({ latency_ms }) => latency_ms !== null);
    expect(online).toMatchObject({ online: true, version: VERSION });
    expect(online.latency_ms).toBeGreaterThan(0);
    expect(online.latency_ms).toBeLessThan(10_000);
    expect(Date.parse(online.since)).toBeGreaterThanOrEqual(Date.parse(before.since));
    await agent.stop();
    const offline = await becomes(identity.host_id, (host) => !host.online);
    expect(offline).toMatchObject({ latency_ms: null, streams: 0, version: VERSION });
    expect(Date.parse(offline.since)).toBeGreaterThanOrEqual(Date.parse(online.since));
  });

  it("tells a display's name and size once it was looked at, and asks nobody for them", async () => {
    const server = await RecordingServer.start();
    const agent = await rig.startAgent({ allow: [`127.0.0.1:${server.port}`] });
    const found = { port: server.port, security: ["None"], name: null, width: null, height: null };
    const displayOf = (host: Host) => host.displays.find(({ port }) => port === server.port);
    await becomes(agent.hostId, (host) => displayOf(host) !== undefined);
    expect(displayOf(await rig.api.host(agent.hostId))).toMatchObject(found);
    expect(server.clients).toEqual([]);

    const body = { host_id: agent.hostId, port: server.port };
    const { session_id } = await rig.api.createSession(body);
    const socket = new WebSocket((await rig.api.ticket(session_id)).websocket_url);
    const viewer = new RfbViewer(socket);
    expect(await viewer.join()).toMatchObject({ name: "test", width: 64, height: 48 });
    const known = await becomes(agent.hostId, (host) => displayOf(host)?.name === "test");
    expect(displayOf(known)).toEqual({
      ...found,
      display: null, // its port is not that of one
      name: "test",
      width: 64,
      height: 48,
    });
    expect(known.streams).toBe(1);
    await rig.api.scan(agent.hostId);
    socket.close();
    await viewer.closed;
    const after = await becomes(agent.hostId, ({ streams }) => streams === 0);
    expect(displayOf(after)?.name).toBe("test");
    expect(server.clients).toHaveLength(1);
    await agent.stop();
    await server.close();
  });

  it("is called as its operator says, whatever its agent calls it; the audit has who did it", async () => {
    const identity = await rig.enrol("as-the-agent-says");
    const id = identity.host_id;
    const renamed = change(id, { name: "build-7", label: "rack 2, <b>left</b>" });
    expect((await people.wanted(200, renamed)).json<Host>()).toMatchObject({
      host_id: id,
      name: "build-7",
      label: "rack 2, <b>left</b>",
    });
    const agent = runTestAgent(identity, []);
    await agent.log.waitFor("link.up");
    await rig.evict("VncHost", id, "hibernate");
    expect(await rig.api.host(id)).toMatchObject({ name: "build-7", label: "rack 2, <b>left</b>" });
    await people.wanted(200, change(id, { label: null }));
    expect(await rig.api.host(id)).toMatchObject({ name: "build-7", label: null });
    await people.wanted(200, change(id, { name: "build-7" })); // changes nothing
    let lines: AuditEntry[] = [];
    await poll(10_000, "two lines", async () => {
      const page = await people.asAdmin("GET", "/api/audit?limit=200");
      lines = page
        .json<Page<AuditEntry>>()
        .items.filter(({ target, action }) => target === id && action === "host.renamed");
      return lines.length >= 2;
    });
    const by = { actor: "admin token", address: "127.0.0.1" };
    expect(lines.reverse()).toEqual([
      expect.objectContaining({
        ...by,
        detail: "as-the-agent-says is build-7, label rack 2, <b>left</b>",
      }),
      expect.objectContaining({ ...by, detail: "label removed" }),
    ]);
    await agent.stop();
  });

  it.each([
    [{}, "give a name or a label"],
    [{ name: "" }, "name"],
    [{ name: null }, "name"],
    [{ name: "x".repeat(81) }, "name"],
    [{ label: "" }, "label"],
    [{ label: 7 }, "label"],
    [{ name: "x", online: true }, "online"],
  ])("is not changed by %j", async (body, word) => {
    const { host_id, name } = await rig.enrol();
    const answer = await change(host_id, body);
    expect(answer).toMatchObject({ status: 400, code: "invalid_body" });
    expect(answer.json<{ detail: string }>().detail).toContain(word);
    expect(await rig.api.host(host_id)).toMatchObject({ name, label: null });
  });

  it("that an earlier version stored is there as before, and can be given a label", async () => {
    const { host_id, name } = await rig.enrol();
    for (const column of ["label", "latency_ms"]) {
      await rig.stored("VncHost", host_id, `ALTER TABLE host DROP COLUMN ${column}`);
    }
    await rig.stored("VncHost", host_id, "DROP TABLE told_state");
    await rig.evict("VncHost", host_id, "hibernate");
    expect(await rig.api.host(host_id)).toMatchObject({ name, label: null, latency_ms: null });
    await people.wanted(200, change(host_id, { label: "new" }));
    expect(await rig.api.host(host_id)).toMatchObject({ name, label: "new" });
  });
});

describe("the list of hosts", () => {
  it("is read page by page, the oldest first, also while hosts are renamed and removed", async () => {
    const made: string[] = [];
    for (let n = 0; n < 5; n++) made.push((await rig.enrol()).host_id);
    const all = (await get("/api/hosts")).items.map(({ host_id }) => host_id);
    expect(all.slice(-5)).toEqual(made);
    const first = await get(`/api/hosts?limit=${all.length - 3}`);
    const [removed = "", renamed = ""] = first.items.slice(-2).map(({ host_id }) => host_id);
    await rig.api.removeHost(removed);
    await change(renamed, { name: "zzz" });
    const second = await get(`/api/hosts?limit=2&cursor=${first.next_cursor}`);
    const third = await get(`/api/hosts?limit=2&cursor=${second.next_cursor}`);
    const rest = [...second.items, ...third.items].map(({ host_id }) => host_id);
    expect(rest).toEqual(made.slice(-3));
    expect(third.next_cursor).toBeNull();
  });

  it.each([
    "limit=0",
    "limit=101",
    "limit=x",
    "cursor=",
    "cursor=x",
    "cursor=1.a%20b",
    "color=red",
  ])("with %s is a 400", async (query) => {
    const answer = await people.asAdmin("GET", `/api/hosts?${query}`);
    expect(answer).toMatchObject({ status: 400, code: "invalid_query" });
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Page, ServerConsole, ServerLookUp, Session } from "../../protocol/api.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { parseExposition } from "../support/exposition.ts";
import { Hypervisor, ServersApi } from "../support/hypervisor.ts";
import { PanelServer } from "../support/panel-server.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { dialLink } from "../support/stream-stage.ts";

const ADDRESS = "192.168.4.2";
const ELSEWHERE = "192.168.4.3";
/** Both hypervisors have it, as many do that run containers. */
const CLAIMED_TWICE = "172.17.0.1";

/** Without what Miniflare keeps in each object. */
const OUR_TABLES = "SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_\\_%' ESCAPE '\\'";

let panel: PanelServer;
let rig: Rig;
let people: People;
let api: ServersApi;
let hypervisor: Hypervisor;
let other: Hypervisor;
let servers = 0;

beforeAll(async () => {
  panel = await PanelServer.start();
  rig = await startRig(panel.vars);
  people = new People(rig);
  api = await ServersApi.start(people);
  hypervisor = await Hypervisor.start(rig, ADDRESS, CLAIMED_TWICE, "fd00:0:0::2");
  other = await Hypervisor.start(rig, ELSEWHERE, CLAIMED_TWICE);
});

afterAll(async () => {
  await hypervisor?.agent.stop();
  await other?.agent.stop();
  await rig?.stop();
  await panel?.stop();
});

afterEach(() => {
  panel.misbehave = null;
  panel.onSwitch = async () => {};
  panel.posts.length = 0;
});

/** A server of the panel's on the first hypervisor, with a port of its own. */
function newServer(ip: string | null = ADDRESS): { id: string; port: number } {
  const id = String(100 + ++servers);
  const port = 5900 + servers;
  panel.add(id, ip, port);
  return { id, port };
}

async function enable(id: string): Promise<ServerConsole> {
  return (await people.wanted(200, api.enable(id))).json<ServerConsole>();
}

async function lookUp(id: string): Promise<ServerLookUp> {
  return (await people.wanted(200, api.lookUp(id))).json<ServerLookUp>();
}

const passwordOf = (id: string) => panel.servers.get(id)?.password;

/** What the agent is asked for when a viewer comes to that session. */
async function opensWith(session: string) {
  const before = hypervisor.agent.heard.filter(({ type }) => type === "open").length;
  const viewer = people.stream(session, bearer(ADMIN_TOKEN));
  const { target, password } = await hypervisor.agent.opened(before + 1);
  await viewer.receive(1);
  await viewer.close();
  return { target, password };
}

describe("enabling VNC", () => {
  it("answers with a session, whose viewers get the panel's listener by the panel's password", async () => {
    const { id, port } = newServer();
    const console = await enable(id);
    expect(panel.posts).toEqual([{ server: id, body: { action: "enable" } }]);
    const { session_id } = console;
    expect(console).toMatchObject({
      ...{ server_id: id, enabled: true, queue_id: "4001" },
      ...{ host_id: hypervisor.hostId, vnc_port: port, label: `Server ${id}` },
      websocket_url: `${rig.edge.url.replace("http", "ws")}/vnc-stream/${session_id}`,
      view_url: `${rig.edge.url}/view/${session_id}`,
    });
    // Which server it is every session of a panel says, however it is labelled.
    const seen = await rig.api.session(console.session_id);
    expect(seen).toMatchObject({ server_id: console.server_id, profile: null });
    const target = { host: ADDRESS, port };
    expect(await opensWith(session_id)).toEqual({ target, password: passwordOf(id) });
  });

  it("by two clicks at once is one session and one call that rotates the password", async () => {
    const { id } = newServer();
    const consoles = await Promise.all([enable(id), enable(id), enable(id)]);
    expect(new Set(consoles.map(({ session_id }) => session_id)).size).toBe(1);
    expect(panel.posts).toHaveLength(1);
  });

  it("again, while the listener answers, leaves the panel alone, whatever it says of enabled", async () => {
    const { id, port } = newServer();
    const first = await enable(id);
    await hypervisor.listens({ address: ADDRESS, port });
    expect((await rig.api.session(first.session_id)).status).toBe("active");
    const again = await enable(id);
    expect(again).toMatchObject({ session_id: first.session_id, status: "active", queue_id: null });
    expect(panel.posts).toHaveLength(1);
    expect(panel.servers.get(id)?.enabled).toBe(false);
  });

  it("again, while the listener is still to come, leaves the panel alone, but not for ever", async () => {
    const { id, port } = newServer();
    const { session_id } = await enable(id);
    const password = panel.rotate(id);
    expect(await enable(id)).toMatchObject({ session_id, status: "unreachable" });
    expect(await opensWith(session_id)).toEqual({ target: { host: ADDRESS, port }, password });
    expect(panel.posts).toHaveLength(1);
    const age = "UPDATE console SET settles_at = settles_at - 60000 RETURNING settles_at";
    await rig.stored("PanelServer", id, age);
    expect(await enable(id)).toMatchObject({ session_id });
    expect(panel.posts).toHaveLength(2);
  });

  it("again takes a password that was rotated in the panel, for the same session", async () => {
    const { id, port } = newServer();
    const first = await enable(id);
    await hypervisor.listens({ address: "0.0.0.0", port });
    const password = panel.rotate(id);
    expect((await enable(id)).session_id).toBe(first.session_id);
    expect(panel.posts).toHaveLength(1);
    expect(await opensWith(first.session_id)).toMatchObject({ password });
  });

  it("again, once nothing listens there any more, switches it on anew for the same session", async () => {
    const { id, port } = newServer();
    const first = await enable(id);
    await hypervisor.listens({ address: ADDRESS, port });
    await enable(id);
    await hypervisor.listens({ address: "127.0.0.1", port });
    expect((await rig.api.session(first.session_id)).status).toBe("unreachable");
    const again = await enable(id);
    expect(again.session_id).toBe(first.session_id);
    expect(panel.posts).toHaveLength(2);
    expect(await opensWith(again.session_id)).toMatchObject({ password: passwordOf(id) });
  });

  it("again, after the panel moved the listener, switches it on for what it says now", async () => {
    const { id, port } = newServer();
    const first = await enable(id);
    const moved = port + 50;
    Object.assign(panel.servers.get(id) ?? {}, { port: moved });
    await hypervisor.listens({ address: ADDRESS, port }, { address: ADDRESS, port: moved });
    expect(await enable(id)).toMatchObject({ session_id: first.session_id, vnc_port: moved });
    expect(panel.posts).toHaveLength(2);
    expect(await opensWith(first.session_id)).toMatchObject({ target: { port: moved } });
  });

  it("again, after the server moved to another host, ends the old session and makes a new one", async () => {
    const { id } = newServer();
    const first = await enable(id);
    Object.assign(panel.servers.get(id) ?? {}, { ip: ELSEWHERE });
    const second = await enable(id);
    expect(second).toMatchObject({ host_id: other.hostId });
    expect(second.session_id).not.toBe(first.session_id);
    expect(await rig.api.session(first.session_id)).toMatchObject({
      status: "ended",
      reason: "The server moved to another host; open its console again.",
    });
  });

  it("after somebody ended the session makes a new one", async () => {
    const { id } = newServer();
    const first = await enable(id);
    await rig.api.endSession(first.session_id);
    expect((await enable(id)).session_id).not.toBe(first.session_id);
  });

  it("has the session live as long as a new one would, so that it does not end under a viewer", async () => {
    const { id } = newServer();
    const { session_id, expires_at } = await enable(id);
    const age = "UPDATE session SET expires_at = expires_at - 3600000 RETURNING expires_at";
    await rig.stored("VncSession", session_id, age);
    const again = await enable(id);
    expect(Date.parse(again.expires_at)).toBeGreaterThanOrEqual(Date.parse(expires_at));
  });

  it("finds the host of an address of IPv6 however it is written", async () => {
    const { id, port } = newServer("FD00::0:2");
    expect(await enable(id)).toMatchObject({ host_id: hypervisor.hostId, status: "unreachable" });
    await hypervisor.listens({ address: "fd00::2", port });
    expect(await enable(id)).toMatchObject({ status: "active" });
  });

  it("is in the audit with who did it, to which server, and whether the panel was told", async () => {
    const { id, port } = newServer();
    const { session_id } = await enable(id);
    await hypervisor.listens({ address: ADDRESS, port });
    await enable(id);
    await people.wanted(200, api.disable(id));
    const key = (await people.asAdmin("GET", "/api/keys")).json<{ items: { key_id: string }[] }>();
    const by = { actor: `key:${key.items[0]?.key_id}`, address: "127.0.0.1", target: id };
    const enabled = (await api.audit("server.vnc_enabled")).filter(({ target }) => target === id);
    expect(enabled).toMatchObject([
      { ...by, detail: `session ${session_id}, left as it was` },
      { ...by, detail: `session ${session_id}, switched on` },
    ]);
    const [disabled] = await api.audit("server.vnc_disabled");
    expect(disabled).toMatchObject({ ...by, detail: `session ${session_id}` });
    const [created] = await api.audit("session.created");
    expect(created).toMatchObject({ target: session_id });
  });
});

describe("enabling VNC is refused, and the panel not told to,", () => {
  it("for a server whose hypervisor has no agent: 409, with the address that needs one", async () => {
    const { id } = newServer("10.7.7.7");
    const answer = await api.enable(id);
    expect(answer).toMatchObject({ status: 409, code: "no_agent_at_address" });
    expect(answer.text).toContain("10.7.7.7");
    expect(panel.posts).toEqual([]);
  });

  it("where two hosts say that the address is theirs: 409, with both", async () => {
    const { id } = newServer(CLAIMED_TWICE);
    const answer = await api.enable(id);
    expect(answer).toMatchObject({ status: 409, code: "address_claimed_twice" });
    for (const { hostId } of [hypervisor, other]) expect(answer.text).toContain(hostId);
    expect(panel.posts).toEqual([]);
  });

  it.each(["127.0.0.1", "127.1.2.3", "0.0.0.0", "::1", "::"])(
    "for a listener on %s, which could be any machine: 409 with what to set",
    async (ip) => {
      const answer = await api.enable(newServer(ip).id);
      expect(answer).toMatchObject({ status: 409, code: "listener_not_named" });
      expect(panel.posts).toEqual([]);
    },
  );

  it("while the host is offline: 503", async () => {
    const away = await Hypervisor.start(rig, "192.168.4.9");
    await away.agent.stop();
    await rig.edgeLog.waitFor("host.offline", { host: away.hostId });
    const answer = await api.enable(newServer("192.168.4.9").id);
    expect(answer).toMatchObject({ status: 503, code: "host_offline" });
    expect(panel.posts).toEqual([]);
  });

  it("once the host was removed: 409", async () => {
    const removed = await Hypervisor.start(rig, "192.168.4.10");
    await rig.api.removeHost(removed.hostId);
    const answer = await api.enable(newServer("192.168.4.10").id);
    expect(answer).toMatchObject({ status: 409, code: "no_agent_at_address" });
  });

  it("at an address that the host has no more: 409", async () => {
    const changing = await Hypervisor.start(rig, "192.168.4.11");
    const { agent, hostId } = changing;
    agent.say({ type: "hello", version: "0", displays: [], streams: [], addresses: [] });
    await rig.edgeLog.waitFor("registry.host_addresses", { host: hostId }, 2);
    const answer = await api.enable(newServer("192.168.4.11").id);
    expect(answer).toMatchObject({ status: 409, code: "no_agent_at_address" });
    await agent.stop();
  });

  it("for an id that is none: 400, and nothing is asked of the panel", async () => {
    const before = panel.gets;
    for (const id of ["..%2f..%2fusers", "a%20b", "x".repeat(65), "%2e%2e"]) {
      expect((await api.enable(id)).status).toBeGreaterThanOrEqual(400);
      expect((await api.lookUp(id)).status).toBeGreaterThanOrEqual(400);
    }
    expect(panel.gets).toBe(before);
    expect(panel.posts).toEqual([]);
  });
});

describe("enabling VNC where the panel does not name a listener yet", () => {
  it("switches it on and takes what the panel names then", async () => {
    const { id, port } = newServer(null);
    panel.onSwitch = async (_on, server) => {
      Object.assign(server, { ip: ADDRESS, port });
    };
    expect(await enable(id)).toMatchObject({ host_id: hypervisor.hostId, vnc_port: port });
  });

  it("is a 502 that says to try again if it still names none", async () => {
    expect(await api.enable(newServer(null).id)).toMatchObject({
      status: 502,
      code: "no_listener",
    });
    expect(panel.posts).toHaveLength(1);
  });
});

describe("disabling VNC", () => {
  it("closes the viewers with a sentence, ends the session, and tells the panel", async () => {
    const { id } = newServer();
    const { session_id } = await enable(id);
    const viewer = people.stream(session_id, bearer(ADMIN_TOKEN));
    await viewer.receive(1);
    const answer = await people.wanted(200, api.disable(id));
    expect(answer.json()).toEqual({
      ...{ server_id: id, enabled: false, session_id },
      queue_id: "4002",
    });
    expect(await viewer.closed).toEqual({
      code: 4410,
      reason: "VNC was switched off for this server.",
    });
    expect(panel.posts[1]).toEqual({ server: id, body: { action: "disable" } });
    expect((await enable(id)).session_id).not.toBe(session_id);
  });

  it("tells the panel also where no session is open", async () => {
    const { id } = newServer();
    const answer = await people.wanted(200, api.disable(id));
    expect(answer.json()).toMatchObject({ session_id: null });
    expect(panel.posts).toEqual([{ server: id, body: { action: "disable" } }]);
  });

  it("while it is being enabled comes after that, and one more enabling after both", async () => {
    const { id } = newServer();
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    panel.onSwitch = () => held;
    const asked = panel.asked();
    const enabling = enable(id);
    await asked;
    const disabling = api.disable(id);
    const again = enable(id);
    goOn();
    const [first, , last] = await Promise.all([enabling, disabling, again]);
    const bodies = panel.posts.map(({ body }) => (body as { action: string }).action);
    expect([bodies, first.session_id === last.session_id]).toEqual(
      // Which of the last two calls came first is the network's choice.
      bodies.length === 3
        ? [["enable", "disable", "enable"], false]
        : [["enable", "disable"], true],
    );
  });
});

describe("looking VNC up", () => {
  it("shows where it is, and the session if one is open, and changes nothing", async () => {
    const { id, port } = newServer();
    const place = { server_id: id, enabled: false, address: ADDRESS, port };
    expect(await lookUp(id)).toEqual({ ...place, host_id: hypervisor.hostId, session: null });
    expect(await rig.stored("PanelServer", id, OUR_TABLES)).toEqual([]);
    const { session_id, view_url } = await enable(id);
    expect((await lookUp(id)).session).toMatchObject({ session_id, view_url });
    expect(panel.posts).toHaveLength(1);
    await rig.api.endSession(session_id);
    expect((await lookUp(id)).session).toBe(null);
  });

  it("names no host where none has the address, or two have", async () => {
    expect(await lookUp(newServer("10.7.7.7").id)).toMatchObject({ host_id: null });
    expect(await lookUp(newServer(CLAIMED_TWICE).id)).toMatchObject({ host_id: null });
  });
});

describe("the panel's password for VNC", () => {
  it("is in no answer, in no audit and in no log, and is erased at the end", async () => {
    const { id } = newServer();
    const shown: string[] = [];
    shown.push((await api.enable(id)).text, (await api.enable(id)).text);
    shown.push((await api.lookUp(id)).text);
    const { session_id } = (await lookUp(id)).session ?? {};
    if (session_id === undefined) throw new Error("No session is open.");
    const stored = () => rig.stored("VncSession", session_id, "SELECT * FROM session");
    expect(JSON.stringify(await stored())).toContain(passwordOf(id));
    shown.push(JSON.stringify(await rig.api.session(session_id)));
    shown.push((await api.disable(id)).text);
    shown.push(JSON.stringify(await stored()));
    const console = "SELECT * FROM console";
    shown.push(JSON.stringify(await rig.stored("PanelServer", id, console)));
    const audit = "SELECT * FROM audit";
    shown.push(JSON.stringify(await rig.stored("Registry", "registry", audit)));
    shown.push(JSON.stringify(rig.edgeLog.events));
    for (const text of shown) expect(text).not.toMatch(/pw-\d{5}/);
  });
});

describe("a session that somebody else makes", () => {
  it("cannot name an address: only the panel does", async () => {
    const body = { host_id: hypervisor.hostId, port: 5901, address: ADDRESS };
    const answer = await people.asAdmin("POST", "/api/vnc/sessions", body);
    expect(answer).toMatchObject({ status: 400, code: "invalid_body" });
  });

  it("is of loopback, and not active for what listens on another address", async () => {
    await hypervisor.listens({ address: ADDRESS, port: 5990 });
    const made = await rig.api.createSession({ host_id: hypervisor.hostId, port: 5990 });
    expect(made.status).toBe("unreachable");
    expect((await rig.api.host(hypervisor.hostId)).displays).toEqual([]);
    const opened = await opensWith(made.session_id);
    expect(opened).toEqual({ target: { host: "127.0.0.1", port: 5990 }, password: undefined });
  });
});

describe("a server's session", () => {
  const listed = async (session: string) => {
    const { items } = (await people.asAdmin("GET", "/api/vnc/sessions")).json<Page<Session>>();
    return items.find(({ session_id }) => session_id === session)?.status;
  };
  const active = async () => {
    const { text } = await people.asAdmin("GET", "/metrics");
    return parseExposition(text).value('porthole_sessions{state="active"}');
  };

  it("is active in the list and in the metrics for what listens at its address alone", async () => {
    const { id, port } = newServer();
    const { session_id } = await enable(id);
    for (const [address, isActive] of [
      [ADDRESS, true],
      ["127.0.0.1", false],
      ["0.0.0.0", true],
    ] as const) {
      await hypervisor.listens({ address, port });
      expect(await listed(session_id)).toBe(isActive ? "active" : "unreachable");
      // The registry hears of it a moment later. No other session shows that port.
      await poll(15_000, `the metrics with ${address}`, async () => {
        return (await active()) === Number(isActive);
      });
    }
  });
});

describe("an edge that was restarted", () => {
  it("knows the server's session and whose the address is, and leaves the panel alone", async () => {
    const { id, port } = newServer();
    const { session_id } = await enable(id);
    await hypervisor.listens({ address: ADDRESS, port });
    await enable(id);
    await rig.edge.reload();
    // It says nothing: what it said before holds.
    const link = await dialLink(hypervisor.agent.identity);
    expect(await enable(id)).toMatchObject({ session_id });
    expect(panel.posts).toHaveLength(1);
    link.terminate();
  });
});

import type { IncomingMessage, ServerResponse } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ServerConsole } from "../../protocol/api.ts";
import { Hypervisor, ServersApi } from "../support/hypervisor.ts";
import { PANEL_TOKEN, PanelServer, sendJson } from "../support/panel-server.ts";
import { People } from "../support/people.ts";
import { freePort } from "../support/porthole.ts";
import { type Rig, startRig } from "../support/rig.ts";

const ADDRESS = "192.168.4.2";

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

/** An edge that uses a panel, and an operator who calls it. */
async function stage(vars: Record<string, string>): Promise<{ rig: Rig; api: ServersApi }> {
  const rig = await startRig(vars);
  return { rig, api: await ServersApi.start(new People(rig)) };
}

/** The panel answers like that from its first POST on. */
function misbehaveOnPost(panel: PanelServer, answer: Answer): void {
  panel.misbehave = (request, response) => {
    if (request.method === "POST") return answer(request, response);
    const [, id = ""] = /servers\/([^/]+)/.exec(request.url ?? "") ?? [];
    const { ip, port, password, enabled } = panel.servers.get(id) ?? {};
    return sendJson(response, 200, { data: { vnc: { ip, port, password, enabled } } });
  };
}

describe("a panel that", () => {
  let panel: PanelServer;
  let stranger: PanelServer;
  let rig: Rig;
  let api: ServersApi;
  let hypervisor: Hypervisor;
  let servers = 0;

  beforeAll(async () => {
    [panel, stranger] = await Promise.all([PanelServer.start(), PanelServer.start()]);
    ({ rig, api } = await stage(panel.vars));
    hypervisor = await Hypervisor.start(rig, ADDRESS);
  });

  afterAll(async () => {
    await hypervisor?.agent.stop();
    await rig?.stop();
    await panel?.stop();
    await stranger?.stop();
  });

  afterEach(() => {
    panel.misbehave = null;
    panel.posts.length = 0;
  });

  function newServer(): string {
    const id = `server-${++servers}`;
    panel.add(id, ADDRESS, 5900 + servers);
    return id;
  }

  const vnc = { ip: ADDRESS, port: 5903, password: "pw-00000", enabled: true };
  const answerOf =
    (body: unknown): Answer =>
    (_, response) =>
      sendJson(response, 200, body);
  const status =
    (code: number, headers: Record<string, string> = {}): Answer =>
    (_, response) =>
      response.writeHead(code, headers).end();

  const failures: [what: string, answer: Answer, status: number, code: string][] = [
    ["answers 401 without a body", status(401), 502, "panel_refused"],
    ["answers 403", status(403), 502, "panel_refused"],
    ["answers 404", status(404), 404, "no_such_server"],
    ["answers 422", status(422), 502, "panel_failed"],
    ["answers 429", status(429), 502, "panel_failed"],
    ["answers 500", status(500), 502, "panel_failed"],
    ["answers 204", status(204), 502, "panel_malformed"],
    [
      "answers with a page",
      (_, response) => response.end("<html><h1>Welcome</h1>"),
      502,
      "panel_malformed",
    ],
    ["answers with another JSON", answerOf({ data: [] }), 502, "panel_malformed"],
    [
      "names a port that is none",
      answerOf({ data: { vnc: { ...vnc, port: 70_000 } } }),
      502,
      "panel_malformed",
    ],
    [
      "names a host in place of an address",
      answerOf({ data: { vnc: { ...vnc, ip: "metadata.internal" } } }),
      502,
      "panel_malformed",
    ],
    [
      "has a password of a megabyte",
      answerOf({ data: { vnc: { ...vnc, password: "x".repeat(1_000_000) } } }),
      502,
      "panel_malformed",
    ],
    [
      "answers without end",
      (_, response) => {
        const more = () => {
          while (response.writable && response.write(Buffer.alloc(64 * 1024, " ")));
        };
        response.on("drain", more);
        more();
      },
      502,
      "panel_malformed",
    ],
    ["hangs up", (_, response) => response.destroy(), 502, "panel_unreachable"],
  ];

  it.each(failures)(
    "%s is a problem, and a POST is not sent again",
    async (_, answer, status, code) => {
      const id = newServer();
      panel.misbehave = answer;
      expect(await api.lookUp(id)).toMatchObject({ status, code });
      expect(await api.enable(id)).toMatchObject({ status, code });
      expect(panel.posts).toEqual([]);
      expect(await api.disable(id)).toMatchObject({ status, code });
      expect(panel.posts).toHaveLength(1);
      misbehaveOnPost(panel, answer);
      const refused = await api.enable(id);
      expect(refused).toMatchObject({ status, code });
      expect(panel.posts).toHaveLength(2);
      const { detail } = refused.json<{ detail: string }>();
      expect(detail).toMatch(/^[A-Z].*\.$/);
      expect((await api.lookUp(id)).json()).toMatchObject({ session: null });
    },
  );

  it("is slow holds up nobody who wants something of another server", async () => {
    const [slow, quick] = [newServer(), newServer()];
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const old = panel.onSwitch;
    panel.onSwitch = (_, server) => (server === panel.servers.get(slow) ? held : Promise.resolve());
    const enabling = api.enable(slow);
    expect((await api.enable(quick)).status).toBe(200);
    goOn();
    expect((await enabling).status).toBe(200);
    panel.onSwitch = old;
  });

  it("redirects is not followed: its token goes nowhere else, and a POST stays one", async () => {
    const id = newServer();
    stranger.add(id, ADDRESS, 5999);
    for (const target of [stranger.url, panel.url]) {
      for (const code of [301, 302, 307, 308]) {
        const location = `${target}/api/v1/servers/${id}/vnc`;
        panel.misbehave = status(code, { location });
        expect(await api.lookUp(id)).toMatchObject({ status: 502, code: "panel_redirects" });
        expect(await api.disable(id)).toMatchObject({ status: 502, code: "panel_redirects" });
      }
    }
    expect(panel.posts).toHaveLength(8);
    expect([stranger.gets, stranger.posts]).toEqual([0, []]);
  });

  it("failed leaves the open session as it was, and works when it is well again", async () => {
    const id = newServer();
    const { session_id } = (await api.enable(id)).json<ServerConsole>();
    panel.misbehave = status(500);
    expect((await api.enable(id)).status).toBe(502);
    expect((await rig.api.session(session_id)).ended_at).toBe(null);
    panel.misbehave = null;
    expect((await api.enable(id)).json()).toMatchObject({ session_id });
  });

  it("failed is in the log with what failed, and neither token nor password is", async () => {
    const id = newServer();
    panel.misbehave = status(500);
    await api.enable(id);
    expect(rig.edgeLog.events).toContainEqual({
      ...{ event: "panel.failed", server: id, write: false },
      ...{ code: "panel_failed", why: "status 500" },
    });
    const log = JSON.stringify(rig.edgeLog.events);
    expect(log).not.toContain(PANEL_TOKEN);
    expect(log).not.toMatch(/pw-\d{5}/);
  });
});

// From here on each has an edge of its own: some start while one waits for a panel that is silent.
describe.concurrent("a panel that", () => {
  it("falls silent is a 504 after 10 s, also in the middle of its answer, and is not asked again", async () => {
    const panel = await PanelServer.start();
    const { rig, api } = await stage(panel.vars);
    const hypervisor = await Hypervisor.start(rig, ADDRESS);
    const [silent, half] = ["1", "2"];
    for (const id of [silent, half]) panel.add(id, ADDRESS, 5900 + Number(id));
    misbehaveOnPost(panel, (request, response) => {
      if (request.url?.includes(`/${half}/`)) response.write('{"data": ');
    });
    const answers = await Promise.all([api.enable(silent), api.enable(half), api.enable(half)]);
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 504, code: "panel_timeout" });
      expect(answer.text).toContain("Whether it switched VNC is not known.");
    }
    expect(panel.posts.map(({ server }) => server).sort()).toEqual([silent, half].sort());
    await hypervisor.agent.stop();
    await rig.stop();
    await panel.stop();
  });
});

describe.concurrent("an edge", () => {
  it("whose panel hears vnc and not action says it so", async () => {
    const panel = await PanelServer.start("vnc");
    const { rig, api } = await stage(panel.vars);
    const hypervisor = await Hypervisor.start(rig, ADDRESS);
    panel.add("7", ADDRESS, 5907);
    expect((await api.enable("7")).json()).toMatchObject({ queue_id: "4001" });
    expect((await api.disable("7")).json()).toMatchObject({ queue_id: "4002" });
    expect(panel.posts.map(({ body }) => body)).toEqual([{ vnc: true }, { vnc: false }]);
    await hypervisor.agent.stop();
    await rig.stop();
    await panel.stop();
  });

  it("finds the API also where its address is given whole", async () => {
    const panel = await PanelServer.start();
    const { rig, api } = await stage({ ...panel.vars, VIRTFUSION_URL: `${panel.url}/api/v1/` });
    panel.add("7", ADDRESS, 5907);
    expect((await api.lookUp("7")).status).toBe(200);
    await rig.stop();
    await panel.stop();
  });

  it("without a panel answers 501 with what to set", async () => {
    const { rig, api } = await stage({});
    for (const answer of await Promise.all([api.enable("7"), api.disable("7"), api.lookUp("7")])) {
      expect(answer).toMatchObject({ status: 501, code: "no_panel" });
      expect(answer.text).toMatch(/VIRTFUSION_URL.*VIRTFUSION_TOKEN/);
    }
    await rig.stop();
  });

  it("whose panel is not there answers 502", async () => {
    const gone = { VIRTFUSION_URL: `http://127.0.0.1:${await freePort()}`, VIRTFUSION_TOKEN: "x" };
    const { rig, api } = await stage(gone);
    expect(await api.enable("7")).toMatchObject({ status: 502, code: "panel_unreachable" });
    await rig.stop();
  });

  it.each([
    ["http://panel.example", "x", "action", "VIRTFUSION_URL"],
    ["http://127.0.0.1.panel.example", "x", "action", "VIRTFUSION_URL"],
    ["ftp://127.0.0.1", "x", "action", "VIRTFUSION_URL"],
    ["https://me:secret@panel.example", "x", "action", "VIRTFUSION_URL"],
    ["panel.example", "x", "action", "VIRTFUSION_URL"],
    ["", "x", "action", "VIRTFUSION_URL"],
    ["https://panel.example", "", "action", "VIRTFUSION_TOKEN"],
    ["https://panel.example", "two words", "action", "VIRTFUSION_TOKEN"],
    ["https://panel.example", "x", "enabled", "VIRTFUSION_VNC_BODY"],
    ["https://panel.example", "x", "toString", "VIRTFUSION_VNC_BODY"],
  ])(
    "with the settings %s, %s and %s answers 503 and names %s",
    async (url, token, body, wrong) => {
      const vars = { VIRTFUSION_URL: url, VIRTFUSION_TOKEN: token, VIRTFUSION_VNC_BODY: body };
      const { rig, api } = await stage(vars);
      const answer = await api.enable("7");
      expect(answer).toMatchObject({ status: 503, code: "not_configured" });
      expect(answer.json<{ detail: string }>().detail).toMatch(new RegExp(`^${wrong} must be`));
      expect(answer.text).not.toContain("secret");
      await rig.stop();
    },
  );
});

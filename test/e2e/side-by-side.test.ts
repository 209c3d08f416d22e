import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../protocol/api.ts";
import { launchBrowser, signedIn, ViewerPage } from "../support/browser.ts";
import { AgentProcess } from "../support/porthole.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { knownPicture, XClient } from "../support/x-client.ts";
import { startXvnc, type Xvnc } from "../support/xvnc.ts";

let rig: Rig;
let browser: Browser;
let visitor: BrowserContext;
const displays: Xvnc[] = [];
const clients: XClient[] = [];
let hanging: AgentProcess;
let deadSession: Session;
let liveSession: Session;

const DEAD = { display: 50, picture: knownPicture(0, 640, 480) };
const LIVE = { display: 51, picture: knownPicture(1, 640, 480) };

beforeAll(async () => {
  [rig, browser] = await Promise.all([startRig(), launchBrowser()]);
  visitor = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
  const ports: number[] = [];
  for (const { display, picture } of [DEAD, LIVE]) {
    const xvnc = await startXvnc(display);
    displays.push(xvnc);
    ports.push(xvnc.port);
    const client = await XClient.connect(display);
    clients.push(client);
    await client.draw(picture);
  }
  const [deadPort = 0, livePort = 0] = ports;
  hanging = await AgentProcess.join(rig.api, "hanging", [`127.0.0.1:${deadPort}`]);
  await hanging.run();
  const live = await rig.startAgent({ name: "alive", allow: [`127.0.0.1:${livePort}`] });
  deadSession = await rig.api.createSession({ host_id: hanging.hostId, port: deadPort });
  liveSession = await rig.api.createSession({ host_id: live.hostId, port: livePort });
});

afterAll(async () => {
  await browser?.close();
  await hanging?.dispose();
  for (const client of clients) client.close();
  for (const xvnc of displays) await xvnc.kill();
  await rig?.stop();
});

describe("while one host does not answer", () => {
  it("another desktop and a chat open at once in the same browser", async () => {
    hanging.freeze();
    const dead = await ViewerPage.open(visitor, deadSession.view_url);
    await rig.edgeLog.waitFor("stream.asked", { session: deadSession.session_id });
    expect((await rig.api.host(hanging.hostId)).online).toBe(true);

    const live = await ViewerPage.open(visitor, liveSession.view_url);
    await live.shows(LIVE.picture);
    const members = await live.page.evaluate((room) => {
      const url = new URL(`/chat-ws?room=${room}`, location.href.replace("http", "ws"));
      return new Promise<string[]>((resolve, reject) => {
        const socket = new WebSocket(url);
        socket.onclose = (event) => reject(new Error(`${event.code} ${event.reason}`));
        socket.onmessage = (event) => {
          const message = JSON.parse(event.data) as { type: string; members: { name: string }[] };
          if (message.type === "welcome") resolve(message.members.map((member) => member.name));
        };
      });
    }, `session:${liveSession.session_id}`);
    expect(members).toEqual(["admin"]);

    // Its first dial: after that failed, the page would say "waiting" or "reconnecting".
    expect(await dead.currentState()).toBe("connecting");
    await dead.waitsBecause("The agent did not answer in 10 s.");
    await live.shows(LIVE.picture);
    expect(live.errors).toEqual([]);

    hanging.thaw();
    await dead.shows(DEAD.picture);
    expect(dead.errors).toEqual([]);
  });
});

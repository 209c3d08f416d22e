import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser, signedIn, ViewerPage } from "../support/browser.ts";
import { AgentProcess, Porthole } from "../support/porthole.ts";
import { ADMIN_TOKEN } from "../support/rig.ts";
import { knownPicture, XClient } from "../support/x-client.ts";
import { startXvnc, type Xvnc } from "../support/xvnc.ts";

const DISPLAY = 44;
const PICTURE = knownPicture(DISPLAY, 640, 480);

let edge: Porthole;
let agent: AgentProcess;
let xvnc: Xvnc;
let x: XClient;
let browser: Browser;
let viewer: ViewerPage;

/** A VNC server with the known picture on it. */
async function startDisplay(): Promise<void> {
  xvnc = await startXvnc(DISPLAY);
  x = await XClient.connect(DISPLAY);
  await x.draw(PICTURE);
}

beforeAll(async () => {
  edge = await Porthole.create({ args: ["--no-agent"], env: { ADMIN_TOKEN } });
  [browser] = await Promise.all([launchBrowser(), startDisplay(), edge.start()]);
  const api = edge.api(ADMIN_TOKEN);
  agent = await AgentProcess.join(api, "office-pc", [`127.0.0.1:${xvnc.port}`]);
  await agent.run();
  const session = await api.createSession({ host_id: agent.hostId, port: xvnc.port });
  const visitor = await signedIn(browser, edge.url, ADMIN_TOKEN);
  viewer = await ViewerPage.open(visitor, session.view_url);
});

afterAll(async () => {
  await browser?.close();
  await agent?.dispose();
  await edge?.dispose();
  x?.close();
  await xvnc?.kill();
});

describe("a page that shows a desktop, and that nobody touches", () => {
  it("shows the picture", async () => {
    await viewer.shows(PICTURE);
  });

  it("names the port when the VNC server is killed, and shows the picture when it is back", async () => {
    x.close();
    await xvnc.kill();
    await viewer.waitsBecause(`No VNC server is listening on port ${xvnc.port}.`);
    await startDisplay();
    await viewer.shows(PICTURE);
  });

  it("says that the host is offline when its agent is killed, and shows the picture when it is back", async () => {
    await agent.kill();
    await viewer.waitsBecause(
      "The host office-pc is offline. Its agent reconnects by itself when it can.",
    );
    await agent.run();
    await viewer.shows(PICTURE);
  });

  it("says that the edge cannot be reached when it is killed, and shows the picture when it is back", async () => {
    await edge.kill();
    await viewer.waitsBecause("The edge cannot be reached.");
    await edge.start();
    await viewer.shows(PICTURE);
  });

  it("shows the picture when VNC server, agent and edge were all away at once", async () => {
    x.close();
    await Promise.all([xvnc.kill(), agent.kill(), edge.kill()]);
    await viewer.waitsBecause("The edge cannot be reached.");
    await edge.start();
    await viewer.waitsBecause(
      "The host office-pc is offline. Its agent reconnects by itself when it can.",
    );
    await agent.run();
    await viewer.waitsBecause(`No VNC server is listening on port ${xvnc.port}.`);
    await startDisplay();
    await viewer.shows(PICTURE);
  });

  it("is one host with one session all the time, and never loaded anew", async () => {
    const api = edge.api(ADMIN_TOKEN);
    expect((await api.hosts()).items.map((host) => host.name)).toEqual(["office-pc"]);
    expect((await api.sessions()).items).toHaveLength(1);
    const loads = await viewer.page.evaluate(() => performance.getEntriesByType("navigation"));
    expect(loads).toHaveLength(1);
  });
});

import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ServerConsole, ServerLookUp } from "../../protocol/api.ts";
import { poll } from "../../scripts/poll.ts";
import { launchBrowser, signedIn, ViewerPage } from "../support/browser.ts";
import { ServersApi } from "../support/hypervisor.ts";
import { ownAddress } from "../support/own-address.ts";
import { PanelServer } from "../support/panel-server.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { PackagedServer, tigerVncOn } from "../support/vnc-servers.ts";
import { knownPicture, XClient } from "../support/x-client.ts";

/** A server of the panel's, and the display of its console on the hypervisor: this machine. */
const SERVER = "42";
const DISPLAY = 60;
const PORT = 5900 + DISPLAY;

/** How long an agent has to see that a VNC server came or went. */
const SEEN_MS = 40_000;

let panel: PanelServer;
let rig: Rig;
let people: People;
let api: ServersApi;
let browser: Browser;
let visitor: BrowserContext;
let console: ServerConsole;
let page: ViewerPage;
let vnc: PackagedServer | null = null;
let x: XClient | null = null;
let drawn = 0;

beforeAll(async () => {
  const address = ownAddress();
  panel = await PanelServer.start();
  panel.add(SERVER, address, PORT);
  // As the hypervisor does: the listener is there while VNC is on, and takes the newest password.
  panel.onSwitch = async (on, { password }) => {
    await switchOff();
    if (!on) return;
    vnc = await PackagedServer.start(tigerVncOn(address), DISPLAY, password);
    x = await XClient.connect(DISPLAY);
  };
  [rig, browser] = await Promise.all([startRig(panel.vars), launchBrowser()]);
  people = new People(rig);
  api = await ServersApi.start(people);
  visitor = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
  const agent = await rig.startAgent({ allow: [`${address}:${PORT}`] });
  await rig.edgeLog.waitFor("registry.host_addresses", { host: agent.hostId });
});

afterAll(async () => {
  await browser?.close();
  await rig?.stop();
  await switchOff();
  await panel?.stop();
});

async function switchOff(): Promise<void> {
  x?.close();
  await vnc?.kill();
  [vnc, x] = [null, null];
}

async function enable(): Promise<ServerConsole> {
  return (await people.wanted(200, api.enable(SERVER))).json<ServerConsole>();
}

/** Waits until the edge knows whether the console's listener is there. */
async function isSeen(status: "active" | "unreachable"): Promise<void> {
  await poll(SEEN_MS, `the session to be ${status}`, async () => {
    return (await rig.api.session(console.session_id)).status === status;
  });
}

/** The console shows what is drawn on it now, and no password was asked for. */
async function expectShown(viewer: ViewerPage): Promise<void> {
  if (!x) throw new Error("VNC is switched off.");
  expect(await viewer.state("connected", "credentials", "ended")).toBe("connected");
  const picture = knownPicture(++drawn, x.width, x.height);
  await x.draw(picture);
  await viewer.shows(picture);
}

describe("the console of a panel's server, behind a password", () => {
  it("is shown in a browser by one call, and nobody is asked for the password", async () => {
    console = await enable();
    page = await ViewerPage.open(visitor, console.view_url);
    await expectShown(page);
    await page.type("root");
    expect(await x?.typed(4)).toBe("root");
    await isSeen("active");
  });

  it("stays in the pages that show it when it is asked for again, and the panel is left alone", async () => {
    expect(await enable()).toMatchObject({ session_id: console.session_id, status: "active" });
    expect(panel.posts).toHaveLength(1);
    await expectShown(page);
  });

  it("is shown after the password was rotated in the panel, to who comes then and who is there", async () => {
    vnc?.setPassword(panel.rotate(SERVER));
    expect((await enable()).session_id).toBe(console.session_id);
    expect(panel.posts).toHaveLength(1);
    const second = await ViewerPage.open(visitor, console.view_url);
    await expectShown(second);
    await expectShown(page);
    expect(second.errors).toEqual([]);
    await second.page.close();
  });

  it("comes back by itself to a page that lost it, once it is enabled with a new password", async () => {
    await switchOff();
    await page.state("reconnecting", "waiting");
    await isSeen("unreachable");
    expect((await enable()).session_id).toBe(console.session_id);
    expect(panel.posts).toHaveLength(2);
    await expectShown(page);
  });

  it("is closed by disabling it, which its page says", async () => {
    await people.wanted(200, api.disable(SERVER));
    await page.state("ended");
    expect(await page.page.textContent("body")).toContain("VNC was switched off for this server.");
    const { session } = (await api.lookUp(SERVER)).json<ServerLookUp>();
    expect(session).toBe(null);
    expect(page.errors).toEqual([]);
  });
});

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ServerLookUp } from "../../protocol/api.ts";
import {
  collectErrors,
  launchBrowser,
  newVisitor,
  signedIn,
  ViewerPage,
  waitForState,
} from "../support/browser.ts";
import { ServersApi } from "../support/hypervisor.ts";
import { ownAddress } from "../support/own-address.ts";
import { PanelServer, sendJson } from "../support/panel-server.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { PackagedServer, tigerVncOn } from "../support/vnc-servers.ts";
import { knownPicture, XClient } from "../support/x-client.ts";

/** A server of the panel's whose console is on this machine, and one that is on another. */
const SERVER = "42";
const ELSEWHERE = "43";
const DISPLAY = 62;
const PORT = 5900 + DISPLAY;
const PICTURE = knownPicture(DISPLAY, 640, 480);

let panel: PanelServer;
let rig: Rig;
let people: People;
let api: ServersApi;
let browser: Browser;
let visitor: BrowserContext;
let page: Page;
let errors: string[];
let vnc: PackagedServer | null = null;
let x: XClient | null = null;

beforeAll(async () => {
  const address = ownAddress();
  panel = await PanelServer.start();
  panel.add(SERVER, address, PORT);
  panel.add(ELSEWHERE, "10.20.30.40", PORT);
  panel.onSwitch = async (on, { password }) => {
    await switchOff();
    if (!on) return;
    vnc = await PackagedServer.start(tigerVncOn(address), DISPLAY, password);
    x = await XClient.connect(DISPLAY);
    await x.draw(PICTURE);
  };
  [rig, browser] = await Promise.all([startRig(panel.vars), launchBrowser()]);
  people = new People(rig);
  api = await ServersApi.start(people);
  const agent = await rig.startAgent({ name: "hv-1", allow: [`${address}:${PORT}`] });
  await rig.edgeLog.waitFor("registry.host_addresses", { host: agent.hostId });
});

afterAll(async () => {
  await browser?.close();
  await rig?.stop();
  await switchOff();
  await panel?.stop();
});

beforeEach(async () => {
  await visitor?.close();
  panel.misbehave = null;
  visitor = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
});

async function switchOff(): Promise<void> {
  x?.close();
  await vnc?.kill();
  [vnc, x] = [null, null];
}

/** Opens a server's page and waits for its state. */
async function open(server: string, state: string, edge = rig.edge.url): Promise<void> {
  page = await visitor.newPage();
  errors = collectErrors(page);
  await page.goto(`${edge}/server/${server}`);
  await waitForState(page, state);
}

/** Somebody with an API key of that role. */
async function comeAs(role: "viewer" | "operator"): Promise<void> {
  const { key } = await people.key(role);
  await visitor.close();
  visitor = await newVisitor(browser);
  await visitor.setExtraHTTPHeaders({ authorization: `Bearer ${key}` });
}

function says(testId: string, words: string): Promise<void> {
  return page.getByTestId(testId).getByText(words).first().waitFor();
}

describe("the page of a panel's server", () => {
  it("tells a viewer that it is not open, and changes nothing at the panel", async () => {
    await comeAs("viewer");
    await open(SERVER, "ready");
    await says("console-state", "Not open");
    await says("console-host", "hv-1, online");
    await says("console-hint", "An operator can open it");
    expect(await page.getByTestId("open-console").count()).toBe(0);
    expect(panel.posts).toEqual([]);
  });

  it("offers it to them once an operator has opened it elsewhere", async () => {
    await comeAs("viewer");
    await open(SERVER, "ready");
    await page.locator('[data-testid="feed"][data-link="live"]').waitFor();
    await people.wanted(200, api.enable(SERVER));
    await page.getByTestId("open-console").waitFor();
    await people.wanted(200, api.disable(SERVER));
    await page.getByTestId("open-console").waitFor({ state: "detached" });
  });

  it("opens its console with a key press, and nobody is asked for a password", async () => {
    await open(SERVER, "ready");
    await page.getByTestId("open-console").press("Enter");
    await page.waitForURL("**/view/*");
    const viewer = new ViewerPage(page);
    expect(await viewer.state("connected", "credentials", "ended")).toBe("connected");
    await viewer.shows(PICTURE);
    expect(errors).toEqual([]);
  });

  it("lets a viewer right in while it is open, to watch", async () => {
    await comeAs("viewer");
    await open(SERVER, "ready");
    await says("console-hint", "You can watch it");
    await page.getByTestId("open-console").click();
    await new ViewerPage(page).shows(PICTURE);
    await page.getByTestId("control-mark").getByText("View only").waitFor();
  });

  it("leads an operator into the session that is open, and leaves the panel alone", async () => {
    const { session } = (await api.lookUp(SERVER)).json<ServerLookUp>();
    const posts = panel.posts.length;
    await open(SERVER, "ready");
    await says("console-hint", "you go right in");
    await page.getByTestId("open-console").click();
    await page.waitForURL(`**/view/${session?.session_id}`);
    await new ViewerPage(page).shows(PICTURE);
    expect(panel.posts).toHaveLength(posts);
  });

  it("switches VNC off once that was confirmed, and follows it on other pages", async () => {
    await comeAs("viewer");
    await open(SERVER, "ready");
    const watching = page;
    await watching.getByTestId("open-console").waitFor();
    await watching.locator('[data-testid="feed"][data-link="live"]').waitFor();
    const operator = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
    page = await operator.newPage();
    await page.goto(`${rig.edge.url}/server/${SERVER}`);
    await page.getByTestId("disable-vnc").click();
    await page.keyboard.press("Escape");
    await page.getByTestId("disable-dialog").waitFor({ state: "detached" });
    expect(panel.posts.at(-1)?.body, "Escape switches nothing off").toEqual({ action: "enable" });
    await page.getByTestId("disable-vnc").click();
    await page.getByTestId("confirm-disable").click();
    await says("console-state", "Not open");
    expect(panel.posts.at(-1)?.body).toEqual({ action: "disable" });
    page = watching;
    await says("console-state", "Not open");
    expect(await page.getByTestId("open-console").count()).toBe(0);
    await operator.close();
  });

  it("is the way back from a console that is over: only the panel has its password", async () => {
    await open(SERVER, "ready");
    await page.getByTestId("open-console").click();
    await new ViewerPage(page).shows(PICTURE);
    await people.wanted(200, api.disable(SERVER));
    await waitForState(page, "ended");
    await says("next", `The page of server ${SERVER} opens its console again.`);
    expect(await page.getByTestId("open-again").count()).toBe(0);
    await page
      .getByRole("link", { name: `Back to server ${SERVER}` })
      .last()
      .click();
    await page.waitForURL(`**/server/${SERVER}`);
    await says("console-state", "Not open");
    expect(errors).toEqual([]);
  });

  it("says which address needs an agent", async () => {
    await open(ELSEWHERE, "ready");
    await says("console-host", "No host here is known to have 10.20.30.40");
    await page.getByTestId("open-console").click();
    await says("failure", "No agent runs on its hypervisor");
    await says("failure", "10.20.30.40");
    expect(panel.posts.some(({ server }) => server === ELSEWHERE)).toBe(false);
  });

  it("says that the panel knows no such server", async () => {
    await open("99", "error");
    await says("error", "The panel knows no such server");
  });

  it("says that the panel failed, and asks it again when that is wanted", async () => {
    panel.misbehave = (_, response) => sendJson(response, 500, { msg: "broken" });
    await open(SERVER, "error");
    await page.getByTestId("reason").waitFor();
    panel.misbehave = null;
    await page.getByTestId("retry").click();
    await waitForState(page, "ready");
  });

  it("asks who is not signed in to do so, and leads back", async () => {
    await visitor.close();
    visitor = await newVisitor(browser);
    await open(SERVER, "sign-in");
    expect(new URL(page.url()).searchParams.get("next")).toBe(`/server/${SERVER}`);
  });
});

it("an edge without a panel says what to set", async () => {
  const bare = await startRig();
  visitor = await signedIn(browser, bare.edge.url, ADMIN_TOKEN);
  await open(SERVER, "error", bare.edge.url);
  await says("error", "No hosting panel is set up");
  await says("reason", "VIRTFUSION_URL");
  expect(await page.getByTestId("retry").count()).toBe(0);
  await bare.stop();
});

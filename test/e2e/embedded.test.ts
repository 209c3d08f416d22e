import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, BrowserContext, Frame, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DemoDesktop, startDemo } from "../../demo/server.ts";
import type { Session } from "../../protocol/api.ts";
import { launchBrowser, newVisitor, signedIn, ViewerPage } from "../support/browser.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

const COLOURS_OF_A_PICTURE = 200;

/** A hosting panel of another site than the edge's: a page with whatever its address names in a frame. */
let panel: Server;
/** To a browser localhost and 127.0.0.1 are two sites, and it trusts both as it does https. */
let listed: string;
let rig: Rig;
let people: People;
let browser: Browser;
let demo: DemoDesktop;
let session: Session;

beforeAll(async () => {
  panel = createServer((request, response) => {
    const framed = new URL(request.url ?? "/", listed).searchParams.get("frame") ?? "";
    response.setHeader("content-type", "text/html");
    response.end(`<iframe name="desktop" width="900" height="600" src="${framed}"></iframe>`);
  });
  panel.listen(0, "127.0.0.1");
  await once(panel, "listening");
  listed = `http://localhost:${(panel.address() as AddressInfo).port}`;
  [rig, browser, demo] = await Promise.all([
    startRig({ ALLOWED_ORIGINS: listed }),
    launchBrowser(),
    startDemo(),
  ]);
  people = new People(rig);
  const agent = await rig.startAgent({ allow: [`127.0.0.1:${demo.port}`] });
  session = await rig.api.createSession({ host_id: agent.hostId, port: demo.port });
});

afterAll(async () => {
  await browser?.close();
  await rig?.stop();
  await demo?.close();
  panel?.close();
});

/** Opens a page of the panel that shows an address of the edge in its frame. */
async function embed(visitor: BrowserContext, origin: string, address: string): Promise<Page> {
  const page = await visitor.newPage();
  await page.goto(`${origin}/?frame=${encodeURIComponent(address)}`);
  return page;
}

function frameOf(page: Page): Frame {
  const frame = page.frame("desktop");
  if (!frame) throw new Error("The page has no frame.");
  return frame;
}

/** The viewer in a frame answers the same questions as one in a tab of its own. */
const viewerIn = (frame: Frame) => new ViewerPage(frame as unknown as Page);

const cookiesOf = async (visitor: BrowserContext) =>
  (await visitor.cookies(rig.edge.url)).map(({ name }) => name);

describe("a page of a listed origin", () => {
  it("shows a desktop in its frame by a share link, and again when that is loaded anew", async () => {
    const visitor = await newVisitor(browser);
    const { url, link_id } = await people.shareLink(session.session_id, { max_uses: 1 });
    const page = await embed(visitor, listed, url);
    await viewerIn(frameOf(page)).showsManyColours(COLOURS_OF_A_PICTURE);
    expect(frameOf(page).url()).toBe(session.view_url);
    // By the cookie alone: the link's one use is taken.
    await page.reload();
    await viewerIn(frameOf(page)).showsManyColours(COLOURS_OF_A_PICTURE);
    const links = await people.asAdmin("GET", `/api/vnc/session/${session.session_id}/links`);
    const { items } = links.json<{ items: { link_id: string; uses: number }[] }>();
    expect(items.find((link) => link.link_id === link_id)?.uses).toBe(1);
    await visitor.close();
  });

  it("lets nobody in elsewhere: the guest of its frame is a stranger in a tab of their own", async () => {
    const visitor = await newVisitor(browser);
    const { url } = await people.shareLink(session.session_id);
    const page = await embed(visitor, listed, url);
    await viewerIn(frameOf(page)).showsManyColours(COLOURS_OF_A_PICTURE);
    const tab = await visitor.newPage();
    await tab.goto(session.view_url);
    await tab.getByTestId("sign-in").waitFor();
    await visitor.close();
  });

  it("cannot use the sign-in of an operator's browser in its frame", async () => {
    const operator = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
    expect(await cookiesOf(operator)).toEqual(["porthole"]);
    const page = await embed(operator, listed, session.view_url);
    await frameOf(page).getByTestId("sign-in").waitFor();
    await operator.close();
  });
});

describe("a page of an origin that is not listed", () => {
  it("shows nothing: the browser refuses it the frame, and no use of the link is taken", async () => {
    const visitor = await newVisitor(browser);
    const { url, link_id } = await people.shareLink(session.session_id);
    // The same server by another name, which is another origin, and of the edge's own site.
    const page = await visitor.newPage();
    const refused = page.waitForEvent("console", {
      predicate: (message) => message.text().includes("frame-ancestors"),
    });
    const stranger = listed.replace("localhost", "127.0.0.1");
    await page.goto(`${stranger}/?frame=${encodeURIComponent(url)}`);
    expect((await refused).type()).toBe("error");
    expect(await frameOf(page).locator("#app").count()).toBe(0);
    const links = await people.asAdmin("GET", `/api/vnc/session/${session.session_id}/links`);
    const { items } = links.json<{ items: { link_id: string; uses: number }[] }>();
    expect(items.find((link) => link.link_id === link_id)?.uses).toBe(0);
    await visitor.close();
  });
});

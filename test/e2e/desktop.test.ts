import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser, signedIn, ViewerPage } from "../support/browser.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { type Click, knownPicture, XClient } from "../support/x-client.ts";
import { startXvnc, type Xvnc } from "../support/xvnc.ts";

/** Three displays of one host: one is enlarged to fit the page, one is about its size, one is larger. */
const DISPLAYS = [
  { display: 0, width: 640, height: 480 },
  { display: 1, width: 800, height: 600 },
  { display: 7, width: 1280, height: 960 },
];

/** Letters, digits, what needs Shift on a US keyboard, Enter. */
const TEXT = 'The quick brown Fox\nJUMPS 0123456789 -=[];,./\n~!@#$%^&*()_+{}|:"<>?\n';

type Desktop = { display: number; xvnc: Xvnc; x: XClient; viewer: ViewerPage };

let rig: Rig;
let browser: Browser;
let visitor: BrowserContext;
const desktops: Desktop[] = [];

beforeAll(async () => {
  [rig, browser] = await Promise.all([startRig(), launchBrowser()]);
  visitor = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
  const xvncs = await Promise.all(DISPLAYS.map((it) => startXvnc(it.display, it)));
  const allow = xvncs.map((xvnc) => `127.0.0.1:${xvnc.port}`);
  const agent = await rig.startAgent({ allow });
  for (const xvnc of xvncs) {
    const x = await XClient.connect(xvnc.display);
    const host_id = agent.hostId;
    const session = await rig.api.createSession({ host_id, port: xvnc.port });
    const viewer = await ViewerPage.open(visitor, session.view_url);
    desktops.push({ display: xvnc.display, xvnc, x, viewer });
  }
  await onAll(({ viewer }) => viewer.state("connected"));
});

afterAll(async () => {
  await browser?.close();
  for (const { x, xvnc } of desktops) {
    x.close();
    await xvnc.kill();
  }
  await rig?.stop();
});

const LEFT = 1;
const RIGHT = 3;

/** Where to click, in parts of the desktop: its corners, and some places within. */
const PLACES = [
  { across: 0, down: 0, button: "left" },
  { across: 0.25, down: 0.75, button: "right" },
  { across: 0.5, down: 0.5, button: "left" },
  { across: 1, down: 1, button: "left" },
] as const;

describe("displays 0, 1 and 7 of one host, at the same time", () => {
  it("are each shown in a page of its own, pixel by pixel", async () => {
    await onAll(async ({ display, x, viewer }) => {
      const picture = knownPicture(display, x.width, x.height);
      await x.draw(picture);
      await viewer.shows(picture);
    });
  });

  it("show what is drawn while they are watched", async () => {
    await onAll(async ({ display, x, viewer }) => {
      for (const seed of [100, 200]) {
        const picture = knownPicture(seed + display, x.width, x.height);
        await x.draw(picture);
        await viewer.shows(picture);
      }
    });
  });

  it("each get the text that is typed into their page", async () => {
    await onAll(async ({ display, x, viewer }) => {
      const text = `${TEXT}to display ${display}`;
      await viewer.type(text);
      expect(await x.typed(text.length)).toBe(text);
    });
  });

  it("each get the mouse where it is moved to and pressed in their page", async () => {
    await onEach(async ({ x, viewer }) => {
      const wanted: Click[] = [];
      for (const { across, down, button } of PLACES) {
        const spot = await viewer.spot(across * (x.width - 1), down * (x.height - 1));
        await viewer.page.mouse.move(spot.pageX, spot.pageY);
        await x.pointedAt(spot.x, spot.y);
        await viewer.page.mouse.click(spot.pageX, spot.pageY, { button });
        const click = { button: button === "left" ? LEFT : RIGHT, x: spot.x, y: spot.y };
        wanted.push({ ...click, down: true }, { ...click, down: false });
      }
      expect(await x.clicked(wanted.length)).toEqual(wanted);
    });
  });

  it("get a line that is drawn with the button held down", async () => {
    await onEach(async ({ x, viewer }) => {
      const from = await viewer.spot(20, 30);
      const to = await viewer.spot(x.width / 2, x.height / 3);
      const before = x.clicks.length;
      await viewer.page.mouse.move(from.pageX, from.pageY);
      await viewer.page.mouse.down();
      await viewer.page.mouse.move(to.pageX, to.pageY, { steps: 5 });
      await viewer.page.mouse.up();
      const clicks = await x.clicked(before + 2);
      expect(clicks.slice(before)).toEqual([
        { button: LEFT, down: true, x: from.x, y: from.y },
        { button: LEFT, down: false, x: to.x, y: to.y },
      ]);
    });
  });

  it("leave nothing in the consoles of their pages", () => {
    expect(desktops.flatMap(({ viewer }) => viewer.errors)).toEqual([]);
  });
});

async function onAll(use: (desktop: Desktop) => Promise<unknown>): Promise<void> {
  expect(desktops).toHaveLength(DISPLAYS.length);
  await Promise.all(desktops.map(use));
}

/** One after the other: a person has one mouse, and Chromium hurries for the tab in front only. */
async function onEach(use: (desktop: Desktop) => Promise<unknown>): Promise<void> {
  for (const desktop of desktops) {
    await desktop.viewer.page.bringToFront();
    await use(desktop);
  }
}

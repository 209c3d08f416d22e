import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../protocol/api.ts";
import type { Role } from "../../protocol/link.ts";
import { launchBrowser, newVisitor, signedIn, ViewerPage } from "../support/browser.ts";
import { roomSwitch } from "../support/chat-on-page.ts";
import { DesktopStage } from "../support/desktop-stage.ts";
import type { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig } from "../support/rig.ts";
import { knownPicture, type XClient } from "../support/x-client.ts";

const DISPLAY = 45;
const PICTURE = knownPicture(DISPLAY, 640, 480);

/** What Chromium logs when a page asks whether a browser is known already, before it takes a use. */
const REFUSED = "Failed to load resource: the server responded with a status of 401 (Unauthorized)";

/** More than the bar has to stop at. */
const MAX_TABS = 30;

let stage: DesktopStage;
let rig: Rig;
let people: People;
/** Two browsers: two people with nothing in common but the desktop. */
let browsers: [Browser, Browser];
let x: XClient;
let session: Session;

/** All that the display was typed so far. */
let typed = "";

beforeAll(async () => {
  [stage, browsers] = await Promise.all([
    DesktopStage.start(DISPLAY, PICTURE, { control: "exclusive" }),
    Promise.all([launchBrowser(), launchBrowser()]),
  ]);
  ({ rig, people, x, session } = stage);
});

afterAll(async () => {
  for (const browser of browsers ?? []) await browser.close();
  await stage?.stop();
});

/** Opens the desktop as a guest of a new link, and waits for its picture. */
async function guest(role: Role): Promise<ViewerPage> {
  const { url } = await people.shareLink(session.session_id, { role });
  const viewer = new ViewerPage(await (await newVisitor(browsers[1])).newPage());
  await viewer.page.goto(url);
  await viewer.shows(PICTURE);
  return viewer;
}

async function operatorPage(): Promise<ViewerPage> {
  const visitor = await signedIn(browsers[0], rig.edge.url, ADMIN_TOKEN);
  const viewer = await ViewerPage.open(visitor, session.view_url);
  await viewer.shows(PICTURE);
  return viewer;
}

/** Waits until the bar says this of who controls. */
async function marked({ page }: ViewerPage, words: string | RegExp): Promise<void> {
  await page.getByTestId("control-mark").getByText(words).waitFor();
}

/** Shows that what is typed here, and only that, reaches the display. */
async function types(viewer: ViewerPage, text: string): Promise<void> {
  await focusDesktop(viewer);
  await viewer.type(text);
  typed += text;
  expect(await x.typed(typed.length)).toBe(typed);
}

/** Types what must not arrive; the next who {@link types} shows that it did not. */
async function typesInVain(viewer: ViewerPage, text: string): Promise<void> {
  await focusDesktop(viewer);
  await viewer.type(text);
}

function focusDesktop({ page }: ViewerPage): Promise<void> {
  return page.locator('[data-testid="screen"] canvas').focus();
}

describe("two browsers on one display, where one controls at a time", () => {
  let operator: ViewerPage;
  let ben: ViewerPage;

  beforeAll(async () => {
    operator = await operatorPage();
    await marked(operator, "You have control");
    ben = await guest("control");
    await marked(ben, "admin has control");
  });

  it("the first who opened it types, and the other's keys and clicks reach nothing", async () => {
    const before = x.clicks.length;
    await typesInVain(ben, "nothing of this ");
    const spot = await ben.spot(320, 240);
    await ben.page.mouse.click(spot.pageX, spot.pageY);
    await ben.page.getByTestId("flash").getByText("does not reach the desktop").waitFor();
    await types(operator, "first");
    expect(x.clicks.length).toBe(before);
  });

  it("the other asks, is seen to ask, and gets it with one click", async () => {
    await ben.page.getByTestId("control-op").click();
    await marked(ben, /you asked/);
    await operator.page.getByTestId("asker").getByText("Guest asks for control.").waitFor();
    await operator.page.getByTestId("give-asked").click();
    await marked(ben, "You have control");
    await marked(operator, "Guest has control");
    await typesInVain(operator, "nor this ");
    await types(ben, " second");
  });

  it("who gave it away is not told that it was taken", async () => {
    expect(await operator.page.getByTestId("lost").count()).toBe(0);
  });

  it("an operator takes it, and who loses it is told clearly, and may ask for it", async () => {
    await operator.page.getByTestId("control-mark").click();
    await operator.page.getByTestId("control-take").click();
    await ben.page
      .getByTestId("lost")
      .getByText("You no longer have control: admin has it now.")
      .waitFor();
    await marked(operator, "You have control");
    await typesInVain(ben, "nor that ");
    await types(operator, " third");
    await ben.page.getByTestId("ask-back").click();
    await operator.page.getByTestId("give-asked").waitFor();
  });

  it("who asks can be put off, and withdraw, and ask again", async () => {
    await operator.page.getByTestId("put-off").click();
    await operator.page.getByTestId("asker").waitFor({ state: "detached" });
    await marked(operator, "You have control");
    await ben.page.getByTestId("control-op").getByText("Stop asking").click();
    await ben.page.getByTestId("control-op").getByText("Ask for control").click();
    await operator.page.getByTestId("asker").waitFor();
    await ben.page.getByTestId("control-op").getByText("Stop asking").click();
    await operator.page.getByTestId("asker").waitFor({ state: "detached" });
  });

  it("a member from the list is given it, and lets go of it for whoever wants it", async () => {
    await operator.page.getByTestId("control-mark").click();
    await operator.page
      .getByTestId("person")
      .filter({ hasText: "Guest" })
      .getByTestId("give")
      .click();
    await types(await holder(ben), " fourth");
    await ben.page.getByTestId("control-op").getByText("Release control").click();
    await marked(operator, "Nobody has control");
    await operator.page.getByTestId("control-op").getByText("Take control").click();
    await types(await holder(operator), " fifth");
  });

  it("by keyboard alone is handed over, and the live region tells", async () => {
    const { keyboard } = operator.page;
    const says = (viewer: ViewerPage, words: string) =>
      viewer.page.getByTestId("control-status").getByText(words).waitFor({ state: "attached" });
    await chord(ben);
    await tabTo(ben, "control-op");
    await ben.page.keyboard.press("Enter");
    await says(operator, "Guest asks for control.");
    // Somebody waits for an answer: the way to the bar leads there first.
    await operator.page.bringToFront();
    await chord(operator);
    await tabTo(operator, "give-asked");
    await keyboard.press("Enter");
    await says(ben, "You have control now.");
    // Whoever got it types at once.
    await ben.page.bringToFront();
    await ben.page.waitForFunction(() => document.activeElement?.tagName === "CANVAS");
    await ben.type(" sixth");
    typed += " sixth";
    expect(await x.typed(typed.length)).toBe(typed);
    await chord(ben);
    await tabTo(ben, "control-op");
    await ben.page.keyboard.press("Enter");
    await says(operator, "Nobody has control.");
  });

  it("what cannot work says why, to the keyboard too", async () => {
    const tool = operator.page.getByTestId("ctrl-alt-del");
    expect(await tool.getAttribute("aria-disabled")).toBe("true");
    expect(await tool.getAttribute("aria-label")).toContain("Nobody has control");
    await tool.focus();
    await operator.page.keyboard.press("Enter");
    await operator.page.getByTestId("flash").getByText("Nobody has control").waitFor();
  });

  it("the desktop goes on without its room, and the page says that it is not sure", async () => {
    await operator.page.getByTestId("control-op").click();
    await marked(operator, "You have control");
    const tab = new ViewerPage(await operator.page.context().newPage());
    const room = await roomSwitch(tab.page);
    await tab.page.goto(session.view_url);
    await tab.shows(PICTURE);
    await marked(tab, /^You have control$/);
    await room.cut();
    await marked(tab, "You have control, as far as is known");
    expect(await tab.page.getByTestId("control-op").count()).toBe(0);
    await types(tab, " seventh");
    await room.mend();
    await marked(tab, /^You have control$/);
    await tab.page.getByTestId("control-op").waitFor();
  });

  it("leave nothing in the consoles of their pages", () => {
    expect(operator.errors).toEqual([]);
    expect(ben.errors).toEqual([REFUSED]);
  });

  afterAll(async () => {
    for (const { page } of [operator, ben]) await page.context().close();
  });

  async function holder(viewer: ViewerPage): Promise<ViewerPage> {
    await marked(viewer, "You have control");
    return viewer;
  }
});

describe("a guest of a link to watch", () => {
  let watcher: ViewerPage;

  beforeAll(async () => {
    watcher = await guest("view");
  });

  it("sees the desktop, and in words that they can only watch", async () => {
    await marked(watcher, /^View only/);
    await watcher.page
      .getByTestId("flash")
      .getByText("You can watch this desktop. What you type and click here does not reach it.")
      .waitFor();
  });

  it("is offered nothing that cannot work", async () => {
    await watcher.page.getByTestId("scaling").waitFor();
    for (const tool of ["ctrl-alt-del", "clipboard", "keyboard", "control-op", "share"]) {
      expect(await watcher.page.getByTestId(tool).count(), tool).toBe(0);
    }
  });

  it("types and clicks in vain, and control cannot be given to them", async () => {
    const before = x.clicks.length;
    await typesInVain(watcher, "never ");
    const spot = await watcher.spot(100, 100);
    await watcher.page.mouse.click(spot.pageX, spot.pageY);
    const operator = await operatorPage();
    await marked(operator, "You have control");
    await types(operator, " last");
    await operator.page.getByTestId("control-mark").click();
    await operator.page.getByTestId("give").click();
    const refusal = "They have a desktop open that may only be watched.";
    await operator.page.getByTestId("flash").getByText(refusal).waitFor();
    await marked(operator, "You have control");
    expect(x.clicks.length).toBe(before);
    expect(watcher.errors).toEqual([REFUSED]);
  });
});

/** Ctrl+Alt+Shift takes the keyboard back from the desktop. */
async function chord(viewer: ViewerPage): Promise<void> {
  const { page } = viewer;
  await page.bringToFront();
  // From the desktop: were the keyboard in the bar, nothing would tell that the chord was heard.
  await focusDesktop(viewer);
  for (const key of ["Control", "Alt", "Shift"]) await page.keyboard.down(key);
  for (const key of ["Shift", "Alt", "Control"]) await page.keyboard.up(key);
  await page.waitForFunction(() => document.activeElement?.closest("header, section") !== null);
}

async function tabTo({ page }: ViewerPage, testId: string): Promise<void> {
  const place = () =>
    page.evaluate(() => {
      const { activeElement } = document;
      return activeElement instanceof HTMLElement ? activeElement.dataset.testid : undefined;
    });
  const places = [await place()];
  while (places.at(-1) !== testId) {
    if (places.length > MAX_TABS) throw new Error(`Tab does not lead there: ${places.join(", ")}`);
    await page.keyboard.press("Tab");
    places.push(await place());
  }
}

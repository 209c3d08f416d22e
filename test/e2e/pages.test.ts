import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Batch, Session } from "../../protocol/api.ts";
import { MAX_CLIPBOARD_BYTES } from "../../protocol/limits.ts";
import {
  collectErrors,
  launchBrowser,
  newVisitor,
  signedIn,
  ViewerPage,
  waitForState,
} from "../support/browser.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig, type TestAgent } from "../support/rig.ts";
import { knownPicture, XClient } from "../support/x-client.ts";
import { startXvnc, type Xvnc } from "../support/xvnc.ts";

/** What runs if a name is taken for markup: an error in the page, and a dialog. */
const MARKUP = "<img src=x onerror=alert(1)>";
const HOST_NAME = `${MARKUP} host`;
const DESKTOP_NAME = `${MARKUP} desktop`;
const LABEL = `${MARKUP} label`;
const DISPLAY = 49;
const PICTURE = knownPicture(DISPLAY, 640, 480);

/** What Chromium logs of a page that is answered with a 404. */
const NO_SUCH_PAGE =
  "Failed to load resource: the server responded with a status of 404 (Not Found)";

/** More than any page has to stop at. */
const MAX_TABS = 30;

let rig: Rig;
let people: People;
let browser: Browser;
let xvnc: Xvnc;
let x: XClient;
let agent: TestAgent;
let session: Session;
let batch: Batch;
let visitor: BrowserContext;

beforeAll(async () => {
  [rig, browser, xvnc] = await Promise.all([
    startRig(),
    launchBrowser(),
    startXvnc(DISPLAY, { name: DESKTOP_NAME }),
  ]);
  people = new People(rig);
  x = await XClient.connect(DISPLAY);
  await x.draw(PICTURE);
  agent = await rig.startAgent({ name: HOST_NAME, allow: [`127.0.0.1:${xvnc.port}`] });
  session = await rig.api.createSession({ host_id: agent.hostId, port: xvnc.port, label: LABEL });
  batch = await rig.api.applyBatch({ jobUrls: [MARKUP, "http://127.0.0.1:9/"] });
});

afterAll(async () => {
  await browser?.close();
  await rig?.stop();
  x?.close();
  await xvnc?.kill();
});

beforeEach(async () => {
  visitor = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
});

afterEach(async () => {
  await visitor.close();
});

/** Opens a page of the edge and waits for its state. */
async function open(path: string, state: string): Promise<{ page: Page; errors: string[] }> {
  const page = await visitor.newPage();
  const errors = collectErrors(page);
  const answer = await page.goto(rig.edge.url + path);
  expect(answer?.headers()["content-security-policy"]).toContain("default-src 'none'");
  await waitForState(page, state);
  return { page, errors };
}

describe("under the edge's own headers", () => {
  const PAGES = [
    { name: "the sign-in page", path: () => "/sign-in", state: "sign-in" },
    { name: "the overview", path: () => "/", state: "ready" },
    { name: "the viewer", path: () => `/view/${session.session_id}`, state: "connected" },
    { name: "the inbox", path: () => "/inbox", state: "ready" },
    { name: "the page of keys, sign-ins and audit", path: () => "/access", state: "ready" },
    { name: "a batch", path: () => `/batch/${batch.batch_id}`, state: "ready" },
    { name: "the page for wrong addresses", path: () => "/no/such/page", state: "not-found" },
  ];
  it.each(PAGES)("$name breaks no rule and logs no error", async ({ path, state }) => {
    const { page, errors } = await open(path(), state);
    if (state === "connected") await new ViewerPage(page).shows(PICTURE);
    await page.waitForLoadState("networkidle");
    // That there is no such page Chromium notes by itself.
    expect(errors).toEqual(state === "not-found" ? [NO_SUCH_PAGE] : []);
  });

  it("code that is written into a page does not run, and the console says so", async () => {
    const { page, errors } = await open("/sign-in", "sign-in");
    await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "document.title = 'taken over'";
      document.body.append(script);
    });
    expect(await page.title()).not.toBe("taken over");
    expect(errors).toEqual([expect.stringContaining("Content Security Policy")]);
  });
});

describe("by keyboard alone", () => {
  it("a person signs in, opens a desktop, types on it, and comes back to the overview", async () => {
    await visitor.close();
    visitor = await newVisitor(browser);
    const { page } = await open("/sign-in", "sign-in");
    const viewer = new ViewerPage(page);
    await viewer.type(ADMIN_TOKEN);
    await page.keyboard.press("Enter");
    await waitForState(page, "ready");

    await tabTo(page, "display");
    await page.keyboard.press("Enter");
    await viewer.shows(PICTURE);
    await viewer.type("by keyboard");
    expect(await x.typed("by keyboard".length)).toBe("by keyboard");

    for (const key of ["Control", "Alt", "Shift"]) await page.keyboard.down(key);
    for (const key of ["Shift", "Alt", "Control"]) await page.keyboard.up(key);
    await tabTo(page, "to-overview");
    await page.keyboard.press("Enter");
    await waitForState(page, "ready");
    expect(page.url()).toBe(`${rig.edge.url}/`);
    expect(viewer.errors).toEqual([]);
  });
});

/** Presses Tab until that is where the keyboard is. */
async function tabTo(page: Page, testId: string): Promise<void> {
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

describe("staff on the page for guests", () => {
  it("is told that theirs is the inbox, and goes there", async () => {
    const page = await visitor.newPage();
    await page.goto(`${rig.edge.url}/support`);
    await waitForState(page, "for-staff");
    expect(await page.getByTestId("reason").textContent()).toMatch(/^You are signed in here as/);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/inbox");
    await waitForState(page, "ready");
  });
});

describe("the overview", () => {
  it("opens a display for one at a time, if somebody wants that", async () => {
    const { page } = await open("/", "ready");
    await page.getByTestId("display-options").click();
    await page.getByRole("radio", { name: "To the host" }).check();
    await page.getByTestId("open-with-options").click();
    await page.getByTestId("control-mark").getByText("You have control").waitFor();
    const { items } = await rig.api.sessions();
    const made = items.find(({ view_url }) => view_url === page.url());
    expect(made).toMatchObject({ control: "exclusive", clipboard: "to_host" });
    await rig.api.endSession(made?.session_id ?? "");
  });

  it("shows a viewer what is open, and offers nothing that needs an operator", async () => {
    const { key } = await people.key("viewer");
    const headers = { authorization: `Bearer ${key}` };
    const context = await browser.newContext({ extraHTTPHeaders: headers });
    const page = await context.newPage();
    const opened = await rig.api.createSession({ host_id: agent.hostId, port: xvnc.port });
    await page.goto(rig.edge.url);
    await waitForState(page, "ready");
    expect(await page.getByTestId("display").isEnabled()).toBe(true);
    for (const tool of ["add-host", "remove-host", "scan", "display-options"]) {
      expect(await page.getByTestId(tool).count(), tool).toBe(0);
    }
    for (const { session_id } of [opened, session]) await rig.api.endSession(session_id);
    await page.getByTestId("display").getByText("not open now").waitFor();
    expect(await page.getByTestId("display").isEnabled()).toBe(false);
    await context.close();
    session = await rig.api.createSession({
      host_id: agent.hostId,
      port: xvnc.port,
      label: LABEL,
    });
  });
});

describe("the clipboard", () => {
  it.each([
    ["both", 1, 1],
    ["to_host", 1, 0],
    ["none", 0, 0],
  ] as const)(
    "of a session with %s has %d panel to send and %d to read",
    async (clipboard, ...shown) => {
      const body = { host_id: agent.hostId, port: xvnc.port, clipboard };
      const { session_id } = await rig.api.createSession(body);
      const { page } = await open(`/view/${session_id}`, "connected");
      const tool = page.getByTestId("clipboard");
      if (await tool.count()) await tool.click();
      const parts = ["clipboard-text", "clipboard-remote"].map((part) =>
        page.getByTestId(part).count(),
      );
      expect(await Promise.all(parts)).toEqual(shown);
      await rig.api.endSession(session_id);
    },
  );

  it("refuses a text that the host would skip, and says so", async () => {
    const { page } = await open(`/view/${session.session_id}`, "connected");
    await page.getByTestId("clipboard").click();
    await page.getByTestId("clipboard-text").fill("a".repeat(MAX_CLIPBOARD_BYTES));
    await page.getByTestId("clipboard-problem").getByText("256 KiB can be sent at once").waitFor();
    expect(await page.getByTestId("clipboard-send").isDisabled()).toBe(true);
    await page.getByTestId("clipboard-text").fill("short");
    expect(await page.getByTestId("clipboard-send").isDisabled()).toBe(false);
  });
});

describe("a name that is markup", () => {
  it("of a host, a display and a session is shown as text in the overview", async () => {
    const { page, errors } = await open("/", "ready");
    expect(await page.getByTestId("host").locator("h2").textContent()).toBe(HOST_NAME);
    await page.getByTestId("display").getByText(DESKTOP_NAME, { exact: true }).waitFor();
    await page.getByTestId("open-session").getByText(LABEL, { exact: true }).waitFor();
    await expectNoMarkup(page, errors);
  });

  it("in place of a job's URL is shown as text in its batch, its session and its viewer", async () => {
    const { page, errors } = await open(`/batch/${batch.batch_id}`, "ready");
    await page.getByTestId("open-job").getByText(MARKUP).waitFor();
    await page.getByTestId("tile-reason").getByText("must be whole").waitFor();
    await expectNoMarkup(page, errors);
    const viewer = await open(`/view/${batch.jobs[0]?.job_id}`, "ended");
    await viewer.page.getByTestId("desktop-name").getByText(MARKUP, { exact: true }).waitFor();
    await expectNoMarkup(viewer.page, viewer.errors);
  });

  it("of a desktop is shown as text in the viewer", async () => {
    const { page, errors } = await open(`/view/${session.session_id}`, "connected");
    await page.getByTestId("desktop-name").getByText(DESKTOP_NAME, { exact: true }).waitFor();
    await page.waitForFunction((name) => document.title.startsWith(name), DESKTOP_NAME);
    await expectNoMarkup(page, errors);
  });

  it("of a host is shown as text when the viewer says that it is offline", async () => {
    const viewer = await ViewerPage.open(visitor, session.view_url);
    await viewer.state("connected");
    await agent.stop();
    await viewer.waitsBecause(
      `The host ${HOST_NAME} is offline. Its agent reconnects by itself when it can.`,
    );
    await expectNoMarkup(viewer.page, viewer.errors);
  });
});

async function expectNoMarkup(page: Page, errors: string[]): Promise<void> {
  expect(await page.locator("img").count()).toBe(0);
  expect(errors).toEqual([]);
}

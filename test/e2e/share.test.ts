import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DemoDesktop, startDemo } from "../../demo/server.ts";
import type { Page as ApiPage, Session, ShareLink } from "../../protocol/api.ts";
import {
  collectErrors,
  launchBrowser,
  newVisitor,
  signedIn,
  ViewerPage,
  waitForState,
} from "../support/browser.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

/** Far more than a blank or a broken picture has; the demo desktop has thousands. */
const COLOURS_OF_A_PICTURE = 200;

/** What Chromium logs of a request that is refused as it should be: nobody has to see it. */
const REFUSED = "Failed to load resource: the server responded with a status of 401 (Unauthorized)";

const LABEL = "Ada <b>next door</b>";

let rig: Rig;
let browser: Browser;
let demo: DemoDesktop;
let session: Session;
let operator: ViewerPage;

beforeAll(async () => {
  [rig, browser, demo] = await Promise.all([startRig(), launchBrowser(), startDemo()]);
  const agent = await rig.startAgent({ allow: [`127.0.0.1:${demo.port}`] });
  session = await rig.api.createSession({
    host_id: agent.hostId,
    port: demo.port,
    ttl_seconds: 30 * 24 * 60 * 60,
  });
  const visitor = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
  operator = await ViewerPage.open(visitor, session.view_url);
  await operator.showsManyColours(COLOURS_OF_A_PICTURE);
});

afterAll(async () => {
  await browser?.close();
  await rig?.stop();
  await demo?.close();
});

describe("an operator", () => {
  it("makes a link by keyboard alone, and none of the keys reaches the desktop", async () => {
    await openDialogByKeyboard();
    await operator.type(LABEL);
    await operator.page.keyboard.press("Tab");
    await operator.page.keyboard.press("ArrowRight");
    await operator.page.getByTestId("role-sentence").getByText("types and clicks on it").waitFor();
    await operator.page.keyboard.press("Tab");
    await operator.page.keyboard.press("ArrowLeft");
    await operator.page.keyboard.press("Enter");
    await focusIsOn("copy-link");
    const { pathname, hash } = new URL(await shownLink());
    expect([pathname, hash.slice(0, hash.indexOf("."))]).toEqual([
      "/share",
      `#${session.session_id}`,
    ]);
    const [link] = await links();
    expect(link).toMatchObject({ label: LABEL, role: "control", uses: 0, max_uses: 1 });
    const life = Date.parse(link?.expires_at ?? "") - Date.parse(link?.created_at ?? "");
    expect(life / 60_000).toBeCloseTo(60, 0);

    await operator.page.keyboard.press("Escape");
    await focusIsOn("share");
    expect(demo.typed()).toBe("");
  });

  it("sees the link in the list, its label as text, its secret never again", async () => {
    await operator.page.getByTestId("share").click();
    const row = operator.page.getByTestId("link");
    await row.getByText(LABEL, { exact: true }).waitFor();
    await row.getByText("Can control · used 0 of 1").waitFor();
    expect(await operator.page.getByTestId("share-url").count()).toBe(0);
    await operator.page.keyboard.press("Escape");
  });
});

describe("a link that nobody chose a role for", () => {
  it("lets people watch, and says so", async () => {
    await openDialog();
    await operator.page.getByTestId("role-sentence").getByText("does not reach it").waitFor();
    await operator.page.getByTestId("make-link").click();
    await shownLink();
    await operator.page.keyboard.press("Escape");
    expect(await linkNamed(null)).toMatchObject({ role: "view" });
  });
});

describe("a guest", () => {
  let guest: ViewerPage;
  let url: string;

  beforeAll(async () => {
    url = await makeLink("Grace");
    guest = new ViewerPage(await (await newVisitor(browser)).newPage());
  });

  it("opens the link and sees the desktop, and the secret leaves the address", async () => {
    const answer = await guest.page.goto(url);
    expect(answer?.headers()["content-security-policy"]).toContain("default-src 'none'");
    await guest.showsManyColours(COLOURS_OF_A_PICTURE);
    expect(guest.page.url()).toBe(session.view_url);
    expect(await guest.page.evaluate(() => history.length)).toBeLessThanOrEqual(2);
  });

  it("is offered neither the overview nor to share it on", async () => {
    await guest.page.locator(".corner .logo").waitFor();
    expect(await guest.page.getByTestId("to-overview").count()).toBe(0);
    expect(await guest.page.getByTestId("share").count()).toBe(0);
  });

  it("types on the desktop", async () => {
    await clickPaper(guest);
    await guest.type("by a guest");
    await expect.poll(() => demo.typed()).toBe("by a guest");
  });

  it("comes back by loading again, and by the same link, and takes no further use", async () => {
    await guest.page.reload();
    await guest.showsManyColours(COLOURS_OF_A_PICTURE);
    const again = await ViewerPage.open(guest.page.context(), url);
    await again.showsManyColours(COLOURS_OF_A_PICTURE);
    expect(again.errors).toEqual([]);
    await again.page.close();
    expect(await linkNamed("Grace")).toMatchObject({ uses: 1, max_uses: 1 });
  });

  it("who is the second with a link for one is told so, and has nothing to press", async () => {
    const page = await refused(url);
    await page
      .getByText("This link has expired, was revoked or is used up", { exact: false })
      .waitFor();
    expect(await page.locator("main button, main a").count()).toBe(0);
  });

  it("with a link that was cut short is told so", async () => {
    const page = await refused(url.slice(0, -5));
    await page.getByText("A part of its address is missing.", { exact: false }).waitFor();
  });

  it("is let in as soon as the edge can be reached", async () => {
    const fresh = await makeLink("Barbara");
    const page = await (await newVisitor(browser)).newPage();
    const viewer = new ViewerPage(page);
    await page.route("**/api/**", (route) => route.abort());
    await page.goto(fresh);
    await waitForState(page, "failed");
    await page.unroute("**/api/**");
    await page.getByTestId("retry").click();
    await viewer.showsManyColours(COLOURS_OF_A_PICTURE);
    expect(await linkNamed("Barbara")).toMatchObject({ uses: 1 });
    await page.context().close();
  });

  it("is told when the operator revokes the link, and that a new one is needed", async () => {
    await openDialog();
    const row = operator.page.getByTestId("link").filter({ hasText: "Grace" });
    await row.getByText("used 1 of 1").waitFor();
    await row.getByTestId("revoke").click();
    await operator.page
      .getByTestId("share-said")
      .getByText("Grace is revoked.", { exact: false })
      .waitFor();
    expect(await row.count()).toBe(0);
    await operator.page.keyboard.press("Escape");

    await guest.state("ended");
    await says(guest, "The link that you came by was revoked.");
    await guest.page.reload();
    await guest.state("ended");
    await says(guest, "The link that you came by is over; ask for a new one.");
  });

  it("logs nothing but what is refused as it should be", () => {
    expect(new Set(guest.errors)).toEqual(new Set([REFUSED]));
  });

  it("comes back by a new link", async () => {
    await guest.page.goto(await makeLink("Grace again"));
    await guest.showsManyColours(COLOURS_OF_A_PICTURE);
  });

  it("is told when the session ends, and is not offered to open it again", async () => {
    await rig.api.endSession(session.session_id);
    await guest.state("ended");
    const reason = guest.page.getByTestId("reason");
    await reason.getByText("The operator ended this session.", { exact: true }).waitFor();
    expect(await guest.page.locator(".card a, .card button").count()).toBe(0);
  });
});

describe("the operator's page", () => {
  it("offers to open the desktop again and shares it no more, and logged no error", async () => {
    await operator.state("ended");
    await operator.page.getByTestId("open-again").waitFor();
    expect(await operator.page.getByTestId("share").count()).toBe(0);
    expect(operator.errors).toEqual([]);
  });
});

/** The end of a guest's link, with a way on that is not only for those who have an account. */
async function says(guest: ViewerPage, reason: string): Promise<void> {
  await guest.page.getByTestId("reason").getByText(reason, { exact: true }).waitFor();
  await guest.page.getByText("Your link is over", { exact: true }).waitFor();
  await guest.page
    .getByText("Whoever shared this desktop with you can send you a new link.", { exact: true })
    .waitFor();
}

/** A browser that never was here opens a link that is no good. */
async function refused(url: string) {
  const visitor: BrowserContext = await newVisitor(browser);
  const page = await visitor.newPage();
  const errors = collectErrors(page);
  await page.goto(url);
  await waitForState(page, "refused");
  expect(page.url()).toBe(`${rig.edge.url}/share`);
  expect(errors.filter((error) => !error.startsWith("Failed to load resource"))).toEqual([]);
  return page;
}

async function openDialogByKeyboard(): Promise<void> {
  const { keyboard } = operator.page;
  for (const key of ["Control", "Alt", "Shift"]) await keyboard.down(key);
  for (const key of ["Shift", "Alt", "Control"]) await keyboard.up(key);
  // The chord leads to the bar, whose first control is the way back to the overview.
  await focusIsOn("to-overview");
  await keyboard.press("Tab");
  await focusIsOn("share");
  await keyboard.press("Enter");
  await focusIsOn("share-label");
}

async function openDialog(): Promise<void> {
  await operator.page.bringToFront();
  await operator.page.getByTestId("share").click();
  await focusIsOn("share-label");
}

async function focusIsOn(testId: string): Promise<void> {
  await operator.page.waitForFunction((testId) => {
    const { activeElement } = document;
    return activeElement instanceof HTMLElement && activeElement.dataset.testid === testId;
  }, testId);
}

/** Makes a link for one browser in the dialog, and closes that. */
async function makeLink(label: string): Promise<string> {
  await openDialog();
  await operator.page.getByTestId("share-label").fill(label);
  await operator.page.getByRole("radio", { name: "Can control" }).check();
  await operator.page.getByTestId("make-link").click();
  const url = await shownLink();
  await operator.page.keyboard.press("Escape");
  return url;
}

async function shownLink(): Promise<string> {
  return (await operator.page.getByTestId("share-url").textContent()) ?? "";
}

async function links(): Promise<ShareLink[]> {
  const response = await fetch(`${rig.edge.url}/api/vnc/session/${session.session_id}/links`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  return ((await response.json()) as ApiPage<ShareLink>).items;
}

async function linkNamed(label: string | null): Promise<ShareLink | undefined> {
  return (await links()).find((link) => link.label === label);
}

/** Into the notepad, which takes what is typed. */
async function clickPaper(viewer: ViewerPage): Promise<void> {
  const { paper } = demo.areas();
  await viewer.page.bringToFront();
  const spot = await viewer.spot(paper.x + paper.width / 2, paper.y + paper.height / 2);
  await viewer.page.mouse.click(spot.pageX, spot.pageY);
}

import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Batch } from "../../protocol/api.ts";
import { MAX_LIVE_TILES } from "../../web/batch/streams.ts";
import { launchBrowser, signedIn, ViewerPage, waitForState } from "../support/browser.ts";
import { PlayedJobHost } from "../support/played-job-host.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

/** More than fit into the window, of which more fit than are live at once. */
const JOBS = 60;
const WINDOW = { width: 1600, height: 1400 };

let rig: Rig;
let browser: Browser;
let visitor: BrowserContext;
let page: Page;
let host: PlayedJobHost;
let batch: Batch;

beforeAll(async () => {
  [rig, browser] = await Promise.all([startRig(), launchBrowser()]);
  host = await PlayedJobHost.join(rig);
  const jobUrls = Array.from({ length: JOBS }, (_, n) => `https://example.com/${n}`);
  batch = await rig.api.applyBatch({ jobUrls });
  await host.until(() => host.running.size === JOBS);
  visitor = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
  page = await visitor.newPage();
  await page.setViewportSize(WINDOW);
  await page.goto(`${rig.edge.url}/batch/${batch.batch_id}`);
  await waitForState(page, "ready");
  await page.getByRole("radio", { name: `Active ${JOBS}` }).waitFor();
});

afterAll(async () => {
  await browser?.close();
  await host?.stop();
  await rig?.stop();
});

function idOf(n: number): string {
  return batch.jobs[n]?.job_id ?? "";
}

function tile(n: number): Locator {
  return page.locator(`[data-testid="tile"][data-id="${idOf(n)}"]`);
}

/** The places in the batch of the jobs that have a stream now, in their order. */
function streamed(): number[] {
  const sessions = host.heard.flatMap((message) =>
    message.type === "open" && host.roleOf(message.stream) ? [message.session] : [],
  );
  const places = sessions.map((id) => Number(id.split("_job_")[1]));
  return [...new Set(places)].sort((a, b) => a - b);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, n) => from + n);
}

describe("the wall of a large batch", () => {
  it(`streams ${MAX_LIVE_TILES} of its desktops, the first in the window, and to be watched only`, async () => {
    await host.until(() => streamed().length === MAX_LIVE_TILES);
    expect(streamed()).toEqual(range(0, MAX_LIVE_TILES));
    const roles = host.heard.flatMap((message) => (message.type === "open" ? message.role : []));
    expect(new Set(roles)).toEqual(new Set(["view"]));
    const full = `${MAX_LIVE_TILES} desktops are live at once`;
    await tile(MAX_LIVE_TILES).getByTestId("tile-reason").getByText(full).waitFor();
  });

  it("streams those that it is scrolled to, in place of those that it left", async () => {
    await tile(JOBS - 1).scrollIntoViewIfNeeded();
    const isBelow = (n: number) => n >= JOBS / 2;
    await host.until(() => streamed().length === MAX_LIVE_TILES && streamed().every(isBelow));
    await page.evaluate(() => scrollTo(0, 0));
    await host.until(() => streamed().join() === range(0, MAX_LIVE_TILES).join());
  });

  it("is where it was when somebody comes back from a desktop, by keyboard too", async () => {
    await page.getByRole("radio", { name: "Active" }).check();
    await tile(40).getByTestId("open-job").focus();
    const height = await page.evaluate(() => scrollY);
    expect(height).toBeGreaterThan(0);
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/view/${idOf(40)}`);
    await page.getByTestId("to-overview").click();
    await waitForState(page, "ready");
    await page.waitForFunction((height) => scrollY === height, height);
    const focused = await page.evaluate(() => {
      return document.activeElement?.closest("[data-id]")?.getAttribute("data-id");
    });
    expect(focused).toBe(idOf(40));
    expect(await page.getByRole("radio", { name: "Active" }).isChecked()).toBe(true);
    await page.getByRole("radio", { name: "All" }).check();
    await page.evaluate(() => scrollTo(0, 0));
    await host.until(() => streamed().join() === range(0, MAX_LIVE_TILES).join());
  });

  it("is where it was also when somebody left it before the browser told that it had scrolled", async () => {
    const height = await tile(40)
      .getByTestId("open-job")
      .evaluate((link: HTMLElement) => {
        link.focus();
        link.click();
        return scrollY;
      });
    expect(height).toBe(0);
    await page.waitForURL(`**/view/${idOf(40)}`);
    await page.getByTestId("to-overview").click();
    await waitForState(page, "ready");
    await page.waitForFunction(() => scrollY > 0);
    await page.evaluate(() => scrollTo(0, 0));
    await host.until(() => streamed().join() === range(0, MAX_LIVE_TILES).join());
  });

  it("gives the room of one that failed to another, and says why; the others stay", async () => {
    host.end(idOf(3), "failed", "Its browser crashed.");
    await tile(3).getByTestId("tile-status").getByText("Failed").waitFor();
    await tile(3).getByTestId("tile-reason").getByText("Its browser crashed.").waitFor();
    const left = range(0, MAX_LIVE_TILES + 1).filter((n) => n !== 3);
    await host.until(() => streamed().join() === left.join());
    await page.getByRole("radio", { name: "Failed 1" }).check();
    await host.until(() => streamed().length === 0);
    expect(await page.getByTestId("tile").count()).toBe(1);
    await page.getByRole("radio", { name: `All ${JOBS}` }).check();
    await host.until(() => streamed().length === MAX_LIVE_TILES);
  });

  it("leads to one that failed, which says why, what it printed, and is run again", async () => {
    const viewer = await ViewerPage.open(visitor, `${rig.edge.url}/view/${idOf(3)}`);
    await viewer.state("ended");
    await viewer.page.getByRole("heading", { name: "The job failed" }).waitFor();
    await viewer.page.getByTestId("reason").getByText("Its browser crashed.").waitFor();
    await viewer.page.getByTestId("job-log").click();
    await viewer.page.getByTestId("log-text").getByText("it printed this").waitFor();
    await viewer.page.keyboard.press("Escape");
    const started = host.started.length;
    await viewer.page.getByTestId("open-again").click();
    await host.until(() => host.started.length > started);
    await viewer.page.waitForURL(`**/view/${host.started.at(-1)}`);
    expect(viewer.errors).toEqual([]);
    await viewer.page.close();
  });

  it("streams nothing while nobody sees the page", async () => {
    await pretendHidden(true);
    await host.until(() => streamed().length === 0);
    await pretendHidden(false);
    await host.until(() => streamed().length === MAX_LIVE_TILES);
  });

  it("follows its host when that goes, and says that all of it waits", async () => {
    await host.unlink();
    await tile(0).getByTestId("tile-reason").getByText("is offline").waitFor();
    await page.getByRole("radio", { name: `Unreachable ${JOBS - 1}` }).waitFor();
    await host.link();
    await page.getByRole("radio", { name: `Active ${JOBS - 1}` }).waitFor();
  });
});

/** A browser without a screen shows all of its tabs: what the page asks is answered for it. */
function pretendHidden(isHidden: boolean): Promise<void> {
  return page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, isHidden);
}

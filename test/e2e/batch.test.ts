import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Batch, SessionStatus } from "../../protocol/api.ts";
import { launchBrowser, signedIn, ViewerPage, waitForState } from "../support/browser.ts";
import { DesktopAgent } from "../support/desktop-agent.ts";
import { CLICKED, type Colour, JobPages, TYPED } from "../support/job-page.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { takeTurnWithDesktops } from "../support/turn.ts";

/** As many as the host runs at once, and one more. */
const COLOURS: readonly Colour[] = [
  [200, 30, 90],
  [30, 200, 90],
  [30, 90, 200],
  [90, 30, 120],
];
const ROOM = 3;
const PORTS = [5970, 5971, 5972, 5973];
/** The places of a desktop of 1280 by 800 that are looked at: the whole of it is the job's page. */
const PLACES = [
  [2, 2],
  [1277, 2],
  [300, 200],
  [2, 797],
  [1277, 797],
] as const;

let rig: Rig;
let browser: Browser;
let pages: JobPages;
let agent: DesktopAgent;
let visitor: BrowserContext;
let wall: ViewerPage;
let batch: Batch;
let endTurn: () => Promise<void>;

beforeAll(async () => {
  endTurn = await takeTurnWithDesktops();
  [rig, browser, pages] = await Promise.all([startRig(), launchBrowser(), JobPages.start()]);
  agent = await DesktopAgent.start(rig, {
    config: { profiles: { browser: true }, limits: { max_desktops: ROOM } },
    allow: "127.0.0.1:5970-5979",
  });
  visitor = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
  wall = await ViewerPage.open(visitor, rig.edge.url);
  await wall.state("ready");
});

afterAll(async () => {
  await browser?.close();
  await agent?.stop();
  await rig?.stop();
  pages?.stop();
  await endTurn?.();
});

function idOf(n: number): string {
  const job = batch.jobs[n];
  if (!job) throw new Error(`The batch has no job ${n}.`);
  return job.job_id;
}

function tile(n: number): Locator {
  return wall.page.locator(`[data-testid="tile"][data-id="${idOf(n)}"]`);
}

async function stands(n: number, status: SessionStatus): Promise<void> {
  const shown = `[data-testid="tile"][data-id="${idOf(n)}"][data-status="${status}"]`;
  await wall.page.locator(shown).waitFor();
}

/** Waits until the canvas in a part of a page is of one colour. */
async function showsColour(page: Page, part: string, colour: Colour): Promise<void> {
  await page.waitForFunction(
    ({ part, colour, places }) => {
      const canvas = document.querySelector<HTMLCanvasElement>(`${part} canvas`);
      if (canvas?.width !== 1280 || canvas.height !== 800) return false;
      const context = canvas.getContext("2d");
      return places.every(([x, y]) => {
        const pixel = context?.getImageData(x, y, 1, 1).data ?? [];
        return colour.every((part, n) => part === pixel[n]);
      });
    },
    { part, colour, places: PLACES },
    { polling: 100 },
  );
}

function tileShows(n: number, colour: Colour): Promise<void> {
  const part = `[data-testid="tile"][data-id="${idOf(n)}"][data-shows="live"] .tile-screen`;
  return showsColour(wall.page, part, colour);
}

function colourOf(n: number): Colour {
  const colour = COLOURS[n];
  if (!colour) throw new Error(`There is no colour ${n}.`);
  return colour;
}

describe("a batch of job URLs", () => {
  it("is run from the overview, by keyboard, once what is no URL was said", async () => {
    const { page } = wall;
    await page.getByTestId("run-a-job").focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("job-urls").fill("example.com\nhttp://fine.example/");
    await page.getByTestId("run-job").press("Enter");
    await page.getByTestId("job-problems").getByText("Line 1: A job's URL must be whole").waitFor();
    await page.getByTestId("job-urls").fill(COLOURS.map((colour) => pages.in(colour)).join("\n"));
    await page.getByTestId("run-job").press("Enter");
    await page.waitForURL(/\/batch\/[^/]+$/);
    await wall.state("ready");
    batch = await rig.api.batch(page.url().split("/").at(-1) ?? "");
    expect(batch.jobs.map(({ job_url }) => job_url)).toEqual(
      COLOURS.map((colour) => pages.in(colour)),
    );
  });

  it("becomes live desktops in one page, each tile with its own, while one waits for room", async () => {
    for (let n = 0; n < ROOM; n++) await tileShows(n, colourOf(n));
    await stands(ROOM, "queued");
    expect(await tile(ROOM).getByTestId("tile-reason").textContent()).toContain("waits for room");
    await wall.page.getByRole("radio", { name: "Active 3" }).check();
    await tile(ROOM).waitFor({ state: "detached" });
    expect(await wall.page.getByTestId("tile").count()).toBe(ROOM);
    await wall.page.getByRole("radio", { name: "All 4" }).check();
    await tile(ROOM).waitFor();
    for (let n = 0; n < ROOM; n++) await tileShows(n, colourOf(n));
  });

  it("is watched by its tiles, and no more", async () => {
    const opened = rig.edgeLog.events.filter(({ event }) => event === "stream.asked");
    expect(new Set(opened.map(({ role }) => role))).toEqual(new Set(["view"]));
    // What is clicked is the way to the desktop, and what is typed goes nowhere.
    await tile(0).getByTestId("open-job").focus();
    await wall.type("typed!");
    await tileShows(0, colourOf(0));
  });

  it.each([0, 1, 2])(
    "opens its desktop %d with a click, to be typed into and clicked",
    async (n) => {
      const { page } = wall;
      await tile(n).getByTestId("open-job").click();
      await page.waitForURL(`**/view/${idOf(n)}`);
      await wall.state("connected");
      await showsColour(page, '[data-testid="screen"]', colourOf(n));
      await typeUntil(page, TYPED);
      const { pageX, pageY } = await wall.spot(500, 500);
      await page.mouse.click(pageX, pageY);
      await showsColour(page, '[data-testid="screen"]', CLICKED);
      await page.goBack();
      await waitForState(page, "ready");
      await tileShows(n, CLICKED);
    },
  );

  it("shows what a desktop printed", async () => {
    await tile(0).getByTestId("tile-log").click();
    await wall.page.getByTestId("log-text").getByText("Xvnc TigerVNC").waitFor();
    await wall.page.keyboard.press("Escape");
    await wall.page.getByTestId("log-dialog").waitFor({ state: "detached" });
  });

  it("starts the one that waited once another was ended", async () => {
    const waiting = await ViewerPage.open(visitor, `${rig.edge.url}/view/${idOf(ROOM)}`);
    await waiting.state("preparing");
    await waiting.page.getByText("Waiting for room").waitFor();
    await wall.page.bringToFront();
    await tile(1).getByTestId("tile-end").click();
    await wall.page.getByTestId("confirm-end").click();
    await stands(1, "ended");
    await tileShows(ROOM, colourOf(ROOM));
    await tileShows(0, CLICKED);
    // The page that was opened before there was anything to see.
    await waiting.page.bringToFront();
    await waiting.state("connected");
    await showsColour(waiting.page, '[data-testid="screen"]', colourOf(ROOM));
    expect(waiting.errors).toEqual([]);
    await waiting.page.close();
  });

  it("ends as a whole, and leaves no process, lock or port", async () => {
    await wall.page.bringToFront();
    await wall.page.getByTestId("end-batch").click();
    await wall.page.getByTestId("confirm-end-batch").click();
    for (let n = 0; n < COLOURS.length; n++) await stands(n, "ended");
    await wall.page.getByTestId("all-over").waitFor();
    expect(await wall.page.getByTestId("end-batch").count()).toBe(0);
    await agent.log.waitFor("desktop.ended", {}, COLOURS.length);
    expect(agent.leftovers(PORTS)).toEqual([]);
    expect(wall.errors).toEqual([]);
  });
});

/** Chromium drops what is typed while it brings a page's first frame to the screen. */
async function typeUntil(page: Page, colour: Colour): Promise<void> {
  const shown = showsColour(page, '[data-testid="screen"]', colour);
  let isShown = false;
  shown.then(
    () => {
      isShown = true;
    },
    () => {},
  );
  while (!isShown) {
    await wall.type("typed!");
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  await shown;
}

describe("the page of a batch", () => {
  it("that there is not says so", async () => {
    await wall.page.goto(`${rig.edge.url}/batch/none`);
    await wall.state("not-found");
    await wall.page.getByText("There is no such batch").waitFor();
  });

  it("asks who is not signed in to do so, and leads back", async () => {
    const stranger = await browser.newContext();
    const page = await stranger.newPage();
    const path = `/batch/${batch.batch_id}`;
    await page.goto(rig.edge.url + path);
    await waitForState(page, "sign-in");
    expect(new URL(page.url()).searchParams.get("next")).toBe(path);
    await stranger.close();
  });

  it("offers somebody who may only look no end and no log", async () => {
    const { key } = await rig.api.call("POST /api/keys", {
      body: { name: "looks", role: "viewer" },
    });
    const context = await browser.newContext({
      extraHTTPHeaders: { authorization: `Bearer ${key}` },
    });
    const page = await context.newPage();
    await page.goto(`${rig.edge.url}/batch/${batch.batch_id}`);
    await waitForState(page, "ready");
    expect(await page.getByTestId("tile").count()).toBe(COLOURS.length);
    for (const tool of ["end-batch", "tile-end", "tile-log"]) {
      expect(await page.getByTestId(tool).count(), tool).toBe(0);
    }
    await context.close();
  });
});

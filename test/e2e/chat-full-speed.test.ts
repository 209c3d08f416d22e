import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Session } from "../../protocol/api.ts";
import { launchBrowser, newVisitor, signedIn, ViewerPage } from "../support/browser.ts";
import { ChatOnPage } from "../support/chat-on-page.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { knownPicture, XClient } from "../support/x-client.ts";
import { startXvnc, type Xvnc } from "../support/xvnc.ts";

const DISPLAY = 52;
/** How many pictures the desktop's program shows in turn, as fast as the X server takes them. */
const PICTURES = Array.from({ length: 6 }, (_, seed) => knownPicture(seed, 800, 600));
/** How many messages each of the two says. */
const MESSAGES = 15;
/** So many new pictures each must have been shown while they talked, and after. */
const MOVED = 5;

/** What Chromium logs when a page asks whether this browser may see the session already. */
const REFUSED = "Failed to load resource: the server responded with a status of 401 (Unauthorized)";

let rig: Rig;
let browsers: [Browser, Browser];
let xvnc: Xvnc;
let x: XClient;
let session: Session;
let drawing = true;
let drawn: Promise<void>;

beforeAll(async () => {
  [rig, xvnc, browsers] = await Promise.all([
    startRig(),
    startXvnc(DISPLAY, { width: 800, height: 600 }),
    Promise.all([launchBrowser(), launchBrowser()]),
  ]);
  x = await XClient.connect(DISPLAY);
  const agent = await rig.startAgent({ allow: [`127.0.0.1:${xvnc.port}`] });
  session = await rig.api.createSession({ host_id: agent.hostId, port: xvnc.port });
  drawn = drawOn();
});

afterAll(async () => {
  drawing = false;
  await drawn;
  for (const browser of browsers ?? []) await browser.close();
  x?.close();
  await rig?.stop();
  await xvnc?.kill();
});

/** A program that repaints its whole screen without a pause. */
async function drawOn(): Promise<void> {
  while (drawing) for (const picture of PICTURES) await x.draw(picture);
}

/** A place that has another colour in most pictures. */
const SPOT = { x: 100, y: 100, width: 16, height: 1 };

/** Waits until a page has shown so many more pictures, one after the other. */
async function showsNewPictures(viewer: ViewerPage, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await viewer.areaChanges(SPOT, await viewer.area(SPOT));
}

it("two browsers chat, each message once and in one order, while both show a desktop at full speed", async () => {
  const operator = await signedIn(browsers[0], rig.edge.url, ADMIN_TOKEN);
  const ann = await ViewerPage.open(operator, session.view_url);
  const { url } = await new People(rig).shareLink(session.session_id, { role: "control" });
  const ben = await ViewerPage.open(await newVisitor(browsers[1]), url);
  const viewers = [ann, ben];
  const chats = viewers.map(({ page }) => new ChatOnPage(page));
  await Promise.all(viewers.map((viewer) => showsNewPictures(viewer, MOVED)));
  await Promise.all(chats.map((chat) => chat.open()));

  let talking = true;
  let shownWhileTalking = 0;
  const watching = viewers.map(async (viewer) => {
    let shown = 0;
    for (; talking || shown < MOVED; shown++) await showsNewPictures(viewer, 1);
    shownWhileTalking += shown;
  });
  // Both at once, each their own messages in their order.
  await Promise.all(
    chats.map(async (chat, who) => {
      for (let n = 0; n < MESSAGES; n++) await chat.write(`${who} says ${n}`);
    }),
  );
  const read = (viewer: ViewerPage) => viewer.page.getByTestId("text").allTextContents();
  const all = viewers.map(({ page }) =>
    page.waitForFunction(
      (count) =>
        document.querySelectorAll('[data-testid="text"]').length === count &&
        document.querySelector('[data-testid="outgoing"]') === null,
      MESSAGES * viewers.length,
    ),
  );
  await Promise.all(all);
  talking = false;
  await Promise.all(watching);

  const [annRead, benRead] = await Promise.all(viewers.map(read));
  expect(benRead).toEqual(annRead);
  for (const who of viewers.keys()) {
    const own = annRead?.filter((text) => text.startsWith(`${who} `));
    expect(own).toEqual(Array.from({ length: MESSAGES }, (_, n) => `${who} says ${n}`));
  }
  expect(shownWhileTalking).toBeGreaterThanOrEqual(2 * MOVED);
  await Promise.all(viewers.map((viewer) => showsNewPictures(viewer, MOVED)));
  expect(viewers.map(({ errors }) => errors)).toEqual([[], [REFUSED]]);
}, 120_000);

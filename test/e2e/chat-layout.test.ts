import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../protocol/api.ts";
import { launchBrowser, newVisitor, signedIn, ViewerPage } from "../support/browser.ts";
import { ChatOnPage } from "../support/chat-on-page.ts";
import { DesktopStage } from "../support/desktop-stage.ts";
import type { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig } from "../support/rig.ts";
import type { RoomMember } from "../support/room-member.ts";
import { knownPicture } from "../support/x-client.ts";

const DISPLAY = 55;
const PICTURE = knownPicture(DISPLAY, 640, 480);

/** A window, a small one, a phone upright and one on its side. */
const SIZES = [
  { width: 1000, height: 700 },
  { width: 640, height: 400 },
  { width: 390, height: 844 },
  { width: 844, height: 390 },
];

const LONG_NAME = "Somebody whose name is longer than a chat";

let stage: DesktopStage;
let rig: Rig;
let people: People;
let browser: Browser;
let session: Session;
const others: RoomMember[] = [];

beforeAll(async () => {
  [stage, browser] = await Promise.all([
    DesktopStage.start(DISPLAY, PICTURE, { control: "exclusive" }),
    launchBrowser(),
  ]);
  ({ rig, people, session } = stage);
  for (const name of ["Ann", "Cleo", "Dan", "Eve", "Fritz", "Gus", "Hal", LONG_NAME]) {
    others.push((await stage.room.enter(name)).room);
  }
});

afterAll(async () => {
  for (const each of others) await each.close();
  await browser?.close();
  await stage?.stop();
});

describe("a chat beside a desktop, in windows of many sizes", () => {
  let viewer: ViewerPage;
  let page: Page;
  let chat: ChatOnPage;

  beforeAll(async () => {
    const operator = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
    viewer = await ViewerPage.open(operator, session.view_url);
    page = viewer.page;
    chat = new ChatOnPage(page);
    await viewer.shows(PICTURE);
    await page.getByTestId("control-mark").getByText("You have control").waitFor();
    await chat.open();
  });

  const boxOf = (found: Locator) =>
    found.evaluate((element) => {
      const { left, top, right, bottom } = element.getBoundingClientRect();
      return { left, top, right, bottom };
    });

  async function inEachSize(look: () => Promise<void>): Promise<void> {
    for (const size of SIZES) {
      await page.setViewportSize(size);
      await page.waitForFunction(({ width, height }) => {
        const viewer = document.querySelector(".viewer")?.getBoundingClientRect();
        return viewer?.width === width && viewer.height === height;
      }, size);
      await page.getByTestId("chat").evaluate(async (panel) => {
        await Promise.allSettled(panel.getAnimations().map(({ finished }) => finished));
      });
      await look();
    }
  }

  it("lies under no notice of the desktop", async () => {
    const { url } = await people.shareLink(session.session_id, { role: "control" });
    const guest = await ViewerPage.open(await newVisitor(browser), url);
    await guest.shows(PICTURE);
    await guest.page.getByTestId("control-op").click();
    await page.getByTestId("asker").waitFor();
    await inEachSize(async () => {
      const panel = await boxOf(page.getByTestId("chat"));
      const notice = await boxOf(page.locator(".toast").first());
      expect(notice.right <= panel.left || notice.bottom <= panel.top).toBe(true);
      const button = await boxOf(page.getByTestId("give-asked"));
      expect(button.right).toBeLessThanOrEqual(notice.right);
      expect(button.left).toBeGreaterThanOrEqual(notice.left);
    });
    await guest.page.context().close();
    await page.getByTestId("asker").waitFor({ state: "detached" });
  });

  it("asks in one row whether to delete", async () => {
    await chat.write("A message as long as it is wide");
    await page.getByTestId("mark").waitFor();
    await page.getByTestId("delete").focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("keep").waitFor();
    await inEachSize(async () => {
      const [todo, keep] = [
        await boxOf(page.getByTestId("confirm-delete")),
        await boxOf(page.getByTestId("keep")),
      ];
      expect(todo.top).toBe(keep.top);
    });
    await page.keyboard.press("Escape");
  });

  it("says in one line who wrote and when, however long a name is", async () => {
    others.at(-1)?.say("long", "Hello");
    const head = page.getByTestId("message").filter({ hasText: LONG_NAME }).locator(".msg-head");
    await head.waitFor();
    await inEachSize(async () => {
      const lines = await head.locator("time").evaluate((time) => {
        const words = document.createRange();
        words.selectNodeContents(time);
        return new Set([...words.getClientRects()].map(({ top }) => top)).size;
      });
      expect(lines).toBe(1);
    });
  });

  it("tells in words that are not squeezed whom one removed", async () => {
    await page.getByTestId("show-people").click();
    const row = page.getByTestId("chat-person").filter({ hasText: "Ann" });
    await row.getByTestId("remove").click();
    await page.getByTestId("confirm-remove").click();
    const notice = page.getByTestId("removed");
    await notice.waitFor();
    await inEachSize(async () => {
      const [words, all] = [await boxOf(notice.locator("span")), await boxOf(notice)];
      expect(words.right - words.left).toBeGreaterThan((all.right - all.left) / 2);
    });
    await page.getByTestId("let-back").click();
    await page.getByTestId("show-people").click();
  });

  it("leaves nothing in the console", () => {
    expect(viewer.errors).toEqual([]);
  });
});

describe("the people of a chat", () => {
  it("are all seen by keyboard, by a guest too", async () => {
    const { url } = await people.shareLink(session.session_id, { role: "control" });
    const guest = await ViewerPage.open(await newVisitor(browser), url);
    const page = guest.page;
    await guest.shows(PICTURE);
    await new ChatOnPage(page).open();
    await page.getByTestId("show-people").focus();
    await page.keyboard.press("Enter");
    const list = page.getByTestId("chat-people");
    await list.waitFor();
    for (let n = 0; n < 2; n++) await page.keyboard.press("Tab");
    await page.locator('[data-testid="chat-people"]:focus').waitFor();
    await page.keyboard.press("End");
    await page.waitForFunction(() => {
      const list = document.querySelector('[data-testid="chat-people"]');
      const isLong = list !== null && list.scrollHeight > list.clientHeight;
      return isLong && list.scrollTop + list.clientHeight >= list.scrollHeight - 1;
    });
    await page.context().close();
  });
});

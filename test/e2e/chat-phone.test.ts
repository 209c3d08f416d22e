import type { Browser, Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../protocol/api.ts";
import { launchBrowser, ViewerPage } from "../support/browser.ts";
import { ChatOnPage } from "../support/chat-on-page.ts";
import { coloursOf, contrast, SEEN_CONTRAST } from "../support/colours.ts";
import { DesktopStage } from "../support/desktop-stage.ts";
import type { People } from "../support/people.ts";
import type { Rig } from "../support/rig.ts";
import type { RoomMember } from "../support/room-member.ts";
import { knownPicture, type XClient } from "../support/x-client.ts";

const DISPLAY = 54;
const PICTURE = knownPicture(DISPLAY, 640, 480);

const UPRIGHT = { width: 390, height: 844 };
const ON_ITS_SIDE = { width: 844, height: 390 };
/** Also what a keyboard on the screen leaves of larger ones. */
const SMALL = { width: 640, height: 300 };

/** As .button and .touch-key have it: what a finger hits, in CSS pixels. */
const FINGER_PX = 40;

const LEFT = 1;

/** What Chromium logs when a page asks whether a browser is known already, before it takes a use. */
const REFUSED = "Failed to load resource: the server responded with a status of 401 (Unauthorized)";

/** One word of a message, wider than the phone. */
const ADDRESS = "https://example.com/a/long/address/of-a-page/that-has-no-spaces-in-it";

let stage: DesktopStage;
let rig: Rig;
let people: People;
let browser: Browser;
let x: XClient;
let session: Session;
/** Somebody else in the same room. */
let staff: RoomMember;
const others: RoomMember[] = [];

beforeAll(async () => {
  [stage, browser] = await Promise.all([DesktopStage.start(DISPLAY, PICTURE), launchBrowser()]);
  ({ rig, people, x, session } = stage);
  staff = (await stage.room.enterAsStaff()).room;
  staff.onMessage = () => {};
});

afterAll(async () => {
  for (const each of [staff, ...others]) await each?.close();
  await browser?.close();
  await stage?.stop();
});

/** The part of the page that shows something, in CSS pixels from the window's upper left corner. */
type Box = { left: number; top: number; right: number; bottom: number };

describe("a guest on a phone, who chats beside a desktop", () => {
  let phone: ViewerPage;
  let chat: ChatOnPage;
  const said: string[] = [];

  beforeAll(async () => {
    const { url } = await people.shareLink(session.session_id, { role: "control" });
    const visitor = await browser.newContext({
      viewport: UPRIGHT,
      hasTouch: true,
      isMobile: true,
    });
    phone = new ViewerPage(await visitor.newPage());
    chat = new ChatOnPage(phone.page);
    await phone.page.goto(url);
    await phone.shows(PICTURE);
  });

  const part = (testId: string): Locator => phone.page.getByTestId(testId).last();

  const boxOf = (found: Locator): Promise<Box> =>
    found.evaluate((element) => {
      const { left, top, right, bottom } = element.getBoundingClientRect();
      return { left, top, right, bottom };
    });

  /** Whether all of it is in the window, and nothing lies over its middle. */
  const isInView = (found: Locator): Promise<boolean> =>
    found.evaluate((element) => {
      const { left, top, right, bottom } = element.getBoundingClientRect();
      const over = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
      const isInside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
      return isInside && over !== null && element.contains(over);
    });

  /** Waits until it is where it is to stay. */
  const settled = (found: Locator) =>
    found.evaluate(async (element) => {
      await Promise.allSettled(element.getAnimations().map(({ finished }) => finished));
      await new Promise(requestAnimationFrame);
    });

  async function turn(size: { width: number; height: number }): Promise<void> {
    await phone.page.setViewportSize(size);
    await phone.page.waitForFunction(({ width, height }) => {
      const viewer = document.querySelector(".viewer")?.getBoundingClientRect();
      return viewer?.width === width && viewer.height === height;
    }, size);
    await settled(part("chat"));
  }

  /** @returns how often the page itself was scrolled since, the bar out of the window with it */
  const countMoves = async () => {
    const moves = await phone.page.evaluateHandle(() => {
      const moves = { count: 0 };
      const isPage = (target: EventTarget | null) =>
        target === document || (target instanceof Element && target.matches(".viewer, .deck"));
      const count = ({ target }: Event) => {
        if (isPage(target)) moves.count += 1;
      };
      document.addEventListener("scroll", count, true);
      return moves;
    });
    return () => moves.evaluate(({ count }) => count);
  };

  const widthOfPage = () => phone.page.evaluate(() => document.documentElement.scrollWidth);

  async function expectFits(width: number): Promise<void> {
    expect(await widthOfPage()).toBe(width);
    for (const each of ["write", "send", "close-chat", "show-people"]) {
      expect([each, await isInView(part(each))]).toEqual([each, true]);
    }
    const { left, top, right, bottom } = await boxOf(part("send"));
    expect(right - left).toBeGreaterThanOrEqual(FINGER_PX);
    expect(bottom - top).toBeGreaterThanOrEqual(FINGER_PX);
  }

  /** Taps the middle of what is seen of the desktop. */
  async function expectTapArrives(): Promise<void> {
    const before = x.clicks.length;
    const spot = await phone.spot(320, 240);
    await phone.page.touchscreen.tap(spot.pageX, spot.pageY);
    const clicks = (await x.clicked(before + 2)).slice(before);
    const click = { button: LEFT, x: spot.x, y: spot.y };
    expect(clicks).toEqual([
      { ...click, down: true },
      { ...click, down: false },
    ]);
  }

  it("opens it with a tap, and it fits below the desktop, which stays in view", async () => {
    const moved = await countMoves();
    await part("chat-tool").tap();
    await phone.page.locator('[data-testid="chat"][data-link="here"]').waitFor();
    await settled(part("chat"));
    // The field takes the keyboard while the panel still comes up from below the window's edge.
    expect(await moved()).toBe(0);
    await expectFits(UPRIGHT.width);
    const [screen, panel] = [await boxOf(part("screen")), await boxOf(part("chat"))];
    expect(screen.bottom).toBeLessThanOrEqual(panel.top);
    await expectTapArrives();
  });

  it("writes and sends with a tap, and gets an answer", async () => {
    await chat.field.tap();
    await phone.page.keyboard.type("Can you see my screen?");
    await part("send").tap();
    said.push("Can you see my screen?");
    await chat.shows(said);
    staff.say("answer", `Yes. See ${ADDRESS}`);
    said.push(`Yes. See ${ADDRESS}`);
    await chat.shows(said);
    expect(await isInView(part("text"))).toBe(true);
    await expectFits(UPRIGHT.width);
  });

  it("sees whether there is something to send, in light and in dark, and where the keyboard is", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      await phone.page.emulateMedia({ colorScheme });
      const look = async (draft: string) => {
        await chat.field.fill(draft);
        await part("send").focus();
        const colours = await coloursOf(part("send"));
        expect(contrast(colours.icon, colours.face)).toBeGreaterThanOrEqual(SEEN_CONTRAST);
        expect(contrast(colours.ring, colours.around)).toBeGreaterThanOrEqual(SEEN_CONTRAST);
        return colours.face;
      };
      const [idle, ready] = [await look(""), await look("something")];
      expect(contrast(idle, ready)).toBeGreaterThanOrEqual(SEEN_CONTRAST);
    }
    await phone.page.emulateMedia({ colorScheme: "light" });
    await chat.field.fill("");
  });

  it("sees who is here", async () => {
    await part("show-people").tap();
    await phone.page.getByTestId("chat-person").getByText("You (Guest)").waitFor();
    await expectFits(UPRIGHT.width);
    await part("show-people").tap();
    await part("chat-people").waitFor({ state: "detached" });
  });

  it("turns the phone, and still sees what was said last and where to write", async () => {
    for (let n = 1; n <= 20; n++) {
      staff.say(`line ${n}`, `line ${n}`);
      said.push(`line ${n}`);
    }
    await chat.shows(said);
    for (const size of [ON_ITS_SIDE, UPRIGHT]) {
      await turn(size);
      await expectFits(size.width);
      expect(await isInView(part("text"))).toBe(true);
    }
  });

  it("sees what is said in the moment in which the chat gets less room", async () => {
    // Between what the page does about a message and the event of its own scrolling.
    await part("chat").evaluate((panel) => {
      const observer = new MutationObserver(() => {
        observer.disconnect();
        panel.style.height = "20rem";
        panel.getBoundingClientRect();
      });
      observer.observe(panel, { childList: true, subtree: true });
    });
    staff.say("moment", "in that moment");
    said.push("in that moment");
    await chat.shows(said);
    await phone.page.waitForFunction(() => {
      const panel = document.querySelector<HTMLElement>('[data-testid="chat"]');
      return panel?.style.height === "20rem";
    });
    for (let frame = 0; frame < 2; frame++) await settled(part("chat"));
    expect(await isInView(part("text"))).toBe(true);
    await part("chat").evaluate((panel) => panel.style.removeProperty("height"));
  });

  it("writes much while many people are shown: the rest gives way, and where one writes stays in view", async () => {
    for (const name of ["Cleo", "Dan", "Eve", "Fritz"]) {
      others.push((await stage.room.enter(name)).room);
    }
    await part("show-people").tap();
    await phone.page.getByTestId("chat-person").getByText("Fritz").waitFor();
    await chat.field.fill("much\n".repeat(12));
    for (const size of [ON_ITS_SIDE, SMALL, UPRIGHT]) {
      await turn(size);
      await expectFits(size.width);
      for (const name of ["admin", "Fritz"]) {
        const person = phone.page.getByTestId("chat-person").getByText(name);
        await person.scrollIntoViewIfNeeded();
        expect([name, await isInView(person)]).toEqual([name, true]);
      }
    }
    await chat.field.fill("");
    await part("show-people").tap();
  });

  it("closes it with a tap, and has the whole desktop again", async () => {
    const small = await boxOf(part("screen"));
    await part("close-chat").tap();
    await part("chat").waitFor({ state: "detached" });
    const { bottom } = await boxOf(part("screen"));
    expect(bottom).toBeGreaterThan(small.bottom);
    await phone.shows(PICTURE);
    await expectTapArrives();
  });

  it("is told when the session ends, and not that they can come back", async () => {
    await part("chat-tool").tap();
    await phone.page.locator('[data-testid="chat"][data-link="here"]').waitFor();
    await rig.api.endSession(session.session_id);
    await part("chat-link").getByText("The operator ended this session.").waitFor();
    expect(await part("come-back").count()).toBe(0);
  });

  it("leaves nothing in the console", () => {
    expect(phone.errors.filter((error) => error !== REFUSED)).toEqual([]);
  });
});

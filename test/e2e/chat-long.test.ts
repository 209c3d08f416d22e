import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Member } from "../../protocol/chat.ts";
import { launchBrowser, newVisitor, waitForState } from "../support/browser.ts";
import { bearer } from "../support/call.ts";
import { ChatOnPage } from "../support/chat-on-page.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { RoomMember } from "../support/room-member.ts";

/** As web/chat/chat.ts has it: of more than the first at the end of the log, the last stay. */
const MANY_MESSAGES = 600;
const KEPT_MESSAGES = 300;

let rig: Rig;
let browser: Browser;

beforeAll(async () => {
  [rig, browser] = await Promise.all([startRig(), launchBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await rig?.stop();
});

/** A guest's page, and staff who answers without one. */
class Room {
  readonly page: Page;
  readonly chat: ChatOnPage;
  readonly name: string;
  readonly staff: RoomMember;
  /** The guest, as the room knows them. */
  readonly guest: Member;
  #said = 0;

  private constructor(page: Page, name: string, staff: RoomMember, guest: Member) {
    this.page = page;
    this.chat = new ChatOnPage(page);
    this.name = name;
    this.staff = staff;
    this.guest = guest;
  }

  static async open(): Promise<Room> {
    const visitor = await newVisitor(browser);
    const page = await visitor.newPage();
    await page.addInitScript(countDrawn);
    await page.goto(`${rig.edge.url}/support`);
    await waitForState(page, "support-form");
    await page.getByTestId("start-chat").click();
    await page.locator('[data-testid="chat"][data-link="here"]').waitFor();
    const answer = await visitor.request.get(`${rig.edge.url}/api/chat/support`);
    const { room } = (await answer.json()) as { room: string };
    const url = `${rig.edge.url.replace("http", "ws")}/chat-ws?room=${room}`;
    const staff = new RoomMember(url, { headers: bearer(ADMIN_TOKEN) });
    const { members } = await staff.next("welcome");
    staff.onMessage = () => {};
    const guest = members.find(({ role }) => role === "guest");
    if (!guest) throw new Error("The guest is not in the room.");
    return new Room(page, room, staff, guest);
  }

  async close(): Promise<void> {
    await this.staff.close();
    await this.page.context().close();
  }

  /** Staff says so many lines, and the page shows them. */
  async hears(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      this.#said++;
      this.staff.say(`line ${this.#said}`, `line ${this.#said}`);
    }
    await this.text(`line ${this.#said}`).waitFor({ state: "attached" });
  }

  /** So many messages came while the page was away, which comes back for them. */
  async missed(count: number): Promise<void> {
    const query = "SELECT max(rev) AS rev, max(seq) AS seq FROM history";
    const [last] = (await rig.stored("ChatRoom", this.name, query)) as {
      rev: number;
      seq: number;
    }[];
    const { rev, seq } = last ?? { rev: 0, seq: 0 };
    const author = JSON.stringify({ id: "filler", name: "Filler", role: "operator" });
    await rig.stored(
      "ChatRoom",
      this.name,
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
       INSERT INTO history (seq, rev, sender, cid, author, text, at)
       SELECT ${seq} + i, ${rev} + i, 'filler', 'c' || i, '${author}', 'missed ' || i, ${Date.now()}
       FROM n`,
    );
    await rig.evict("ChatRoom", this.name, "close");
    await this.text(`missed ${count}`).waitFor({ state: "attached" });
  }

  text(text: string) {
    return this.page.getByTestId("text").getByText(text, { exact: true });
  }

  shown(): Promise<number> {
    return this.page.getByTestId("text").count();
  }

  /** How many messages were drawn since this was asked last. */
  drawn(): Promise<number> {
    return this.page.evaluate(() => {
      // Put there by the script that counts, of which the page's types know nothing.
      const counted = globalThis as unknown as { drawn: number };
      const { drawn } = counted;
      counted.drawn = 0;
      return drawn;
    });
  }

  /** Scrolls to where a line is at the upper edge. @returns where it is on the screen */
  async scrollTo(text: string): Promise<number> {
    await this.page.evaluate(async (text) => {
      const all = [...document.querySelectorAll('[data-testid="text"]')];
      all.find(({ textContent }) => textContent === text)?.scrollIntoView();
      // The page has heard of it with the frame.
      await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
    }, text);
    return this.top(text);
  }

  top(text: string): Promise<number> {
    return this.text(text).evaluate(async (line) => {
      await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
      return line.getBoundingClientRect().top;
    });
  }
}

/** Each message that is drawn says its time of day, once: to be run in the page before all else. */
function countDrawn(): void {
  const counted = Object.assign(globalThis, { drawn: 0 });
  const say = Date.prototype.toLocaleTimeString;
  Date.prototype.toLocaleTimeString = function (...how: []) {
    counted.drawn++;
    return say.apply(this, how);
  };
}

describe("the lines of a long log", () => {
  let room: Room;

  beforeAll(async () => {
    room = await Room.open();
    await room.hears(60);
  });

  afterAll(() => room?.close());

  it("are drawn only when something in them changes", async () => {
    await room.drawn();
    await room.chat.field.pressSequentially("hello");
    expect(await room.drawn()).toBe(0);
    room.staff.does({ type: "typing" });
    await room.page.getByTestId("typing").getByText("is typing").waitFor();
    const again = new RoomMember(room.staff.socket.url, { headers: bearer(ADMIN_TOKEN) });
    await again.next("welcome");
    await again.close();
    expect(await room.drawn()).toBe(0);
    await room.hears(1);
    expect(await room.drawn()).toBe(1);
    await room.chat.field.press("Enter");
    await room.page.getByTestId("mark").waitFor();
    // One's own, as it was stored and as it was seen; and none of the others.
    expect(await room.drawn()).toBeLessThanOrEqual(3);
  });

  it("stay where their reader is, whatever happens above", async () => {
    const before = await room.scrollTo("line 45");
    const same = async () => expect(Math.abs((await room.top("line 45")) - before)).toBeLessThan(2);
    // As the guest wrote nothing before, the seq of a line is its number.
    room.staff.does({ type: "edit", seq: 30, text: "long ".repeat(200) });
    await room.page.getByText("long long").waitFor();
    await same();
    room.staff.does({ type: "delete", seq: 31 });
    await room.page.getByTestId("deleted").waitFor();
    await same();
    await room.page.setViewportSize({ width: 400, height: 700 });
    await same();
    await room.page.setViewportSize({ width: 1000, height: 700 });
    await same();
  });
});

describe("a page whose chat nobody reads above the end", () => {
  it("forgets the oldest of many that came while it was hidden, and marks the others as new", async () => {
    const room = await Room.open();
    await room.hears(20);
    await room.page.evaluate(() => {
      const chat = document.querySelector<HTMLElement>('[data-testid="chat"]');
      if (!chat) throw new Error("The page has no chat.");
      // A tab that is hidden before it is cut off waits for minutes.
      const hide = () => {
        if (chat.dataset.link === "here") return;
        Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
      };
      new MutationObserver(hide).observe(chat, { attributes: true });
    });
    await room.missed(2 * MANY_MESSAGES);
    const shown = await room.shown();
    expect(shown).toBeGreaterThanOrEqual(KEPT_MESSAGES);
    expect(shown).toBeLessThanOrEqual(MANY_MESSAGES);
    expect(await room.page.title()).toMatch(/^\(99\+\) Support/);
    // Below its day.
    const second = room.page.getByTestId("log").locator("ol > li").nth(1);
    expect(await second.getAttribute("data-testid")).toBe("new-marker");
    await room.close();
  });

  it("keeps them for a reader who is above, in their place, and forgets them when they come down", async () => {
    const room = await Room.open();
    await room.hears(60);
    const before = await room.scrollTo("line 20");
    await room.missed(2 * MANY_MESSAGES);
    expect(Math.abs((await room.top("line 20")) - before)).toBeLessThan(2);
    expect(await room.shown()).toBeGreaterThan(2 * MANY_MESSAGES);
    await room.page.getByTestId("to-news").click();
    await room.text("line 20").waitFor({ state: "detached" });
    expect(await room.shown()).toBeLessThanOrEqual(MANY_MESSAGES);
    await room.close();
  });
});

it("a mute ends on the page when its time is over, though the room says nothing", async () => {
  const room = await Room.open();
  room.staff.does({ type: "mute", member: room.guest.id, seconds: 2 });
  await room.page.getByTestId("chat-link").getByText("An operator muted you").waitFor();
  await room.page.getByTestId("chat-link").getByText("An operator").waitFor({ state: "detached" });
  await room.chat.write("heard again");
  await room.text("heard again").waitFor();
  await room.close();
});

it("two messages in quick succession are both read out, by the names that the page shows", async () => {
  const room = await Room.open();
  await room.hears(2);
  const news = room.page.getByTestId("chat-news").locator("p");
  await news.getByText("line 2").waitFor();
  expect((await news.allTextContents()).join(" ")).toBe("admin says: line 1 admin says: line 2");
  await room.close();
});

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { MAX_CHAT_TEXT_CHARACTERS } from "../../protocol/limits.ts";
import { launchBrowser, newVisitor, signedIn, waitForState } from "../support/browser.ts";
import { bearer } from "../support/call.ts";
import { ChatOnPage, roomSwitch } from "../support/chat-on-page.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { RoomMember } from "../support/room-member.ts";

let rig: Rig;
let browser: Browser;
let page: Page;
let chat: ChatOnPage;

beforeAll(async () => {
  [rig, browser] = await Promise.all([startRig(), launchBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await rig?.stop();
});

/** A guest of their own, in a room of their own. */
beforeEach(async () => {
  page = await (await newVisitor(browser)).newPage();
  chat = new ChatOnPage(page);
  await page.goto(`${rig.edge.url}/support`);
  await page.getByTestId("start-chat").click();
  await isHere();
});

async function isHere(): Promise<void> {
  await waitForState(page, "chat");
  await page.locator('[data-testid="chat"][data-link="here"]').waitFor();
}

async function roomName(): Promise<string> {
  const answer = await page.context().request.get(`${rig.edge.url}/api/chat/support`);
  return (await answer.json()).room;
}

/** Staff in the guest's room, who knows what the guest is called there. */
async function enterAsStaff(): Promise<{ staff: RoomMember; guest: string }> {
  const url = `${rig.edge.url.replace("http", "ws")}/chat-ws?room=${await roomName()}`;
  const staff = new RoomMember(url, { headers: bearer(ADMIN_TOKEN) });
  const { members } = await staff.next("welcome");
  return { staff, guest: members.find(({ role }) => role === "guest")?.id ?? "" };
}

describe("what somebody writes", () => {
  it("stays whole where it is too long, says by how much, and is sent once it fits", async () => {
    const text = "x".repeat(MAX_CHAT_TEXT_CHARACTERS);
    await chat.field.focus();
    // As a paste: what sets the value would pass any limit of the field.
    await page.keyboard.insertText(`${text}yz `);
    const limit = page.getByTestId("too-long");
    await limit.getByText("2 characters too many: a message has at most 4,000.").waitFor();
    // One word as long as that makes the page no wider.
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(page.viewportSize()?.width ?? 0);
    await page.keyboard.press("Enter");
    expect(await chat.field.inputValue()).toBe(`${text}yz `);
    expect(await page.getByTestId("outgoing").count()).toBe(0);
    for (let n = 0; n < 3; n++) await page.keyboard.press("Backspace");
    expect(await limit.textContent()).toBe("");
    await page.keyboard.press("Enter");
    await chat.shows([text]);
  });

  it("is there again after the page was loaded anew, until it is sent", async () => {
    await chat.field.fill("a long story, half written");
    await page.reload();
    await isHere();
    await expect.poll(() => chat.field.inputValue()).toBe("a long story, half written");
    await page.keyboard.press("Enter");
    await chat.shows(["a long story, half written"]);
    await page.reload();
    await isHere();
    await chat.shows(["a long story, half written"]);
    expect(await chat.field.inputValue()).toBe("");
  });

  it("is not sent by the Enter that ends a composition, nor left by its Escape", async () => {
    await chat.field.fill("にほん");
    const left = await chat.field.evaluate((field) => {
      const left: string[] = [];
      document.addEventListener("keydown", ({ key }) => left.push(key));
      const press = (key: string, more: KeyboardEventInit) =>
        field.dispatchEvent(
          new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }),
        );
      // As Safari tells of them, and as the others do.
      for (const key of ["Enter", "Escape"]) press(key, { keyCode: 229 });
      for (const key of ["Enter", "Escape"]) press(key, { isComposing: true });
      return left;
    });
    expect(left).toEqual([]);
    expect(await chat.field.inputValue()).toBe("にほん");
    await page.keyboard.press("Enter");
    await chat.shows(["にほん"]);
  });
});

describe("a change of what somebody wrote", () => {
  const change = async (text: string) => {
    await page.keyboard.press("ArrowUp");
    await page.getByText("Changing a message").waitFor();
    await chat.write(text);
  };

  it("that the room refuses keeps its text, with why, and can be tried again", async () => {
    await chat.write("helo");
    await chat.shows(["helo"]);
    const { staff, guest } = await enterAsStaff();
    staff.does({ type: "mute", member: guest, seconds: 60 });
    await page.getByTestId("chat-link").getByText("An operator muted you").waitFor();
    await change("hello");
    const unsaved = page.getByTestId("unsaved-edit");
    await unsaved.getByText("Your change was not saved. An operator muted you here").waitFor();
    await unsaved.getByText("hello", { exact: true }).waitFor();
    staff.does({ type: "mute", member: guest, seconds: 0 });
    await page.getByTestId("chat-link").getByText("muted").waitFor({ state: "detached" });
    await unsaved.getByTestId("save-again").click();
    await chat.shows(["hello (edited)"]);
    expect(await unsaved.count()).toBe(0);
    await staff.close();
  });

  it("that was made while the chat is away is made when it is back", async () => {
    const room = await roomSwitch(page);
    await page.reload();
    await isHere();
    await chat.write("helo");
    await chat.shows(["helo"]);
    await room.cut();
    await page.locator('[data-testid="chat"][data-link="away"]').waitFor();
    await change("hello");
    await page.getByTestId("waiting-changes").getByText("A change waits").waitFor();
    await room.mend();
    await chat.shows(["hello (edited)"]);
    expect(await page.getByTestId("waiting-changes").textContent()).toBe("");
  });
});

describe("the inbox", () => {
  const UNSEEN = 9;
  let staff: Page;

  beforeEach(async () => {
    staff = await (await signedIn(browser, rig.edge.url, ADMIN_TOKEN)).newPage();
    await staff.setViewportSize({ width: 390, height: 600 });
  });

  const open = async (room: string) => {
    await staff.goto(`${rig.edge.url}/inbox/${room.slice("support:".length)}`);
    await staff.locator('[data-testid="chat"][data-link="here"]').waitFor();
  };
  const titleMatches = (pattern: string) =>
    staff.waitForFunction((pattern) => new RegExp(pattern).test(document.title), pattern);

  it("counts nothing any more, in its title, of a chat that was left", async () => {
    const { staff: colleague } = await enterAsStaff();
    for (let n = 1; n <= 40; n++) colleague.say(`line ${n}`, `line ${n}`);
    await open(await roomName());
    await staff.getByTestId("text").getByText("line 40").waitFor();
    const log = staff.getByTestId("log");
    await log.evaluate((box) => {
      box.scrollTop = 100;
    });
    // More than all who wait in this file: the larger of the two is what the title says.
    for (let n = 0; n < UNSEEN; n++) await chat.write(`unseen ${n}`);
    await titleMatches(`^\\(${UNSEEN}\\) Inbox`);
    await staff.getByTestId("to-list").click();
    await titleMatches(`^\\([1-${UNSEEN - 1}]\\) Inbox`);
    await colleague.close();
    await staff.context().close();
  });

  it("keeps what is half written in a chat while another one is open", async () => {
    const [first, second] = [await roomName(), await otherRoom()];
    const staffChat = new ChatOnPage(staff);
    await open(first);
    await staffChat.field.fill("for the first one");
    await open(second);
    expect(await staffChat.field.inputValue()).toBe("");
    await staffChat.field.fill("for the second one");
    await open(first);
    await expect.poll(() => staffChat.field.inputValue()).toBe("for the first one");
    await staff.context().close();
  });
});

async function otherRoom(): Promise<string> {
  const context = await newVisitor(browser);
  const answer = await context.request.post(`${rig.edge.url}/api/chat/support`, { data: {} });
  const { room } = await answer.json();
  await context.close();
  return room;
}

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser, newVisitor, waitForState } from "../support/browser.ts";
import { bearer } from "../support/call.ts";
import { ChatOnPage } from "../support/chat-on-page.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { RoomMember } from "../support/room-member.ts";

let rig: Rig;
let browser: Browser;

beforeAll(async () => {
  [rig, browser] = await Promise.all([startRig(), launchBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await rig?.stop();
});

describe("the page of a guest who was removed", () => {
  let page: Page;
  let chat: ChatOnPage;
  let staff: RoomMember;
  let guest: string;

  beforeAll(async () => {
    page = await (await newVisitor(browser)).newPage();
    chat = new ChatOnPage(page);
    await page.goto(`${rig.edge.url}/support`);
    await page.getByTestId("start-chat").click();
    await chat.write("Hello?");
    await chat.shows(["Hello?"]);
    await page.getByTestId("outgoing").waitFor({ state: "detached" });
    const answer = await page.context().request.get(`${rig.edge.url}/api/chat/support`);
    const url = `${rig.edge.url.replace("http", "ws")}/chat-ws?room=${(await answer.json()).room}`;
    staff = new RoomMember(url, { headers: bearer(ADMIN_TOKEN) });
    const { members } = await staff.next("welcome");
    guest = members.find(({ role }) => role === "guest")?.id ?? "";
  });

  afterAll(async () => {
    await staff?.close();
  });

  // As the browser's own language has it, in its own time zone.
  const UNTIL = /removed you .*, until [A-Z][a-z]{2} \d+, \d{4}, \d+:\d\d\s[AP]M\.$/;
  const reason = () => page.getByTestId("chat-link").getByText(UNTIL);

  /** Waits until the room has answered one more dial. */
  async function triesAgain(): Promise<void> {
    const dialled = page.waitForEvent("websocket");
    await page.getByTestId("come-back").click();
    await (await dialled).waitForEvent("close");
  }

  it("says so and until when, and that nothing can be written", async () => {
    staff.does({ type: "remove", member: guest });
    await reason().waitFor();
    await chat.shows(["Hello?"]);
    expect(await chat.field.getAttribute("placeholder")).toBe("You cannot write here now");
    expect(await page.getByTestId("shut-out").count()).toBe(0);
  });

  it("says when it is loaded again why it shows nothing, too, and what can be done", async () => {
    await page.reload();
    await waitForState(page, "chat");
    await reason().waitFor();
    await page.getByTestId("shut-out").getByText("What was said here is not shown").waitFor();
    // It knows nothing of who is there.
    expect(await page.getByTestId("show-people").count()).toBe(0);
    await triesAgain();
    await reason().waitFor();
  });

  it("is let in by a button, as soon as it may, and goes on with what was said", async () => {
    staff.does({ type: "remove", member: guest, seconds: 0 });
    // The room answers in the order of what it is asked: that was done before this is seen.
    staff.say("back", "You may come back");
    await staff.next("ack");
    await page.getByTestId("come-back").click();
    await chat.shows(["Hello?", "You may come back"]);
    await page.getByTestId("come-back").waitFor({ state: "detached" });
    await page.locator('[data-testid="write"]:focus').waitFor();
    await page.keyboard.type("Thank you");
    await page.keyboard.press("Enter");
    await chat.shows(["Hello?", "You may come back", "Thank you"]);
  });
});

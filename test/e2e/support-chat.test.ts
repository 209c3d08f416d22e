import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SupportRoom } from "../../protocol/chat.ts";
import {
  collectErrors,
  launchBrowser,
  newVisitor,
  signedIn,
  waitForState,
} from "../support/browser.ts";
import { ChatOnPage } from "../support/chat-on-page.ts";
import { present } from "../support/chat-rooms.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { RoomMember } from "../support/room-member.ts";

/** What Chromium logs when a page asks whether this browser has a chat already. */
const NO_ROOM = "Failed to load resource: the server responded with a status of 404 (Not Found)";

let rig: Rig;
let browser: Browser;

beforeAll(async () => {
  [rig, browser] = await Promise.all([startRig(), launchBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await rig?.stop();
});

describe("a guest on /support and an operator on /inbox", () => {
  let guest: Page;
  let staff: Page;
  let guestChat: ChatOnPage;
  let staffChat: ChatOnPage;
  let errors: string[];
  const said: string[] = [];

  beforeAll(async () => {
    guest = await (await newVisitor(browser)).newPage();
    staff = await (await signedIn(browser, rig.edge.url, ADMIN_TOKEN)).newPage();
    errors = collectErrors(staff);
    guestChat = new ChatOnPage(guest);
    staffChat = new ChatOnPage(staff);
  });

  async function says(chat: ChatOnPage, text: string): Promise<void> {
    await chat.write(text);
    said.push(text);
    for (const each of [guestChat, staffChat]) await each.shows(said);
  }

  it("an empty inbox says so, and is reached from the overview", async () => {
    await staff.goto(rig.edge.url);
    await waitForState(staff, "ready");
    await staff.getByTestId("to-inbox").click();
    await staff.getByTestId("no-rooms").getByText("No chat is open.").waitFor();
    expect(new URL(staff.url()).pathname).toBe("/inbox");
  });

  it("the guest opens a chat with a name, and waits in the inbox", async () => {
    await guest.goto(`${rig.edge.url}/support`);
    await waitForState(guest, "support-form");
    await guest.getByTestId("name").fill("Gina");
    await guest.getByTestId("name").press("Enter");
    await waitForState(guest, "chat");
    await guestChat.write("My server does not start.");
    said.push("My server does not start.");
    await guest.getByTestId("room-state").getByText("waits for an answer").waitFor();
    const entry = staff.getByTestId("room").filter({ hasText: "Gina" });
    await entry.getByTestId("waits").getByText("waits for").waitFor();
    expect(await entry.getByTestId("unread").textContent()).toContain("1");
    await staff.getByTestId("waiting-count").getByText("1 waits").waitFor();
    expect(await staff.title()).toMatch(/^\(1\) Inbox/);
  });

  it("the operator opens it beside the list, claims it and answers", async () => {
    await staff.getByTestId("room").click();
    await staffChat.shows(said);
    await staff.getByTestId("unread").waitFor({ state: "detached" });
    await staff.getByTestId("claim").getByText("Claim").click();
    await guest.getByTestId("room-state").getByText("admin takes care of you.").waitFor();
    await staff.getByTestId("rooms").getByText("yours").waitFor();
    await says(staffChat, "Let me have a look.");
    await staff.getByTestId("waits").waitFor({ state: "detached" });
  });

  it("the guest loads the page again and is still there", async () => {
    await guest.reload();
    await waitForState(guest, "chat");
    await guestChat.shows(said);
    await says(guestChat, "Thank you!");
    await says(staffChat, "It runs again.");
  });

  it("the operator closes it, and the guest's next message opens it again", async () => {
    await staff.getByTestId("close-room").click();
    await guest.getByTestId("room-state").getByText("This chat was closed.").waitFor();
    await staff.getByRole("radio", { name: "Closed" }).check();
    await staff.getByTestId("room").filter({ hasText: "Gina" }).waitFor();
    await says(guestChat, "One more thing");
    await staff.getByRole("radio", { name: "Waiting" }).check();
    await staff.getByTestId("room").filter({ hasText: "One more thing" }).waitFor();
    await staff.getByTestId("claim").waitFor();
  });

  it("the operator closes it and opens it again by keyboard, which stays where it is", async () => {
    await staff.getByTestId("close-room").focus();
    await staff.keyboard.press("Enter");
    await guest.getByTestId("room-state").getByText("This chat was closed.").waitFor();
    await staff.getByTestId("reopen-room").waitFor();
    await staff.keyboard.press("Enter");
    await guest.getByTestId("room-state").getByText("This chat was closed.").waitFor({
      state: "detached",
    });
    await staff.getByRole("radio", { name: "Open" }).check();
    await staff.getByTestId("room").filter({ hasText: "Gina" }).waitFor();
  });

  it("both are on a phone: the list, then one chat, and back", async () => {
    await staff.setViewportSize({ width: 390, height: 844 });
    await staff.getByTestId("to-list").click();
    await staff.getByTestId("room").click();
    await staffChat.shows(said);
    expect(await staff.getByTestId("rooms").isVisible()).toBe(false);
    await staff.getByTestId("close-room").click();
    await staff.getByTestId("reopen-room").click();
    await staff.getByTestId("close-room").waitFor();
  });

  it("leave nothing in the operator's console", () => {
    expect(errors).toEqual([]);
  });
});

describe("an inbox with more chats than a page holds", () => {
  /** One more than web/inbox/look.ts reads at first. */
  const ROOMS = 51;
  /** As worker/objects/registry/support-rooms.ts has it. */
  const ROOMS_PER_ADDRESS = 10;

  async function openRoom(n: number): Promise<void> {
    const from = `127.0.2.${1 + Math.floor(n / ROOMS_PER_ADDRESS)}`;
    const people = new People(rig);
    const body = { name: `Guest ${n}` };
    const made = people.call("/api/chat/support", { method: "POST", body, headers: {}, from });
    const answer = await people.wanted(201, made);
    const { room } = answer.json<SupportRoom>();
    const url = `${rig.edge.url.replace("http", "ws")}/chat-ws?room=${room}`;
    const headers = people.browser(answer.cookie);
    const { room: guest } = await present(new RoomMember(url, { headers }));
    guest.say("a", `question ${n}`);
    await guest.next("ack");
    await guest.close();
  }

  it("shows them as they come, and the rest on request", async () => {
    const staff = await (await signedIn(browser, rig.edge.url, ADMIN_TOKEN)).newPage();
    await staff.goto(`${rig.edge.url}/inbox`);
    await waitForState(staff, "ready");
    const entry = (n: number) => staff.getByTestId("room").filter({ hasText: `question ${n}` });
    await openRoom(0);
    await entry(0).waitFor();
    for (let n = 1; n < ROOMS; n++) await openRoom(n);
    await entry(ROOMS - 1).waitFor();
    await staff.getByTestId("more-rooms").click();
    await entry(0).waitFor();
    expect(await staff.getByTestId("waiting-count").textContent()).toBe("50+ wait");
    await openRoom(ROOMS);
    await entry(ROOMS).waitFor();
    await entry(0).waitFor();
    await staff.context().close();
  });
});

describe("those who may not", () => {
  it("a guest without a name is called Guest, and finds nobody else's chat", async () => {
    const page = await (await newVisitor(browser)).newPage();
    const errors = collectErrors(page);
    await page.goto(`${rig.edge.url}/support`);
    await page.getByTestId("start-chat").click();
    await waitForState(page, "chat");
    await page.getByTestId("nothing-said").waitFor();
    await page.getByTestId("show-people").click();
    await page.getByTestId("chat-person").getByText("You (Guest)").waitFor();
    expect(errors.filter((error) => error !== NO_ROOM)).toEqual([]);
  });

  it("a viewer is told that the inbox is the operators'", async () => {
    const { key } = await new People(rig).key("viewer");
    const headers = { authorization: `Bearer ${key}` };
    const context = await browser.newContext({ extraHTTPHeaders: headers });
    const page = await context.newPage();
    await page.goto(`${rig.edge.url}/inbox`);
    await waitForState(page, "error");
    expect(await page.getByTestId("reason").textContent()).toMatch(/operator/i);
    await context.close();
  });

  it("who is not signed in is led to the sign-in, and back to the chat", async () => {
    const page = await (await newVisitor(browser)).newPage();
    await page.goto(`${rig.edge.url}/inbox/abc`);
    await waitForState(page, "sign-in");
    expect(new URL(page.url()).searchParams.get("next")).toBe("/inbox/abc");
  });
});

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../protocol/api.ts";
import { launchBrowser, newVisitor, signedIn, ViewerPage } from "../support/browser.ts";
import { bearer } from "../support/call.ts";
import { ChatOnPage, roomSwitch } from "../support/chat-on-page.ts";
import { DesktopStage } from "../support/desktop-stage.ts";
import type { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig } from "../support/rig.ts";
import type { RoomMember } from "../support/room-member.ts";
import { knownPicture, type XClient } from "../support/x-client.ts";

const DISPLAY = 53;
const PICTURE = knownPicture(DISPLAY, 640, 480);
/** What somebody goes on typing; a space would press a button. */
const TYPED = "no-keep-it";

let stage: DesktopStage;
let rig: Rig;
let people: People;
let browser: Browser;
let x: XClient;
let session: Session;
/** Somebody else of the staff, in the same room. */
let staff: RoomMember;
/** All that the desktop was meant to get. */
let meant = "";

beforeAll(async () => {
  [stage, browser] = await Promise.all([DesktopStage.start(DISPLAY, PICTURE), launchBrowser()]);
  ({ rig, people, x, session } = stage);
  staff = (await stage.room.enterAsStaff()).room;
  staff.onMessage = () => {};
});

afterAll(async () => {
  await staff?.close();
  await browser?.close();
  await stage?.stop();
});

/** A person with the chat open beside the desktop. */
class Person {
  readonly viewer: ViewerPage;
  readonly chat: ChatOnPage;
  readonly room: Awaited<ReturnType<typeof roomSwitch>>;

  private constructor(viewer: ViewerPage, room: Person["room"]) {
    this.viewer = viewer;
    this.chat = new ChatOnPage(viewer.page);
    this.room = room;
  }

  static async open(viewer: ViewerPage, url: string): Promise<Person> {
    const room = await roomSwitch(viewer.page);
    await viewer.page.goto(url);
    await viewer.shows(PICTURE);
    const person = new Person(viewer, room);
    await person.chat.open();
    return person;
  }

  /** Presses a button as those do who have no mouse. */
  async press(testId: string): Promise<void> {
    await this.viewer.page.getByTestId(testId).last().focus();
    await this.viewer.page.keyboard.press("Enter");
  }

  /** Waits until that has the keyboard. */
  async holds(testId: string): Promise<void> {
    await this.viewer.page.locator(`[data-testid="${testId}"]:focus`).waitFor();
  }

  async dropDesktop(): Promise<void> {
    await this.room.dropDesktop();
    await this.viewer.state("reconnecting");
    await this.viewer.shows(PICTURE);
  }

  /** Goes on typing as the desktop comes back, which takes the keyboard if nobody has it. */
  async goesOnTyping(): Promise<void> {
    await this.dropDesktop();
    await this.viewer.type(TYPED);
    await this.expectNothingTyped();
  }

  /** Types on the desktop: what went there before would come first. */
  async expectNothingTyped(): Promise<void> {
    await this.viewer.page.locator('[data-testid="screen"] canvas').focus();
    await this.viewer.type("end");
    meant += "end";
    expect(await x.typed(meant.length)).toBe(meant);
  }
}

describe("beside a desktop that comes back, the keys of a guest stay in the chat", () => {
  let ben: Person;

  beforeAll(async () => {
    const { url } = await people.shareLink(session.session_id, { role: "control" });
    const page = await (await newVisitor(browser)).newPage();
    ben = await Person.open(new ViewerPage(page), url);
  });

  let count = 0;
  beforeEach(async () => {
    const text = `message ${++count}`;
    await ben.chat.write(text);
    await ben.viewer.page.getByTestId("text").getByText(text, { exact: true }).waitFor();
    await ben.viewer.page.getByTestId("outgoing").waitFor({ state: "detached" });
  });

  it("after Delete was pressed: the way out of it has them", async () => {
    await ben.press("delete");
    await ben.holds("keep");
    await ben.goesOnTyping();
    await ben.press("keep");
    await ben.viewer.page.getByTestId("keep").waitFor({ state: "detached" });
  });

  it("after the way out was taken, by its button or by Escape: Delete has them again", async () => {
    await ben.press("delete");
    await ben.press("keep");
    await ben.holds("delete");
    await ben.viewer.page.keyboard.press("Enter");
    await ben.holds("keep");
    await ben.viewer.page.keyboard.press("Escape");
    await ben.holds("delete");
    await ben.viewer.page.getByTestId("keep").waitFor({ state: "detached" });
    await ben.goesOnTyping();
  });

  it("after a message was deleted: what stands in its place has them", async () => {
    await ben.press("delete");
    await ben.press("confirm-delete");
    await ben.holds("deleted");
    await ben.goesOnTyping();
  });

  it("after somebody else deleted the message whose button had them", async () => {
    const page = ben.viewer.page;
    await page.getByTestId("edit").last().focus();
    const seq = Number(await page.getByTestId("message").last().getAttribute("data-seq"));
    staff.does({ type: "delete", seq });
    await ben.holds("deleted");
    await ben.goesOnTyping();
  });

  it("while the chat is away: the button that has them stays, and what it was pressed for waits", async () => {
    await ben.viewer.page.getByTestId("delete").last().focus();
    await ben.room.cut();
    await ben.viewer.page.getByTestId("chat-link").getByText("The chat is away.").waitFor();
    await ben.holds("delete");
    await ben.press("delete");
    await ben.press("confirm-delete");
    const waiting = ben.viewer.page.getByTestId("waiting-changes");
    await waiting.getByText("A change waits until the chat is back.").waitFor();
    await ben.goesOnTyping();
    await ben.room.mend();
    await ben.viewer.page.locator('[data-testid="chat"][data-link="here"]').waitFor();
    await ben.viewer.page
      .getByText(`message ${count}`, { exact: true })
      .waitFor({ state: "detached" });
  });

  it("after a message that was not sent is tried again, and after it is removed: the field has them", async () => {
    const page = ben.viewer.page;
    const me = await memberCalled("Guest");
    staff.does({ type: "mute", member: me, seconds: 600 });
    await page.getByTestId("chat-link").getByText("An operator muted you").waitFor();
    await ben.chat.write("unheard");
    await page.getByTestId("try-again").waitFor();
    await ben.press("try-again");
    await ben.holds("write");
    await ben.press("discard");
    await ben.holds("write");
    await page.getByTestId("discard").waitFor({ state: "detached" });
    await ben.goesOnTyping();
    expect(await ben.chat.field.inputValue()).toBe(TYPED);
    await ben.chat.field.fill("");
    staff.does({ type: "mute", member: me, seconds: 0 });
    await page.getByTestId("chat-link").getByText("An operator").waitFor({ state: "detached" });
  });

  it("after something in the chat was pressed that is no button", async () => {
    await ben.viewer.page.getByRole("heading", { name: "Chat" }).click();
    await ben.goesOnTyping();
  });

  it("after the chat was closed while the bar is hidden: what shows it has them", async () => {
    await ben.viewer.page.getByTestId("hide-toolbar").click();
    await ben.chat.field.focus();
    await ben.viewer.page.keyboard.press("Escape");
    await ben.holds("show-toolbar");
    await ben.viewer.type(TYPED);
    await ben.expectNothingTyped();
    await ben.viewer.page.getByTestId("show-toolbar").click();
    await ben.chat.open();
  });
});

describe("the keys of staff stay in the chat", () => {
  it("after somebody was removed: the list of people has them; after they are let back, the field", async () => {
    const visitor = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
    const ann = await Person.open(new ViewerPage(await visitor.newPage()), session.view_url);
    const page = ann.viewer.page;
    const cleo = people.chat(session.session_id, {
      ticket: await people.ticket(session.session_id, bearer(ADMIN_TOKEN), { name: "Cleo" }),
    });
    await cleo.next("welcome");
    await page.getByTestId("show-people").click();
    const row = page.getByTestId("chat-person").filter({ hasText: "Cleo" });
    await row.getByTestId("remove").focus();
    await page.keyboard.press("Enter");
    await ann.holds("keep");
    await ann.press("confirm-remove");
    await ann.holds("chat-people");
    await ann.goesOnTyping();
    await page.getByTestId("removed").getByText("You removed Cleo for an hour.").waitFor();
    await ann.press("let-back");
    await ann.holds("write");
    await ann.goesOnTyping();
    await visitor.close();
  });
});

/** The id of somebody who is in the room. */
async function memberCalled(name: string): Promise<string> {
  const { room } = await stage.room.enterAsStaff();
  // Everybody is told who is here when somebody is let speak, too.
  room.does({ type: "mute", member: "nobody", seconds: 0 });
  const { members } = await room.next("presence");
  await room.close();
  const found = members.find((member) => member.name === name);
  if (!found) throw new Error(`Nobody here is called ${name}.`);
  return found.id;
}

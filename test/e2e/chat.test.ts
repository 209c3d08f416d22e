import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../protocol/api.ts";
import { launchBrowser, newVisitor, signedIn, ViewerPage } from "../support/browser.ts";
import { bearer } from "../support/call.ts";
import { ChatOnPage, roomSwitch } from "../support/chat-on-page.ts";
import { DesktopStage } from "../support/desktop-stage.ts";
import type { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig } from "../support/rig.ts";
import { knownPicture, type XClient } from "../support/x-client.ts";

const DISPLAY = 48;
const PICTURE = knownPicture(DISPLAY, 640, 480);
const REFUSED = "Failed to load resource: the server responded with a status of 401 (Unauthorized)";

let stage: DesktopStage;
let rig: Rig;
let people: People;
/** Two browsers: two people with nothing in common but the desktop and its chat. */
let browsers: [Browser, Browser];
let x: XClient;
let session: Session;

beforeAll(async () => {
  [stage, browsers] = await Promise.all([
    DesktopStage.start(DISPLAY, PICTURE),
    Promise.all([launchBrowser(), launchBrowser()]),
  ]);
  ({ rig, people, x, session } = stage);
});

afterAll(async () => {
  for (const browser of browsers ?? []) await browser.close();
  await stage?.stop();
});

describe("two browsers that watch one desktop and chat", () => {
  let ann: ViewerPage;
  let ben: ViewerPage;
  let annsChat: ChatOnPage;
  let bensChat: ChatOnPage;
  /** Ben's way to the chat. */
  let room: Awaited<ReturnType<typeof roomSwitch>>;
  /** All that was said, in its order. */
  const said: string[] = [];

  beforeAll(async () => {
    const operator = await signedIn(browsers[0], rig.edge.url, ADMIN_TOKEN);
    ann = await ViewerPage.open(operator, session.view_url);
    await ann.shows(PICTURE);
    const { url } = await people.shareLink(session.session_id, { role: "control" });
    ben = new ViewerPage(await (await newVisitor(browsers[1])).newPage());
    room = await roomSwitch(ben.page);
    await ben.page.goto(url);
    await ben.shows(PICTURE);
    annsChat = new ChatOnPage(ann.page);
    bensChat = new ChatOnPage(ben.page);
  });

  async function says(chat: ChatOnPage, text: string): Promise<void> {
    await chat.write(text);
    said.push(text);
    for (const each of [annsChat, bensChat]) await each.shows(said);
  }

  it("a message to somebody whose chat is closed shows on the tool, in the title, and is read out once", async () => {
    await annsChat.open();
    await annsChat.write("Can you see this?");
    said.push("Can you see this?");
    await ben.page.getByTestId("unseen").getByText("1", { exact: true }).waitFor();
    expect(await ben.page.title()).toMatch(/^\(1\) /);
    const region = ben.page.getByTestId("chat-news");
    expect(await region.textContent()).toBe("admin says: Can you see this?");
    await bensChat.open();
    await bensChat.shows(said);
    await ben.page.getByTestId("new-marker").waitFor();
    await ben.page.getByTestId("unseen").waitFor({ state: "detached" });
    expect(await ben.page.title()).not.toMatch(/^\(/);
    await ann.page.getByTestId("mark").getByText("Seen by Guest").waitFor();
  });

  it("an answer arrives, and its author is said to type before", async () => {
    await bensChat.field.pressSequentially("Y");
    await ann.page.getByTestId("typing").getByText("Guest is typing…").waitFor();
    await bensChat.field.fill("");
    await says(bensChat, "Yes, all of it");
    await ann.page.getByTestId("author").getByText("Guest").waitFor();
  });

  it("what is typed in the chat does not reach the desktop, and what is typed on it does", async () => {
    await bensChat.field.focus();
    await ben.type("Secret words, 123!");
    await ben.page.keyboard.press("Shift+Enter");
    await ben.type("second line");
    await ben.page.keyboard.press("Enter");
    said.push("Secret words, 123!\nsecond line");
    await annsChat.shows(said);
    // The desktop comes back while somebody writes: it does not take the keyboard.
    await room.dropDesktop();
    await ben.state("reconnecting");
    await ben.shows(PICTURE);
    await ben.type("more secrets");
    expect(await bensChat.field.inputValue()).toBe("more secrets");
    await bensChat.field.fill("");
    // Who closes the chat and goes on typing does not type on the desktop.
    await ben.page.keyboard.press("Escape");
    await ben.type("lost");
    await bensChat.open();
    await ben.page.locator('[data-testid="screen"] canvas').focus();
    await ben.type("on the desktop");
    expect(await x.typed("on the desktop".length)).toBe("on the desktop");
  });

  it("a page that is loaded again has all that was said, once", async () => {
    await ben.page.reload();
    await ben.shows(PICTURE);
    await bensChat.open();
    await bensChat.shows(said);
    await says(annsChat, "Welcome back");
  });

  it("what is written while the socket is cut arrives once, in its order, when it is back", async () => {
    await room.cut();
    await ben.page.getByTestId("chat-link").getByText("The chat is away.").waitFor();
    await bensChat.write("from the tunnel");
    await ben.page.getByTestId("outgoing").getByText("Waiting until the chat is back…").waitFor();
    await annsChat.write("nobody hears me");
    said.push("nobody hears me", "from the tunnel");
    await room.mend();
    for (const each of [annsChat, bensChat]) await each.shows(said);
    expect(await ben.page.getByTestId("outgoing").count()).toBe(0);
  });

  it("what was on its way as the page was loaded again is sent, once", async () => {
    await room.cut();
    await ben.page.getByTestId("chat-link").getByText("The chat is away.").waitFor();
    await bensChat.write("before I reload");
    said.push("before I reload");
    await ben.page.reload();
    await ben.shows(PICTURE);
    await bensChat.open();
    for (const each of [annsChat, bensChat]) await each.shows(said);
  });

  it("one's own message is changed by keyboard and deleted, for everybody", async () => {
    await bensChat.field.focus();
    await ben.page.keyboard.press("ArrowUp");
    await ben.page.waitForFunction(() => {
      const field = document.activeElement;
      return field instanceof HTMLTextAreaElement && field.value === "before I reload";
    });
    await ben.type(" (done)");
    await ben.page.keyboard.press("Enter");
    said[said.length - 1] = "before I reload (done)";
    for (const each of [annsChat, bensChat]) await each.shows(said, " (edited)");
    await ben.page.getByTestId("message").last().hover();
    await ben.page.getByTestId("delete").last().click();
    await ben.page.getByTestId("confirm-delete").click();
    said.pop();
    await ann.page.getByTestId("deleted").waitFor();
    for (const each of [annsChat, bensChat]) await each.shows(said);
  });

  it("a link is one that cannot reach back, and markup is text", async () => {
    await says(bensChat, "<b onclick=alert(1)>see</b> https://example.com/a?b=c.");
    const link = ann.page.getByTestId("text").last().locator("a");
    expect(await link.getAttribute("href")).toBe("https://example.com/a?b=c");
    expect(await link.getAttribute("rel")).toBe("noopener noreferrer");
    expect(await link.getAttribute("target")).toBe("_blank");
    expect(await ann.page.getByTestId("text").last().locator("b").count()).toBe(0);
  });

  it("who is muted is told why their message was not sent, and can send it when they may", async () => {
    await ann.page.getByTestId("show-people").click();
    await ann.page.getByTestId("mute").click();
    await ben.page.getByTestId("chat-link").getByText("An operator muted you").waitFor();
    await bensChat.write("let me speak");
    await ben.page.getByTestId("outgoing").getByText("Not sent. ").waitFor();
    await ann.page.getByTestId("mute").getByText("Unmute").click();
    await ben.page.getByTestId("chat-link").getByText("An operator").waitFor({ state: "detached" });
    await ben.page.getByTestId("try-again").click();
    said.push("let me speak");
    for (const each of [annsChat, bensChat]) await each.shows(said);
  });

  it("older messages load while the reader keeps their place", async () => {
    const writer = people.chat(session.session_id, bearer(ADMIN_TOKEN));
    await writer.next("welcome");
    for (let n = 1; n <= 90; n++) {
      writer.say(`line ${n}`, `line ${n}`);
      said.push(`line ${n}`);
    }
    await annsChat.shows(said);
    writer.socket.close();
    await ben.page.reload();
    await ben.shows(PICTURE);
    await bensChat.open();
    await bensChat.shows(said.slice(-50));
    // However far Ben had read before the reload: who says something has seen what is above.
    await bensChat.write("all read");
    await ben.page.getByTestId("outgoing").waitFor({ state: "detached" });
    said.push("all read");
    await bensChat.shows(said.slice(-51));
    const { before, after } = await bensChat.scrollToStart("line 41");
    expect(Math.abs(after - before)).toBeLessThan(2);
    await annsChat.write("news below");
    await ben.page.getByTestId("to-news").getByText("1 new message").click();
    await ben.page.getByTestId("to-news").waitFor({ state: "detached" });
  });

  it("who was removed is told so, in a sentence; whoever did it was asked, and can let them back in", async () => {
    await ann.page.getByTestId("remove").click();
    await ann.page.getByText("Remove Guest from this chat for an hour?").waitFor();
    await ann.page.getByTestId("keep").click();
    await ann.page.getByTestId("confirm-remove").waitFor({ state: "detached" });
    await ann.page.getByTestId("remove").click();
    await ann.page.getByTestId("confirm-remove").click();
    await ben.page.getByTestId("chat-link").getByText("removed you from this room").waitFor();
    // The way back stays while the chat is closed.
    await ann.page.getByTestId("close-chat").click();
    await annsChat.open();
    await ann.page.getByTestId("removed").getByText("You removed Guest for an hour.").waitFor();
    await ann.page.getByTestId("let-back").click();
    await ann.page.getByTestId("removed").waitFor({ state: "detached" });
    await ben.page.reload();
    await ben.shows(PICTURE);
    await bensChat.open();
  });

  it("leave nothing in the consoles of their pages", () => {
    expect(ann.errors).toEqual([]);
    expect(ben.errors.filter((error) => error !== REFUSED)).toEqual([]);
  });
});

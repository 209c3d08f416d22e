import { appendFileSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, WebSocket as PageSocket } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startDemo } from "../../demo/server.ts";
import { ROOT } from "../../scripts/tool.ts";
import { launchBrowser, newVisitor, ViewerPage } from "../support/browser.ts";
import { isFree, Porthole } from "../support/porthole.ts";
import { ADMIN_TOKEN } from "../support/rig.ts";

declare global {
  interface Window {
    /** What a test keeps in the page; a page that is loaded anew has lost it. */
    kept?: WebSocket;
  }
}

let porthole: Porthole;
let browser: Browser;
let visitor: BrowserContext;
let viewer: ViewerPage;
/** Those of the viewer's page, in the order in which it opened them. */
const sockets: PageSocket[] = [];

beforeAll(async () => {
  porthole = await Porthole.create({ script: "dev", env: { ADMIN_TOKEN } });
  let link: string;
  [link, browser] = await Promise.all([porthole.start(), launchBrowser()]);
  visitor = await newVisitor(browser);
  viewer = new ViewerPage(await visitor.newPage());
  viewer.page.on("websocket", (socket) => sockets.push(socket));
  await viewer.page.goto(link);
  await viewer.state("connected");
});

afterAll(async () => {
  await browser?.close();
  await porthole?.dispose();
});

const edits: Edit[] = [];
const undoEdits = () => {
  for (const edit of edits.splice(0)) edit.undo();
};
afterEach(undoEdits);

/** A line at the end of a file of the project, and nothing else of it: someone may be writing there. */
class Edit {
  readonly #file: string;
  readonly #line: string;
  readonly #before: { text: string; atime: Date; mtime: Date };

  constructor(path: string, line: string) {
    this.#file = join(ROOT, path);
    this.#line = `${line}\n`;
    const { atime, mtime } = statSync(this.#file);
    this.#before = { text: readFileSync(this.#file, "utf8"), atime, mtime };
    appendFileSync(this.#file, this.#line);
    edits.push(this);
  }

  /** Takes the line out again. */
  undo(): void {
    const text = readFileSync(this.#file, "utf8");
    if (!text.includes(this.#line)) return;
    writeFileSync(this.#file, text.replace(this.#line, ""));
    const { text: before, atime, mtime } = this.#before;
    // What was built before the test is up to date after it.
    if (readFileSync(this.#file, "utf8") === before) utimesSync(this.#file, atime, mtime);
  }
}

describe("npm run dev, on one port", () => {
  it("carries the hot-reload socket, a desktop and a chat side by side", async () => {
    await openChat();
    expect(await sendChat("one")).toBe(1);
    await expect.poll(openSockets, { timeout: 30_000 }).toEqual(ALL_SOCKETS);
    expect(sockets.map((socket) => new URL(socket.url()).port)).toEqual(
      sockets.map(() => String(porthole.port)),
    );
    await expectDesktopAnswers();
  });

  it("shows a changed style without ending the stream or the chat, again and again", async () => {
    const change = async (file: string) => {
      const edit = new Edit(file, `:root { --changed-by-test: "${file}"; }`);
      await styleIs(`"${file}"`);
      await expectDesktopAnswers();
      return edit;
    };
    const first = await change("web/style.css");
    const second = await change("web/viewer/viewer.css");
    // One at a time: what is shown in between says that each was taken up.
    second.undo();
    await styleIs('"web/style.css"');
    first.undo();
    await styleIs("");
    await expectDesktopAnswers();
    expect(await sendChat("two")).toBe(2);
    // The same as before the changes: none was closed, none was opened.
    expect(openSockets()).toEqual(ALL_SOCKETS);
    expect(sockets).toHaveLength(ALL_SOCKETS.length);
    expect(viewer.errors).toEqual([]);
  });

  it("takes up a changed Worker, after which the desktop comes back by itself", async () => {
    const redialled = viewer.page.waitForEvent("websocket", (socket) =>
      socket.url().includes("/vnc-stream/"),
    );
    new Edit("worker/log.ts", "// changed by a test");
    await porthole.line("the Worker was built again");
    await redialled;
    await viewer.state("connected");
    await expectDesktopAnswers();
    undoEdits();
    await porthole.line("the Worker was built again", 2);
  });

  it("ends everything on Ctrl-C", async () => {
    expect(await porthole.interrupt()).toBe(0);
    await porthole.gone();
    expect(await isFree(porthole.port)).toBe(true);
  });
});

/** Vite's own, the page's chat and that of this test, and the desktop's stream. */
const ALL_SOCKETS = ["/", "/chat-ws", "/chat-ws", "/vnc-stream"];

/** The paths of the page's open sockets, without what follows their first part. */
function openSockets(): string[] {
  return sockets
    .filter((socket) => !socket.isClosed())
    .map((socket) => `/${new URL(socket.url()).pathname.split("/")[1]}`)
    .sort();
}

/** Opens the chat of the shown session and keeps it in the page. */
function openChat(): Promise<void> {
  return viewer.page.evaluate(() => {
    const session = location.pathname.split("/").at(-1);
    const url = `${location.origin.replace("http", "ws")}/chat-ws?room=session:${session}`;
    const socket = new WebSocket(url);
    window.kept = socket;
    return new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onclose = ({ code, reason }) => reject(new Error(`${code} ${reason}`));
    });
  });
}

/** Says something in the kept chat. @returns the message's number in the room */
function sendChat(text: string): Promise<number> {
  return viewer.page.evaluate((text) => {
    const socket = window.kept;
    if (!socket) throw new Error("The page was loaded anew.");
    return new Promise<number>((resolve) => {
      socket.addEventListener("message", ({ data }) => {
        const message = JSON.parse(data) as { type: string; cid: string; seq: number };
        if (message.type === "ack" && message.cid === text) resolve(message.seq);
      });
      socket.send(JSON.stringify({ type: "send", cid: text, text }));
    });
  }, text);
}

/** Waits until the page's styles have this value, which only a changed file gives them. */
async function styleIs(value: string): Promise<void> {
  await viewer.page.waitForFunction(
    (value) =>
      getComputedStyle(document.documentElement).getPropertyValue("--changed-by-test") === value,
    value,
  );
}

/** Types something on the desktop and sees it there. */
async function expectDesktopAnswers(): Promise<void> {
  const demo = await startDemo();
  const { paper } = demo.areas();
  await demo.close();
  const before = await viewer.area(paper);
  await viewer.type("ahoy ");
  await viewer.areaChanges(paper, before);
}

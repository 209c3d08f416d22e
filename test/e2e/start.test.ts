import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startDemo } from "../../demo/server.ts";
import { launchBrowser, newVisitor, ViewerPage, waitForState } from "../support/browser.ts";
import { isFree, Porthole, type PortholeOptions } from "../support/porthole.ts";
import { ADMIN_TOKEN } from "../support/rig.ts";
import { greetAndEcho, TcpServer } from "../support/tcp-server.ts";

/** Far more than a blank or a broken picture has; the demo desktop has thousands. */
const COLOURS_OF_A_PICTURE = 500;

let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
});

describe("npm start", () => {
  let porthole: Porthole;
  let visitor: BrowserContext;
  let viewer: ViewerPage;
  let link: string;

  beforeAll(async () => {
    porthole = await Porthole.create({ env: { ADMIN_TOKEN } });
    link = await porthole.start();
    visitor = await newVisitor(browser);
    viewer = new ViewerPage(await visitor.newPage());
    await viewer.page.goto(link);
    await viewer.state("connected");
  });

  afterAll(async () => {
    await visitor?.close();
    await porthole?.dispose();
  });

  const api = () => porthole.api(ADMIN_TOKEN);

  it("prints a link that leads to a running desktop and leaves no secret in the address bar", async () => {
    const [session] = (await api().sessions()).items;
    expect(viewer.page.url()).toBe(session?.view_url);
    await viewer.showsManyColours(COLOURS_OF_A_PICTURE);
    expect(viewer.errors).toEqual([]);
  });

  it("offers a desktop that one can draw on", async () => {
    const { canvas } = await demoAreas();
    const before = await viewer.area(canvas);
    const from = await viewer.spot(canvas.x + 40, canvas.y + 40);
    const to = await viewer.spot(canvas.x + 200, canvas.y + 160);
    await viewer.page.mouse.move(from.pageX, from.pageY);
    await viewer.page.mouse.down();
    await viewer.page.mouse.move(to.pageX, to.pageY, { steps: 10 });
    await viewer.page.mouse.up();
    await viewer.areaChanges(canvas, before);
  });

  it("offers a desktop that one can type on", async () => {
    const { paper } = await demoAreas();
    const before = await viewer.area(paper);
    await viewer.type("Hello, sailor!");
    await viewer.areaChanges(paper, before);
  });

  it("prints a link that signs in once only", async () => {
    const other = await newVisitor(browser);
    const page = await other.newPage();
    await page.goto(link);
    await waitForState(page, "sign-in");
    const sentence = "This sign-in link was used before or has expired.";
    await page.getByTestId("error").getByText(sentence).waitFor();
    expect(page.url()).not.toContain("#");
    await other.close();
  });

  it("ends everything on Ctrl-C, and shows the same desktop of the same host when started again", async () => {
    const hosts = (await api().hosts()).items.map((host) => host.host_id);
    const sessions = (await api().sessions()).items;
    const demoPort = sessions[0]?.vnc_port ?? 0;
    expect(hosts).toHaveLength(1);
    expect(await isFree(demoPort)).toBe(false);

    expect(await porthole.interrupt()).toBe(0);
    await porthole.gone();
    expect([await isFree(porthole.port), await isFree(demoPort)]).toEqual([true, true]);
    await viewer.waitsBecause("The edge cannot be reached.");

    await porthole.start();
    expect((await api().hosts()).items.map((host) => host.host_id)).toEqual(hosts);
    expect((await api().sessions()).items.map((session) => session.session_id)).toEqual(
      sessions.map((session) => session.session_id),
    );
    await viewer.state("connected");
    await viewer.showsManyColours(COLOURS_OF_A_PICTURE);
  });
});

// From here on each has an edge, a port and a folder of its own, and most of it is waiting.
describe.concurrent("npm start with an option", () => {
  it("--no-demo is ready when the host is online, and offers no demo", async () => {
    const porthole = await Porthole.create({ args: ["--no-demo"], env: { ADMIN_TOKEN } });
    try {
      expect(new URL(await porthole.start()).search).toBe("");
      const { items } = await porthole.api(ADMIN_TOKEN).hosts();
      expect(items.map((host) => host.online)).toEqual([true]);
      expect((await porthole.api(ADMIN_TOKEN).sessions()).items).toEqual([]);
    } finally {
      await porthole.dispose();
    }
  });

  it("--no-agent is ready when the edge answers, and signs in to an empty overview", async () => {
    const porthole = await Porthole.create({ args: ["--no-agent"], env: { ADMIN_TOKEN } });
    const visitor = await newVisitor(browser);
    try {
      const page = await visitor.newPage();
      await page.goto(await porthole.start());
      await waitForState(page, "ready");
      await page.getByTestId("empty").waitFor();
      expect((await porthole.api(ADMIN_TOKEN).hosts()).items).toEqual([]);
    } finally {
      await visitor.close();
      await porthole.dispose();
    }
  });
});

describe.concurrent("npm start ends with exit code 1 and a sentence that says what to do about", () => {
  const folders: string[] = [];

  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  function newFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), "porthole-e2e-"));
    folders.push(folder);
    return folder;
  }

  /** What it says, on a line each, without the structured log. */
  async function complaint(options: PortholeOptions): Promise<string[]> {
    const porthole = await Porthole.create();
    try {
      const { code, output } = await porthole.runToEnd(options);
      expect(code).toBe(1);
      await porthole.gone();
      expect(output).not.toMatch(/^\s+at /m); // no stack
      return output.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
    } finally {
      await porthole.dispose();
    }
  }

  it("a port that is taken", async () => {
    const other = await TcpServer.listen(greetAndEcho);
    const said = await complaint({ env: { PORT: String(other.port) } });
    await other.close();
    expect(said).toEqual([
      `Port ${other.port} on 127.0.0.1 is taken by another program; stop that, or choose another: PORT=8788 npm start`,
    ]);
  });

  it("a PORT that is none", async () => {
    expect(await complaint({ env: { PORT: "65536" } })).toEqual([
      'PORT is "65536"; it must be a number from 1 to 65535.',
    ]);
  });

  it("a TRUST_PROXY that is neither yes nor no", async () => {
    expect(await complaint({ env: { TRUST_PROXY: "10.0.0.1" } })).toEqual([
      'TRUST_PROXY is "10.0.0.1"; it must be 1, or not set.',
    ]);
  });

  it("a setting of the edge that is no number", async () => {
    expect(await complaint({ env: { SESSION_IDLE_SECONDS: "5m" } })).toEqual([
      "SESSION_IDLE_SECONDS must be a number of seconds, 0 for never; mend that setting.",
    ]);
  });

  it("an option that there is not", async () => {
    const [first, ...usage] = await complaint({ args: ["--no-demon"] });
    expect(first).toBe("Unknown option '--no-demon'");
    expect(usage.join("\n")).toContain("--no-demo ");
  });

  it("a state folder that is a file", async () => {
    const file = join(newFolder(), "state");
    writeFileSync(file, "");
    const [said, ...more] = await complaint({ env: { PORTHOLE_STATE: file } });
    expect(more).toEqual([]);
    expect(said).toContain(`The state folder ${file} cannot be used (EEXIST`);
    expect(said).toContain("choose another: PORTHOLE_STATE=/some/folder npm start");
  });

  it("a state folder that all users share, which it leaves as it is", async () => {
    const dir = newFolder();
    chmodSync(dir, 0o1777);
    const [said, ...more] = await complaint({ env: { PORTHOLE_STATE: dir } });
    expect(more).toEqual([]);
    expect(said).toContain(`The state folder ${dir} cannot be used (all users share it)`);
    expect(statSync(dir).mode & 0o7777).toBe(0o1777);
  });

  it("a token that is none, in a state folder that was open to others and is its owner's now", async () => {
    const dir = newFolder();
    chmodSync(dir, 0o755);
    await complaint({ env: { PORTHOLE_STATE: dir, ADMIN_TOKEN: "two words" } });
    expect(statSync(dir).mode & 0o7777).toBe(0o700);
  });

  it("a state folder that cannot be written", async () => {
    const dir = "/sys/porthole"; // not even by root
    const [said, ...more] = await complaint({ env: { PORTHOLE_STATE: dir } });
    expect(more).toEqual([]);
    expect(said).toContain(`The state folder ${dir} cannot be used (`);
    expect(said).toContain("choose another: PORTHOLE_STATE=/some/folder npm start");
  });

  const TOKENS = [
    { what: "is empty", token: "" },
    { what: "is two words", token: "two words\n" },
    { what: "is no text", token: "caf\u00e9\u0001\n" },
  ];
  it.each(TOKENS)("an admin token in the state folder that $what", async ({ token }) => {
    const folder = newFolder();
    const file = join(folder, "admin-token");
    writeFileSync(file, token);
    const [said, ...more] = await complaint({ env: { PORTHOLE_STATE: folder } });
    expect(more).toEqual([]);
    expect(said).toContain(`The admin token in ${file} `);
    expect(said).toMatch(/delete it to have a new one made\.$/);
  });

  it("an admin token that cannot be read", async () => {
    const folder = newFolder();
    const file = join(folder, "admin-token");
    mkdirSync(file);
    const [said, ...more] = await complaint({ env: { PORTHOLE_STATE: folder } });
    expect(more).toEqual([]);
    expect(said).toContain(`The admin token in ${file} `);
    expect(said).toContain("EISDIR");
  });

  it.each(["{", '{"edge":"http://127.0.0.1:1"}'])("an agent.json that is %j", async (json) => {
    const folder = newFolder();
    const file = join(folder, "agent", "agent.json");
    mkdirSync(join(folder, "agent"));
    writeFileSync(file, json);
    const [said, ...more] = await complaint({ env: { PORTHOLE_STATE: folder, ADMIN_TOKEN } });
    expect(more).toEqual([]);
    expect(said).toContain(`The agent's state in ${file} is damaged (`);
    expect(said).toContain("delete that file");
  });
});

/** Where one draws and types on a demo desktop that is as `npm start` makes it. */
async function demoAreas() {
  const demo = await startDemo();
  const areas = demo.areas();
  await demo.close();
  return areas;
}

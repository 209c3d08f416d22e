import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parseAllowedTarget } from "../../agent/allow-list.ts";
import {
  collectErrors,
  launchBrowser,
  newVisitor,
  signedIn,
  ViewerPage,
  waitForState,
} from "../support/browser.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, runTestAgent, startRig, type TestAgent } from "../support/rig.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { startXvnc, type Xvnc } from "../support/xvnc.ts";

const DISPLAY = 47;

/** How many sessions the page shows at first. */
const A_PAGE = 25;

let rig: Rig;
let people: People;
let browser: Browser;
let xvnc: Xvnc;
let agent: TestAgent;
/** Between the pages and the edge: what can be cut. */
let network: TcpProxy;
let visitor: BrowserContext;
let page: Page;
let errors: string[];
/** The feed's sockets, as the page dialled them. */
let feeds: string[];
/** The lists that the page asked for. */
let lists: string[];

beforeAll(async () => {
  [rig, browser, xvnc] = await Promise.all([startRig(), launchBrowser(), startXvnc(DISPLAY)]);
  people = new People(rig);
  network = await TcpProxy.listen(Number(new URL(rig.edge.url).port));
  agent = await rig.startAgent({ name: "office-pc", allow: [`127.0.0.1:${xvnc.port}`] });
});

afterAll(async () => {
  await browser?.close();
  await network?.close();
  await agent?.stop();
  await rig?.stop();
  await xvnc?.kill();
});

beforeEach(async () => {
  visitor = await signedIn(browser, network.url, ADMIN_TOKEN);
  await open(visitor);
});

afterEach(async () => {
  const { items } = await rig.api.sessions();
  await Promise.all(items.map(({ session_id }) => rig.api.endSession(session_id)));
  await visitor.close();
});

/** Opens the overview, and notes if it is ever loaded again. */
async function open(who: BrowserContext): Promise<void> {
  page = await who.newPage();
  errors = collectErrors(page);
  feeds = [];
  lists = [];
  page.on("websocket", (socket) => feeds.push(socket.url()));
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname === "/api/hosts" || pathname === "/api/vnc/sessions") lists.push(pathname);
  });
  await page.goto(network.url);
  await waitForState(page, "ready");
  await page.evaluate(() => Object.assign(window, { isStillTheSame: true }));
  await linked("live");
}

async function expectNoReload(): Promise<void> {
  expect(await page.evaluate(() => "isStillTheSame" in window)).toBe(true);
}

function linked(link: "live" | "away"): Promise<void> {
  return page.locator(`[data-testid="feed"][data-link="${link}"]`).waitFor();
}

function row(id: string): Locator {
  return page.locator(`[data-testid="session"][data-id="${id}"]`);
}

async function create(label: string): Promise<string> {
  const body = { host_id: agent.hostId, port: xvnc.port, label };
  return (await rig.api.createSession(body)).session_id;
}

function rename(changes: { name?: string; label?: string | null }) {
  const params = { id: agent.hostId };
  return rig.api.call("PATCH /api/hosts/:id", { params, body: changes });
}

/** All that can change of what the overview shows, one after the other, with no hand on it. */
async function everythingChanges(): Promise<void> {
  const host = page.getByTestId("host");
  const id = await create("made elsewhere");
  await row(id).getByText("Active").waitFor();
  await row(id).getByText("nobody watches").waitFor();

  const viewer = await ViewerPage.open(visitor, `${network.url}/view/${id}`);
  await viewer.state("connected");
  await page.bringToFront();
  await row(id).getByText("1 watching").waitFor();
  await host.getByText("1 stream").waitFor();
  await viewer.page.close();
  await row(id).getByText("nobody watches").waitFor();

  await rename({ name: "reception", label: "2nd floor" });
  await host.getByText("reception").waitFor();
  await host.getByText("2nd floor").waitFor();
  await rename({ name: "office-pc", label: null });
  await host.getByText("office-pc").waitFor();
  expect(await host.getByTestId("label").count()).toBe(0);

  await agent.stop();
  await host.getByText("Offline for").waitFor();
  await row(id).getByText("Unreachable").waitFor();
  expect(await row(id).getByTestId("session-reason").textContent()).toContain("is offline");
  expect(await page.getByTestId("display").count()).toBe(0);
  agent = runTestAgent(agent.identity, [parseAllowedTarget(`127.0.0.1:${xvnc.port}`)]);
  await host.getByText("Online for").waitFor();
  await page.getByTestId("display").waitFor();
  await row(id).getByText("Active").waitFor();

  await rig.api.endSession(id);
  await row(id).waitFor({ state: "detached" });
}

describe("the overview shows without a reload", () => {
  it("a session made and ended, its viewers, a new name, a host that goes and comes back", async () => {
    const before = lists.length;
    await everythingChanges();
    // Only the sessions of the host that went and came back are read as a list, for their states.
    expect(lists.slice(before)).not.toContain("/api/hosts");
    await expectNoReload();
    expect(errors).toEqual([]);
  });

  it("the same after its feed was cut, and what happened meanwhile, going on where it was", async () => {
    const id = await create("ends meanwhile");
    await row(id).waitFor();
    const before = lists.length;
    const away = linked("away");
    network.cut("GET /api/events");
    await away;
    expect(await row(id).isVisible(), "what was shown stays").toBe(true);
    await rename({ name: "renamed meanwhile" });
    await rig.api.endSession(id);
    await linked("live");
    await page.getByTestId("host").getByText("renamed meanwhile").waitFor();
    await row(id).waitFor({ state: "detached" });
    expect(feeds).toHaveLength(2);
    expect(feeds[0]).not.toContain("since=");
    expect(feeds[1]).toMatch(/\?since=\d+$/);
    expect(lists.slice(before)).not.toContain("/api/hosts");
    await rename({ name: "office-pc" });
    await everythingChanges();
    await expectNoReload();
  });

  it("a host that joins while somebody waits for it, and that it was removed", async () => {
    await page.getByTestId("add-host").click();
    await page.getByTestId("awaiting").waitFor();
    const { host_id } = await rig.enrol("newcomer");
    await page.getByTestId("joined").getByText("newcomer").waitFor();
    await page.getByRole("button", { name: "Done" }).click();
    expect(await page.getByTestId("host").count()).toBe(2);
    await rig.api.removeHost(host_id);
    await page.getByTestId("host").getByText("newcomer").waitFor({ state: "detached" });
    await expectNoReload();
  });
});

describe("an operator", () => {
  it("renames and labels a host", async () => {
    await page.getByTestId("edit-host").click();
    await page.getByTestId("host-name").fill("front desk");
    await page.getByTestId("host-label").fill("by the door");
    await page.keyboard.press("Enter");
    await page.getByTestId("host").getByText("front desk").waitFor();
    await page.getByTestId("label").getByText("by the door").waitFor();
    const { name, label } = await rig.api.host(agent.hostId);
    expect({ name, label }).toEqual({ name: "front desk", label: "by the door" });
    await rename({ name: "office-pc", label: null });
  });

  it("ends a session by keyboard, once asked whether it is meant, and sees it among all", async () => {
    const id = await create("to be ended");
    await row(id).getByTestId("end-session").focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    await page.getByTestId("end-dialog").waitFor({ state: "detached" });
    expect((await rig.api.session(id)).status, "Escape ends nothing").toBe("active");
    const focused = page.evaluate(() => (document.activeElement as HTMLElement).dataset.testid);
    expect(await focused).toBe("end-session");
    await page.keyboard.press("Enter");
    await page.getByTestId("confirm-end").focus();
    await page.keyboard.press("Enter");
    await row(id).waitFor({ state: "detached" });
    await page.waitForFunction(() => document.activeElement?.id === "sessions-title");
    expect((await rig.api.session(id)).status).toBe("ended");
    await page.getByRole("radio", { name: "All" }).check();
    await row(id).getByText("Ended", { exact: true }).waitFor();
    expect(await row(id).getByTestId("session-reason").textContent()).not.toBe("");
    expect(await row(id).getByRole("button").count()).toBe(0);
  });

  it("shares a session, and opens it", async () => {
    const id = await create("to be shared");
    await row(id).getByTestId("share-session").click();
    await page.getByRole("radio", { name: "1 hour" }).check();
    await page.getByTestId("make-link").click();
    const url = await page.getByTestId("share-url").textContent();
    expect(url).toContain("/share#");
    const { items } = (await people.asAdmin("GET", `/api/vnc/session/${id}/links`)).json<{
      items: { role: string }[];
    }>();
    expect(items).toMatchObject([{ role: "view" }]);
    await page.keyboard.press("Escape");
    await row(id).getByTestId("open-session").click();
    await waitForState(page, "connected");
    expect(page.url()).toBe(`${network.url}/view/${id}`);
  });

  it("sees the newest sessions, and more when they are wanted", async () => {
    const ids: string[] = [];
    for (let n = 0; n <= A_PAGE; n++) ids.push(await create(`number ${n}`));
    await page.reload();
    await waitForState(page, "ready");
    await row(ids.at(-1) ?? "").waitFor();
    expect(await page.getByTestId("session").count()).toBe(A_PAGE);
    await page.getByTestId("more-sessions").click();
    await row(ids[0] ?? "").waitFor();
    expect(await page.getByTestId("more-sessions").count()).toBe(0);
  });
});

describe("a viewer", () => {
  it("sees sessions come and go, may open them, and is offered nothing that needs an operator", async () => {
    const { key } = await people.key("viewer");
    await visitor.close();
    visitor = await newVisitor(browser);
    await visitor.setExtraHTTPHeaders({ authorization: `Bearer ${key}` });
    await open(visitor);
    const id = await create("for all to see");
    await row(id).getByTestId("open-session").waitFor();
    await page.locator('[data-testid="display"]:enabled').waitFor();
    for (const tool of ["share-session", "end-session", "edit-host", "add-host"]) {
      expect(await page.getByTestId(tool).count(), tool).toBe(0);
    }
    await rig.api.endSession(id);
    await row(id).waitFor({ state: "detached" });
    await page.getByTestId("display").getByText("not open now").waitFor();
    await expectNoReload();
  });
});

it("whose sign-in ends is asked to sign in again", async () => {
  const logins = await people.asAdmin("GET", "/api/logins");
  const { items } = logins.json<{ items: { login_id: string }[] }>();
  for (const { login_id } of items) await people.asAdmin("DELETE", `/api/logins/${login_id}`);
  await waitForState(page, "sign-in");
});

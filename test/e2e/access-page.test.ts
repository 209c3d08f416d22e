import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ApiError } from "../../scripts/api-client.ts";
import {
  collectErrors,
  launchBrowser,
  newVisitor,
  signedIn,
  waitForState,
} from "../support/browser.ts";
import { bearer } from "../support/call.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

let rig: Rig;
let people: People;
let browser: Browser;
let admin: BrowserContext;
let page: Page;
let errors: string[];

beforeAll(async () => {
  [rig, browser] = await Promise.all([startRig(), launchBrowser()]);
  people = new People(rig);
  admin = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
  page = await admin.newPage();
});

afterAll(async () => {
  await browser?.close();
  await rig?.stop();
});

beforeEach(async () => {
  errors = collectErrors(page);
  await page.goto(`${rig.edge.url}/access`);
  await waitForState(page, "ready");
});

function rowOf(section: string, name: string): Locator {
  return page.getByTestId(section).getByTestId("access-row").filter({ hasText: name });
}

/** Whether the keyboard is on a section's title: there it goes on when its button is gone. */
function isOnTitle(section: string): Promise<unknown> {
  return page.waitForFunction((id) => document.activeElement?.id === id, section);
}

describe("an admin", () => {
  it("makes an API key by keyboard alone, which is shown once and works until it is revoked", async () => {
    await page.getByTestId("make-a-key").focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("key-name").and(page.locator(":focus")).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("Give it a name").waitFor();
    await page.keyboard.type("hosting <b>panel</b>");
    await page.keyboard.press("Tab");
    await page.keyboard.press("ArrowLeft");
    await page.getByText("Sees hosts, sessions and desktops").waitFor();
    await page.keyboard.press("Enter");
    const key = await page.getByTestId("new-key").textContent();
    await page.keyboard.press("Escape");
    const row = rowOf("keys", "hosting <b>panel</b>");
    await row.getByText("viewer · made").waitFor();
    await row.getByText("never used").waitFor();
    expect(await page.content()).not.toContain(key);

    const headers = bearer(key ?? "");
    expect((await people.call("/api/hosts", { headers })).status).toBe(200);
    expect((await people.call("/api/keys", { headers })).status).toBe(403);
    await page.reload();
    await row.getByText("used less than a minute ago").waitFor();

    await row.getByTestId("take-back").click();
    await page.getByTestId("confirm-revoke").click();
    await row.waitFor({ state: "detached" });
    await isOnTitle("keys");
    expect((await people.call("/api/hosts", { headers })).status).toBe(401);
    const line = page.getByTestId("audit-line").filter({ hasText: "key.revoked" });
    await line.getByText("this browser").waitFor();
    expect(errors).toEqual([]);
  });

  it("signs another browser in by a link, sees it, and signs it out", async () => {
    await page.getByTestId("make-a-sign-in-link").click();
    const link = page.getByTestId("sign-in-link").getByText("/sign-in#");
    const url = (await link.textContent()) ?? "";
    await page.keyboard.press("Escape");
    const other = await newVisitor(browser);
    const theirs = await other.newPage();
    await theirs.goto(url);
    await theirs.getByTestId("empty").waitFor();

    await page.reload();
    await rowOf("sign-ins", "this browser").waitFor();
    const row = page
      .getByTestId("sign-ins")
      .getByTestId("access-row")
      .filter({ hasNotText: "this browser" });
    await row.getByText("Chrome on Linux").waitFor();
    await row.getByTestId("take-back").click();
    await page.getByTestId("confirm-sign-out").click();
    await row.waitFor({ state: "detached" });
    await isOnTitle("sign-ins");
    await theirs.reload();
    await theirs.waitForURL("**/sign-in*");
    await other.close();
    expect(errors).toEqual([]);
  });

  it("revokes a join token, which no machine can join with then", async () => {
    const body = { name: "the new one" };
    const { token } = await rig.api.call("POST /api/hosts/join-tokens", { body });
    await page.reload();
    const row = rowOf("join-tokens", "the new one");
    await row.getByTestId("take-back").click();
    await row.waitFor({ state: "detached" });
    await isOnTitle("join-tokens");
    const joining = { token, name: "late", public_key: { kty: "OKP", crv: "Ed25519", x: "A" } };
    const refused = await people.call("/api/agent/join", { method: "POST", body: joining });
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(await rig.api.hosts().catch((error: ApiError) => error)).toMatchObject({ items: [] });
  });

  it("reads the audit page by page", async () => {
    for (let n = 0; n < 30; n++) await rig.api.call("POST /api/hosts/join-tokens", { body: {} });
    await page.reload();
    const lines = page.getByTestId("audit-line");
    await lines.nth(24).waitFor();
    expect(await lines.count()).toBe(25);
    await page.getByTestId("more-audit").click();
    await lines.nth(25).waitFor();
    await page.getByTestId("audit").getByText("login.created").first().waitFor();
  });

  it("is told why it cannot be read, and reads it when it can", async () => {
    let isCut = true;
    await page.route("**/api/keys", (route) => (isCut ? route.abort() : route.continue()));
    await page.reload();
    await page.getByTestId("error").getByText("The edge cannot be reached.").waitFor();
    isCut = false;
    await page.getByTestId("retry").click();
    await waitForState(page, "ready");
    await page.unroute("**/api/keys");
  });
});

describe("who is no admin", () => {
  it("is told so on the page, and is led back", async () => {
    const { key } = await people.key("operator");
    const context = await newVisitor(browser);
    await context.setExtraHTTPHeaders(bearer(key));
    const theirs = await context.newPage();
    await theirs.goto(`${rig.edge.url}/access`);
    await theirs.getByTestId("error").getByText("Only an admin").waitFor();
    expect(await theirs.getByTestId("retry").count()).toBe(0);
    await context.close();
  });

  it("is led to the sign-in without one, and back from there", async () => {
    const context = await newVisitor(browser);
    const theirs = await context.newPage();
    await theirs.goto(`${rig.edge.url}/access`);
    await theirs.waitForURL("**/sign-in?next=*");
    await theirs.getByLabel("Admin token").fill(ADMIN_TOKEN);
    await theirs.keyboard.press("Enter");
    await theirs.getByTestId("keys").waitFor();
    await context.close();
  });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Session } from "../../protocol/api.ts";
import { launchBrowser, signedIn, ViewerPage } from "../support/browser.ts";
import { ADMIN_TOKEN, type Rig, startRig, type TestAgent } from "../support/rig.ts";
import { vncpasswd } from "../support/vnc-servers.ts";
import { knownPicture, XClient } from "../support/x-client.ts";
import { startXvnc, type Xvnc } from "../support/xvnc.ts";

const DISPLAY = 46;
const PASSWORD = "captain";
const PICTURE = knownPicture(DISPLAY, 640, 480);

let rig: Rig;
let browser: Browser;
let xvnc: Xvnc;
let x: XClient;
let agent: TestAgent;
let folder: string;
let session: Session;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "porthole-password-"));
  const file = join(folder, "passwd");
  writeFileSync(file, vncpasswd(PASSWORD), { mode: 0o600 });
  [rig, browser, xvnc] = await Promise.all([
    startRig(),
    launchBrowser(),
    startXvnc(DISPLAY, { args: ["-SecurityTypes", "VncAuth", "-rfbauth", file] }),
  ]);
  x = await XClient.connect(DISPLAY);
  await x.draw(PICTURE);
  agent = await rig.startAgent({ allow: [`127.0.0.1:${xvnc.port}`] });
  session = await rig.api.createSession({ host_id: agent.hostId, port: xvnc.port });
});

afterAll(async () => {
  await browser?.close();
  x?.close();
  await rig?.stop();
  await xvnc?.kill();
  rmSync(folder, { recursive: true });
});

async function open(): Promise<ViewerPage> {
  const visitor = await signedIn(browser, rig.edge.url, ADMIN_TOKEN);
  const viewer = await ViewerPage.open(visitor, session.view_url);
  await viewer.state("credentials");
  return viewer;
}

/** As a person does: into the field that has the keyboard, and Enter. */
async function answer({ page }: ViewerPage, password: string): Promise<void> {
  await page.getByTestId("password").fill(password);
  await page.keyboard.press("Enter");
}

it("a wrong password is said to be wrong, and asked for again; the right one opens the desktop", async () => {
  const viewer = await open();
  await answer(viewer, "wrong");
  const reason = viewer.page.getByTestId("reason");
  await reason.getByText("The desktop did not let you in", { exact: false }).waitFor();
  await answer(viewer, PASSWORD);
  await viewer.shows(PICTURE);
  await viewer.type("aboard");
  expect(await x.typed(6)).toBe("aboard");
  await viewer.page.close();
});

it("after three wrong ones the page says that the server is left alone, and for how long", async () => {
  const viewer = await open();
  const { page } = viewer;
  for (const guess of ["one", "two", "three"]) {
    await answer(viewer, guess);
    await page.waitForFunction(() => {
      const field = document.activeElement;
      return field instanceof HTMLInputElement && field.type === "password" && field.value === "";
    });
  }
  await answer(viewer, PASSWORD);
  await page
    .getByTestId("reason")
    .getByText(`The VNC server on port ${xvnc.port} is left alone after failed logins`, {
      exact: false,
    })
    .waitFor();
  await viewer.state("waiting");
  await page
    .getByTestId("next")
    .getByText(/^Trying again in [23]\d s, with the password/)
    .waitFor();
  // Coming back to the tab is no reason to try before that.
  await page.evaluate(() => dispatchEvent(new Event("online")));
  expect(await viewer.currentState()).toBe("waiting");
});

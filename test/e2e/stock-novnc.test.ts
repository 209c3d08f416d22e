import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ROOT } from "../../scripts/tool.ts";
import { launchBrowser, newVisitor, ViewerPage } from "../support/browser.ts";
import { type Rig, startRig } from "../support/rig.ts";
import { knownPicture, XClient } from "../support/x-client.ts";
import { startXvnc, type Xvnc } from "../support/xvnc.ts";

const DISPLAY = 97;
const PICTURE = knownPicture(DISPLAY, 640, 480);

/** Somebody's page with noVNC's own files, as noVNC's documentation embeds them; none of ours. */
const PAGE = `<!doctype html><div data-testid="screen"></div><script type="module">
  import RFB from "/core/rfb.js";
  const rfb = new RFB(document.querySelector("div"), location.hash.slice(1));
  for (const state of ["connect", "disconnect", "securityfailure", "credentialsrequired"]) {
    rfb.addEventListener(state, () => {
      document.documentElement.dataset.state = state === "connect" ? "connected" : state;
    });
  }
</script>`;

let site: Server;
let rig: Rig;
let browser: Browser;
let xvnc: Xvnc;
let x: XClient;

beforeAll(async () => {
  const novnc = join(ROOT, "node_modules/@novnc/novnc");
  site = createServer(async ({ url = "" }, response) => {
    if (url === "/") return void response.setHeader("content-type", "text/html").end(PAGE);
    // A browser asks for an icon, too.
    const script = await readFile(novnc + url).catch(() => null);
    response
      .setHeader("content-type", "text/javascript")
      .writeHead(script ? 200 : 404)
      .end(script);
  });
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  [rig, browser, xvnc] = await Promise.all([
    startRig({ ALLOWED_ORIGINS: siteUrl() }),
    launchBrowser(),
    startXvnc(DISPLAY),
  ]);
  x = await XClient.connect(DISPLAY);
  await x.draw(PICTURE);
});

afterAll(async () => {
  await browser?.close();
  x?.close();
  await rig?.stop();
  await xvnc?.kill();
  site?.close();
});

const siteUrl = () => `http://127.0.0.1:${(site.address() as AddressInfo).port}`;

it("a stock noVNC on a page of another site shows the desktop, and types on it", async () => {
  const agent = await rig.startAgent({ allow: [`127.0.0.1:${xvnc.port}`] });
  const { session_id } = await rig.api.createSession({ host_id: agent.hostId, port: xvnc.port });
  const { websocket_url } = await rig.api.ticket(session_id);
  const visitor = await newVisitor(browser);
  const viewer = await ViewerPage.open(visitor, `${siteUrl()}/#${websocket_url}`);
  await viewer.shows(PICTURE);
  await viewer.page.locator("canvas").click();
  await viewer.page.keyboard.type("stock");
  expect(await x.typed(5)).toBe("stock");
  await visitor.close();
});

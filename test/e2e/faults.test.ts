import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser, signedIn, ViewerPage } from "../support/browser.ts";
import { AgentProcess, Porthole } from "../support/porthole.ts";
import { ADMIN_TOKEN } from "../support/rig.ts";
import { knownPicture, type Picture, XClient } from "../support/x-client.ts";
import { startXvnc, type Xvnc } from "../support/xvnc.ts";

let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
});

/** An edge, an agent and a VNC server that can go away, and a page that shows the desktop. */
class Stage {
  readonly edge: Porthole;
  readonly agent: AgentProcess;
  readonly viewer: ViewerPage;
  readonly #display: number;
  readonly #picture: Picture;
  #xvnc: Xvnc;
  #x: XClient;

  static async start(display: number): Promise<Stage> {
    const edge = await Porthole.create({ args: ["--no-agent"], env: { ADMIN_TOKEN } });
    const picture = knownPicture(display, 640, 480);
    const [{ xvnc, x }] = await Promise.all([startDisplay(display, picture), edge.start()]);
    const api = edge.api(ADMIN_TOKEN);
    const agent = await AgentProcess.join(api, "office-pc", [`127.0.0.1:${xvnc.port}`]);
    await agent.run();
    const session = await api.createSession({ host_id: agent.hostId, port: xvnc.port });
    const visitor = await signedIn(browser, edge.url, ADMIN_TOKEN);
    const viewer = await ViewerPage.open(visitor, session.view_url);
    return new Stage(edge, agent, viewer, display, picture, xvnc, x);
  }

  private constructor(
    edge: Porthole,
    agent: AgentProcess,
    viewer: ViewerPage,
    display: number,
    picture: Picture,
    xvnc: Xvnc,
    x: XClient,
  ) {
    this.edge = edge;
    this.agent = agent;
    this.viewer = viewer;
    this.#display = display;
    this.#picture = picture;
    this.#xvnc = xvnc;
    this.#x = x;
  }

  async showsThePicture(): Promise<void> {
    await this.viewer.shows(this.#picture);
  }

  async killDisplay(): Promise<void> {
    this.#x.close();
    await this.#xvnc.kill();
  }

  async restartDisplay(): Promise<void> {
    ({ xvnc: this.#xvnc, x: this.#x } = await startDisplay(this.#display, this.#picture));
  }

  /** The page says why there is no picture. */
  async waitsFor(what: "the edge" | "the agent" | "the VNC server"): Promise<void> {
    const reasons = {
      "the edge": "The edge cannot be reached.",
      "the agent": "The host office-pc is offline. Its agent reconnects by itself when it can.",
      "the VNC server": `No VNC server is listening on port ${this.#xvnc.port}.`,
    };
    await this.viewer.waitsBecause(reasons[what]);
  }

  /** There is one host with one session still, and the page was never loaded anew. */
  async isAsItWas(): Promise<void> {
    const api = this.edge.api(ADMIN_TOKEN);
    expect((await api.hosts()).items.map((host) => host.name)).toEqual(["office-pc"]);
    expect((await api.sessions()).items).toHaveLength(1);
    const loads = await this.viewer.page.evaluate(() => performance.getEntriesByType("navigation"));
    expect(loads).toHaveLength(1);
  }

  async stop(): Promise<void> {
    await this.agent.dispose();
    await this.edge.dispose();
    await this.killDisplay();
  }
}

/** Three that come back one after the other, each when somebody tries again: up to 30 s for each. */
const ALL_BACK_MS = 180_000;

/** A VNC server with the known picture on it. */
async function startDisplay(
  display: number,
  picture: Picture,
): Promise<{ xvnc: Xvnc; x: XClient }> {
  const xvnc = await startXvnc(display);
  const x = await XClient.connect(display);
  await x.draw(picture);
  return { xvnc, x };
}

// Two of them at the same time: what takes long is that the page, and the agent, try again later.
describe.concurrent("a page that shows a desktop, and that nobody touches,", () => {
  describe("while one goes away after the other,", { concurrent: false }, () => {
    let stage: Stage;

    beforeAll(async () => {
      stage = await Stage.start(44);
    });

    afterAll(() => stage?.stop());

    it("shows the picture", async () => {
      await stage.showsThePicture();
    });

    it("names the port when the VNC server is killed, and shows the picture when it is back", async () => {
      await stage.killDisplay();
      await stage.waitsFor("the VNC server");
      await stage.restartDisplay();
      await stage.showsThePicture();
    });

    it("says that the host is offline when its agent is killed, and shows the picture when it is back", async () => {
      await stage.agent.kill();
      await stage.waitsFor("the agent");
      await stage.agent.run();
      await stage.showsThePicture();
    });

    it("says that the edge cannot be reached when it is killed, and shows the picture when it is back", async () => {
      await stage.edge.kill();
      await stage.waitsFor("the edge");
      await stage.edge.start();
      await stage.showsThePicture();
    });

    it("is one host with one session all the time, and never loaded anew", async () => {
      await stage.isAsItWas();
    });
  });
});

describe.concurrent("a page whose VNC server, agent and edge are all away at once", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.start(43);
  });

  afterAll(() => stage?.stop());

  it(
    "says what is away as each comes back, shows the picture in the end, and is as it was",
    async () => {
      await stage.showsThePicture();
      await Promise.all([stage.killDisplay(), stage.agent.kill(), stage.edge.kill()]);
      await stage.waitsFor("the edge");
      await stage.edge.start();
      await stage.waitsFor("the agent");
      await stage.agent.run();
      await stage.waitsFor("the VNC server");
      await stage.restartDisplay();
      await stage.showsThePicture();
      await stage.isAsItWas();
    },
    ALL_BACK_MS,
  );
});

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { EdgeToAgent } from "../../protocol/link.ts";
import { bearer } from "../support/call.ts";
import { People } from "../support/people.ts";
import { PlayedAgent } from "../support/played-agent.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import type { Viewer } from "../support/viewer.ts";

/** An agent that says of streams that they are closed, and keeps them. */
class LyingAgent extends PlayedAgent {
  static override async start(rig: Rig): Promise<LyingAgent> {
    const agent = new LyingAgent(await rig.enrol());
    agent.obeys = false;
    await agent.link();
    return agent;
  }

  protected override told(message: EdgeToAgent): void {
    if (message.type === "close") this.lie(message.stream);
  }

  lie(stream: string): void {
    const counts = { bytes_in: 0, bytes_out: 0, seconds: 0 };
    this.say({ type: "closed", stream, ...counts, reason: "the viewer went" });
  }
}

let rig: Rig;
let people: People;
let agent: LyingAgent;
let session: string;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
});

afterAll(() => rig.stop());

beforeEach(async () => {
  agent = await LyingAgent.start(rig);
  session = (await rig.api.createSession({ host_id: agent.hostId, port: 5900 })).session_id;
});

afterEach(() => agent.stop());

/** A viewer who is served, by a link of their own, and their stream. */
async function guest(): Promise<{ viewer: Viewer; stream: string; link: string }> {
  const { link_id, secret } = await people.shareLink(session);
  const viewer = people.stream(session, people.browser((await people.redeem(secret)).cookie));
  await viewer.receive(1);
  const asked = agent.heard.findLast((message) => message.type === "open");
  return { viewer, stream: asked?.stream ?? "", link: link_id };
}

const revoke = (link: string) =>
  people.asAdmin("DELETE", `/api/vnc/session/${session}/links/${link}`);

/** The session has so many streams, and this viewer has theirs. */
async function expectKept(viewer: Viewer, viewers: number): Promise<void> {
  expect((await rig.api.session(session)).viewers).toBe(viewers);
  expect(viewer.socket.readyState).toBe(WebSocket.OPEN);
}

describe("an agent that says of a stream that it is closed, and keeps it", () => {
  it.each([
    ["once its session ends", () => rig.api.endSession(session)],
    ["once its host is removed", () => rig.api.removeHost(agent.hostId)],
  ])("has it cut %s", async (_when, end) => {
    const { viewer } = await guest();
    await end();
    expect((await viewer.closed).code).toBe(1006);
  });

  it("has it cut once its viewer's link is revoked, and no other", async () => {
    const [gone, stays] = [await guest(), await guest()];
    await revoke(gone.link);
    expect((await gone.viewer.closed).code).toBe(1006);
    await expectKept(stays.viewer, 1);
  });

  it("has it cut though nobody wanted it closed, and no other", async () => {
    const [gone, stays] = [await guest(), await guest()];
    agent.lie(gone.stream);
    expect((await gone.viewer.closed).code).toBe(1006);
    await expectKept(stays.viewer, 1);
  });

  it("says so by naming no streams on a new link", async () => {
    const { viewer } = await guest();
    await agent.unlink();
    await rig.edgeLog.waitFor("host.offline", { host: agent.hostId });
    await new LyingAgent(agent.identity).link();
    expect((await viewer.closed).code).toBe(1006);
  });
});

describe("an agent that says of a stream that runs that it failed", () => {
  it("has ended it: the session counts it no more, and its viewer is cut", async () => {
    const { viewer, stream } = await guest();
    agent.say({ type: "failed", stream, code: 4502, message: "No VNC server is listening." });
    expect((await viewer.closed).code).toBe(1006);
    expect((await rig.api.session(session)).viewers).toBe(0);
    expect(await rig.stored("VncSession", session, "SELECT * FROM streams")).toEqual([]);
  });
});

describe("an agent that closes neither, nor says so", () => {
  it("has the streams of a revoked link cut, and no others", async () => {
    const other = people.stream(session, bearer(ADMIN_TOKEN));
    await other.receive(1);
    const { viewer, link } = await guest();
    agent.lie = () => {};
    await revoke(link);
    expect((await viewer.closed).code).toBe(1006);
    await expectKept(other, 1);
  });
});

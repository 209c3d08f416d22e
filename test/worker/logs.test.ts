import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { passwordsOf } from "../../agent/passwords.ts";
import type { LogEvent } from "../support/event-log.ts";
import { expectServed } from "../support/people.ts";
import { RecordingServer } from "../support/recording-server.ts";
import { StreamStage } from "../support/stream-stage.ts";

let stage: StreamStage;

beforeAll(async () => {
  stage = await StreamStage.start();
});

afterAll(() => stage.stop());

const ofStreams = (events: readonly LogEvent[]) =>
  events.filter(({ event }) => event.startsWith("stream.") || event.startsWith("password."));

/** What the edge and an agent logged of one stream, in their orders. */
function storyOf(stream: unknown, agentEvents: readonly LogEvent[]) {
  const told = (events: readonly LogEvent[]) =>
    events.filter((event) => event.stream === stream).map(({ event }) => event);
  return { edge: told(stage.rig.edgeLog.events), agent: told(agentEvents) };
}

describe("the log of a stream", () => {
  it("has one id from the viewer to the agent and back, in each of its lines", async () => {
    const agent = await stage.rig.startAgent({ allow: stage.allow() });
    const viewer = await stage.view(agent, stage.echo.port);
    await expectServed(viewer);
    await viewer.close();
    const { stream } = await stage.rig.edgeLog.waitFor("stream.closed", {
      session: viewer.session,
    });
    expect(storyOf(stream, agent.log.events)).toEqual({
      edge: ["stream.asked", "stream.spliced", "stream.closed"],
      agent: ["stream.opened", "stream.closed"],
    });
    await agent.stop();
  });

  it("has it too when it comes to nothing: a port that nobody listens on, one that is not allowed, a password that cannot be read", async () => {
    const locked = await RecordingServer.start({ types: [2], password: "x" });
    const silent = await stage.serve(() => {});
    await silent.close();
    const displays = { [String(locked.port)]: { password_file: "/nowhere" } };
    const agent = await stage.rig.startAgent({
      allow: [...stage.allow(silent), `127.0.0.1:${locked.port}`],
      findPassword: (...asked) =>
        passwordsOf({ displays }, (event, fields) => agent.log.add({ event, ...fields }))(...asked),
    });
    const stories = [];
    for (const port of [silent.port, 22, locked.port]) {
      const viewer = await stage.view(agent, port);
      await viewer.closed;
      const failed = { session: viewer.session };
      const { stream } = await stage.rig.edgeLog.waitFor("stream.failed", failed);
      stories.push(storyOf(stream, agent.log.events));
    }
    const edge = ["stream.asked", "stream.failed"];
    expect(stories).toEqual([
      { edge, agent: ["stream.failed"] },
      { edge, agent: ["stream.refused"] },
      { edge, agent: ["password.unreadable", "stream.failed"] },
    ]);
    const all = [...ofStreams(stage.rig.edgeLog.events), ...ofStreams(agent.log.events)];
    expect(all.filter(({ stream }) => typeof stream !== "string")).toEqual([]);
    await agent.stop();
    await locked.close();
  });
});

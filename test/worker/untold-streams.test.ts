import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { People } from "../support/people.ts";
import { PlayedAgent } from "../support/played-agent.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

/** An object tells again by its alarm, 5 s later. */
const ALARM_MS = 20_000;

let rig: Rig;

beforeAll(async () => {
  rig = await startRig();
});

afterAll(() => rig.stop());

describe("the end of a stream that its session could not be told", () => {
  it("is told again: the session counts the stream no more, and control is free", async () => {
    const agent = await PlayedAgent.start(rig);
    const body = { host_id: agent.hostId, port: 5900, control: "exclusive" as const };
    const { session_id } = await rig.api.createSession(body);
    const inSession = (query: string) => rig.stored("VncSession", session_id, query);
    const viewer = new People(rig).stream(session_id, bearer(ADMIN_TOKEN));
    const { stream } = await agent.opened(1);
    await viewer.receive(1);
    await inSession("ALTER TABLE streams RENAME TO away");
    await viewer.close();
    await rig.edgeLog.waitFor("stream.tell_failed", { stream });
    // Taken out of memory meanwhile, the host still has it to tell.
    await rig.evict("VncHost", agent.hostId, "hibernate");
    await inSession("ALTER TABLE away RENAME TO streams");
    await poll(ALARM_MS, "the session to hear of it", async () => {
      return (await inSession("SELECT * FROM streams")).length === 0;
    });
    expect(await inSession("SELECT holder FROM control")).toEqual([{ holder: null }]);
    await poll(ALARM_MS, "the host to forget it", async () => {
      return (await rig.api.host(agent.hostId)).streams === 0;
    });
    await agent.stop();
  });
});

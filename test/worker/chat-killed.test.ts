import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SessionRoom } from "../support/chat-rooms.ts";
import { People } from "../support/people.ts";
import { type Rig, startRig } from "../support/rig.ts";
import { killAt, mayTrace, ownWorkerd } from "../support/workerd.ts";

let rig: Rig;
let people: People;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
});

afterAll(() => rig.stop());

/**
 * The steps of a message are system calls: pwrite64 and fsync of the room's database, then one
 * sendto for the acknowledgement and one for each member.
 */
const STEPS = [
  {
    at: "before it stored a message",
    call: { name: "pwrite64" },
    left: { stored: false, acknowledged: false },
  },
  {
    at: "between storing a message and acknowledging it",
    call: { name: "sendto" },
    left: { stored: true, acknowledged: false },
  },
  {
    at: "between acknowledging a message and sending it to the members",
    call: { name: "sendto", afterCalls: 1 },
    left: { stored: true, acknowledged: true },
  },
];

// Only who may trace another process can kill it at a system call.
describe.runIf(mayTrace)("a room's process, killed", () => {
  it.each(STEPS)("$at, has it once when it is sent again", async ({ call, left }) => {
    const room = await SessionRoom.make(rig, people);
    const rows = () => room.stored("SELECT seq, cid FROM history ORDER BY seq");
    const { room: sender } = await room.enter("Ann");
    const { room: other } = await room.enter("Bob");
    // All that the room has to say is said, so that the next that it says is of the next message.
    while ((await sender.next("presence")).members.length < 2);
    await other.next("presence");
    sender.say("before", "before");
    for (const member of [sender, other]) await member.next("message");

    const { killed } = await killAt(ownWorkerd(), call);
    sender.say("cut", "cut");
    await Promise.all([killed, sender.closed, other.closed]);
    const heard = [sender, other].flatMap(({ messages }) => messages).map(({ type }) => type);
    expect(heard).toEqual(left.acknowledged ? ["ack"] : []);
    await rig.edge.reload();
    expect(await rows()).toHaveLength(left.stored ? 2 : 1);

    const { room: again } = await room.enter("Ann", "&since=1");
    again.say("cut", "cut");
    expect(await again.next("ack")).toMatchObject({ cid: "cut", seq: 2 });
    again.say("after", "after");
    expect(await again.next("ack")).toMatchObject({ cid: "after", seq: 3 });
    expect(await rows()).toEqual([
      { seq: 1, cid: "before" },
      { seq: 2, cid: "cut" },
      { seq: 3, cid: "after" },
    ]);
    const { room: resumed } = await room.enter("Bob", "&since=1");
    expect((await resumed.next("message")).cid).toBe("cut");
    expect((await resumed.next("message")).cid).toBe("after");
    await again.close();
    await resumed.close();
  });
});

import { readdirSync, readlinkSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LINK_PING } from "../../protocol/limits.ts";
import { poll } from "../../scripts/poll.ts";
import { SessionRoom } from "../support/chat-rooms.ts";
import { People } from "../support/people.ts";
import { type Rig, startRig } from "../support/rig.ts";
import { ownWorkerd } from "../support/workerd.ts";

/** workerd puts an object to sleep 10 s after it was last asked. */
const ASLEEP_MS = 45_000;

/** Named by the object's id, in the folder of its class. */
const ROOM_DATABASE = /\/porthole-ChatRoom\/[0-9a-f]{64}\.sqlite$/;

let rig: Rig;
let pinging: NodeJS.Timeout;

beforeAll(async () => {
  rig = await startRig();
});

afterAll(async () => {
  clearInterval(pinging);
  await rig.stop();
});

/** An object that is awake has its database open. */
function isAwake(): boolean {
  const folder = `/proc/${ownWorkerd()}/fd`;
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`).match(ROOM_DATABASE) !== null;
    } catch {
      return false; // it was closed since the folder was read
    }
  });
}

it("a silent room falls asleep by itself under members who ping, and wakes with all it needs", async () => {
  const room = await SessionRoom.make(rig, new People(rig));
  const { room: ann } = await room.enter("Ann");
  const { room: bob } = await room.enter("Bob");
  ann.say("before", "before");
  for (const member of [ann, bob]) await member.next("message");
  expect(isAwake()).toBe(true);
  // Their pages ping all the time, and are answered without waking it.
  pinging = setInterval(() => {
    for (const member of [ann, bob]) member.send(LINK_PING);
  }, 500);
  await poll(ASLEEP_MS, "the room to be asleep", () => !isAwake());
  const { pongs } = ann;
  await poll(ASLEEP_MS, "a ping to be answered", () => ann.pongs > pongs + 1);
  expect(isAwake()).toBe(false);

  bob.say("after", "after");
  expect(await ann.next("message")).toMatchObject({ seq: 2, from: { name: "Bob" } });
  expect(isAwake()).toBe(true);
});

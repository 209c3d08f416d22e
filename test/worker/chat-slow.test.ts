import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { processTree, residentBytes } from "../../bench/process-tree.ts";
import { CHAT_BURST } from "../../protocol/limits.ts";
import { ChatClient } from "../support/chat-client.ts";
import { type Present, SessionRoom } from "../support/chat-rooms.ts";
import { People } from "../support/people.ts";
import { type Rig, startRig } from "../support/rig.ts";

const MESSAGES = 10_000;
const TALKERS = 10;
/** Of a text: with it, what is sent past the slow reader is some 20 MB. */
const TEXT = "x".repeat(2_000);
const MAX_UNHEARD_CHARACTERS = 1024 * 1024;
/** So many more who do not read: all that is said, kept for each, would be 600 MB. */
const CROWD = 30;
/** What may be on its way to all of a room, 48 MiB, some times over: as text, as frames, as garbage. */
const MAX_GROWTH_BYTES = 250e6;
/** A room takes 20 s for so many messages of ten people, and a busy machine longer. */
const SAID_MS = 180_000;

let rig: Rig;
let people: People;
let room: SessionRoom;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
});

afterAll(() => rig.stop());

/** What the runtime of this test's edge holds resident, in bytes. */
function runtimeMemory(): number {
  return residentBytes(processTree([process.pid]).filter(({ pid }) => pid !== process.pid));
}

/** Reads all that was on its way to a member that is closed. @returns the characters of messages */
async function drain({ room: member }: Present): Promise<{ code: number; characters: number }> {
  let characters = 0;
  member.onMessage = (message) => {
    characters += JSON.stringify(message).length;
  };
  member.socket.resume();
  const { code } = await member.closed;
  return { code, characters: characters + JSON.stringify(member.messages).length };
}

describe("members that do not read", () => {
  it("are cut off with 4429 after about 1 MiB, and the others are sent 10,000 messages meanwhile", {
    timeout: SAID_MS,
  }, async () => {
    room = await SessionRoom.make(rig, people);
    const link = await people.shareLink(room.session);
    const plain = await room.enter("Plain");
    const answering = await room.enter("Answering", "&batch=1");
    const crowd: Present[] = [];
    for (let n = 0; n < CROWD; n++) crowd.push(await room.enter(`Crowd ${n}`));
    for (const { room: member } of [plain, answering, ...crowd]) member.socket.pause();
    const memoryBefore = runtimeMemory();

    const talkers: ChatClient[] = [];
    for (let n = 0; n < TALKERS; n++) {
      const headers = people.browser((await people.redeem(link.secret)).cookie);
      talkers.push(
        new ChatClient((since) => people.chat(room.session, headers, `&batch=1&since=${since}`)),
      );
    }
    for (const [n, talker] of talkers.entries()) {
      for (let m = 0; m < MESSAGES / TALKERS; m++) talker.say(`${n}-${m}`, TEXT);
    }
    await Promise.all(talkers.map((talker) => talker.settled(MESSAGES)));
    // None of them was ever cut, or waited for.
    expect(talkers.flatMap(({ closings }) => closings)).toEqual([]);

    // What it sent past them would be 20 MB for each.
    expect(runtimeMemory() - memoryBefore).toBeLessThan(MAX_GROWTH_BYTES);
    for (const { room: member } of crowd) member.socket.terminate();

    // Only what was on its way before the cut ever comes: the rest was never sent.
    for (const member of [plain, answering]) {
      const { code, characters } = await drain(member);
      expect(code).toBe(4429);
      expect(characters).toBeLessThan(MAX_UNHEARD_CHARACTERS * 1.1);
    }
    for (const talker of talkers) await talker.stop();

    // And what they missed they get when they come again.
    const again = await room.enter("Plain", "&batch=1&since=0");
    for (let seq = 1; seq <= MESSAGES; seq++) {
      expect((await again.room.next("message")).seq).toBe(seq);
    }
    await again.room.close();
  });
});

describe("a member that sends too fast", () => {
  it("is told so in words, then closed with 4429, and what others say comes as before", async () => {
    room = await SessionRoom.make(rig, people);
    const [fast, ann, bob] = [
      await room.enter("Fast"),
      await room.enter("Ann"),
      await room.enter("Bob"),
    ];
    let sent = 0;
    // 300 a second: a busy machine comes to less, and has to be too fast still.
    const flood = setInterval(() => {
      for (let n = 0; n < 3; n++) fast.room.say(`f${sent++}`, "flood");
    }, 10);
    const told = await fast.room.next("error");
    expect(told).toMatchObject({ code: "too_fast", cid: expect.stringMatching(/^f\d+$/) });
    expect(told.message).toMatch(/faster than this room takes/);
    ann.room.say("a", "still here");
    while ((await bob.room.next("message")).text !== "still here");
    expect(await fast.room.closed).toEqual({ code: 4429, reason: told.message });
    clearInterval(flood);
    const count = "SELECT count(*) AS n FROM history WHERE text = 'flood'";
    const [{ n }] = (await room.stored(count)) as [{ n: number }];
    expect(n).toBeGreaterThanOrEqual(CHAT_BURST);
    expect(n).toBeLessThan(sent);
    ann.room.say("b", "and after");
    while ((await bob.room.next("message")).text !== "and after");
    // What was refused was not stored.
    const refused = `SELECT seq FROM history WHERE cid = '${told.cid}'`;
    expect(await room.stored(refused)).toEqual([]);
  });

  it("of one's wishes about control is told so, too", async () => {
    room = await SessionRoom.make(rig, people);
    const ann = await room.enter("Ann");
    for (let n = 0; n < 30; n++) ann.room.wants("ask");
    expect((await ann.room.closed).code).toBe(4429);
    const codes = ann.room.messages.flatMap((message) =>
      message.type === "error" ? [message.code] : [],
    );
    expect(new Set(codes)).toEqual(new Set(["not_exclusive", "too_fast"]));
  });
});

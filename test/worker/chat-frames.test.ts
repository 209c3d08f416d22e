import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Present, SessionRoom } from "../support/chat-rooms.ts";
import { People } from "../support/people.ts";
import { type Rig, startRig } from "../support/rig.ts";

let rig: Rig;
let people: People;
let ann: Present;
let bob: Present;
let other: Present;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
});

afterAll(() => rig.stop());

beforeEach(async () => {
  const room = await SessionRoom.make(rig, people);
  [ann, bob, other] = [await room.enter("Ann"), await room.enter("Bob"), await room.enter("Cid")];
});

describe("a frame that is no good", () => {
  const deep = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
  it.each<[string, string | Buffer, "error" | "closed"]>([
    ["binary", Buffer.from([1, 2, 3]), "error"],
    ["not JSON", "{", "error"],
    ["of an unknown kind", '{"type":"dance"}', "error"],
    ["of 1 MB", `{"type":"send","cid":"a","text":"${"x".repeat(1_000_000)}"}`, "closed"],
    ["1 MB of binary", Buffer.alloc(1_000_000), "closed"],
    ["an array 100,000 deep", deep(100_000), "closed"],
    ["an array 30,000 deep", deep(30_000), "error"],
    ["with an array 30,000 deep inside", `{"type":"send","cid":${deep(30_000)}}`, "error"],
    ["with a prototype", '{"type":"send","__proto__":{"cid":"a","text":"b"}}', "error"],
    ["a seq that is none", '{"type":"delete","seq":1e300}', "error"],
    ["a text of nothing", '{"type":"send","cid":"a","text":" \\n "}', "error"],
    ["a text that is too long", `{"type":"send","cid":"a","text":"${"x".repeat(4_001)}"}`, "error"],
  ])("(%s) is answered to its sender, and disturbs nobody else", async (_, frame, how) => {
    ann.room.send(frame);
    if (how === "error") expect((await ann.room.next("error")).message).not.toBe("");
    else expect((await ann.room.closed).code).toBe(4400);
    bob.room.say("b", "still here");
    expect(await other.room.next("message")).toMatchObject({ seq: 1, text: "still here" });
    expect(bob.room.messages.filter(({ type }) => type === "error")).toEqual([]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  MAX_ROOM_SOCKETS,
  MAX_ROOM_SOCKETS_PER_LINK,
  MAX_ROOM_SOCKETS_PER_PERSON,
  ROOM_SOCKETS_FOR_STAFF,
} from "../../protocol/limits.ts";
import { bearer } from "../support/call.ts";
import { SessionRoom } from "../support/chat-rooms.ts";
import { type Credential, People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import type { RoomMember } from "../support/room-member.ts";

let rig: Rig;
let people: People;
let room: SessionRoom;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  room = await SessionRoom.make(rig, people);
});

afterAll(() => rig.stop());

/** Opens the room so many times, and hears of each only that it is in. */
async function openTimes(count: number, credential: Credential): Promise<RoomMember[]> {
  const members = Array.from({ length: count }, () => people.chat(room.session, credential));
  await Promise.all(members.map((member) => member.next("welcome")));
  for (const member of members) member.onMessage = () => {};
  return members;
}

describe("a room", () => {
  it("that the guests of one link would fill has a share for them; nobody but staff takes the last places", async () => {
    const link = await people.shareLink(room.session);
    const redeem = async () => people.browser((await people.redeem(link.secret)).cookie);
    const guests = MAX_ROOM_SOCKETS_PER_LINK / MAX_ROOM_SOCKETS_PER_PERSON;
    for (let n = 0; n < guests; n++) await openTimes(MAX_ROOM_SOCKETS_PER_PERSON, await redeem());
    const oneMore = await people.chat(room.session, await redeem()).closed;
    expect([oneMore.code, oneMore.reason]).toEqual([
      4429,
      expect.stringMatching(/^This link has 128/),
    ]);

    let left = MAX_ROOM_SOCKETS - ROOM_SOCKETS_FOR_STAFF - MAX_ROOM_SOCKETS_PER_LINK;
    for (; left > 0; left -= MAX_ROOM_SOCKETS_PER_PERSON) {
      const viewer = bearer((await people.key("viewer")).key);
      await openTimes(Math.min(left, MAX_ROOM_SOCKETS_PER_PERSON), viewer);
    }
    const viewer = bearer((await people.key("viewer")).key);
    const { code, reason } = await people.chat(room.session, viewer).closed;
    expect([code, reason]).toEqual([4429, expect.stringMatching(/^This room has 240/)]);

    const staff = people.chat(room.session, bearer(ADMIN_TOKEN));
    const { members } = await staff.next("welcome");
    const guest = members.find(({ role }) => role === "guest");
    staff.does({ type: "remove", member: guest?.id ?? "" });
    for (;;) {
      const present = (await staff.next("presence")).members.map(({ id }) => id);
      if (!present.includes(guest?.id ?? "")) break;
    }
  });
});

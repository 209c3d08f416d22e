import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditEntry, Page } from "../../protocol/api.ts";
import { MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { type Present, present, SessionRoom } from "../support/chat-rooms.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

/** How long who was barred for a second may be at most, on a busy machine. */
const BARRED_MS = 20_000;

let rig: Rig;
let people: People;
let room: SessionRoom;
let ann: Present;
let bob: Present;
let staff: Present;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
});

afterAll(() => rig.stop());

beforeEach(async () => {
  room = await SessionRoom.make(rig, people);
  [ann, bob, staff] = [await room.enter("Ann"), await room.enter("Bob"), await room.enterAsStaff()];
});

/** Says something, and waits until all have it. @returns its seq */
async function said(by: Present, text: string): Promise<number> {
  by.room.say(`cid of ${text.length}`, text);
  const { seq } = await by.room.next("ack");
  for (const member of [ann, bob, staff]) {
    while ((await member.room.next("message")).text !== text);
  }
  return seq;
}

describe("what was said in a room", () => {
  it("is changed by its author alone, as one more change with the same seq", async () => {
    const seq = await said(ann, "a typo");
    bob.room.does({ type: "edit", seq, text: "not mine" });
    expect(await bob.room.next("error")).toMatchObject({ code: "not_author", seq });
    staff.room.does({ type: "edit", seq, text: "nor mine" });
    expect((await staff.room.next("error")).code).toBe("not_author");
    ann.room.does({ type: "edit", seq, text: "no typo" });
    const edited = { seq, rev: 2, cid: "cid of 6", text: "no typo", from: ann.me };
    for (const member of [ann, bob, staff]) {
      const message = await member.room.next("message");
      expect(message).toMatchObject(edited);
      expect(message.edited_at).toMatch(/^\d{4}-.*Z$/);
    }
    const late = await room.enter("Cid", "&since=0");
    expect(await late.room.next("message")).toMatchObject(edited);
    ann.room.does({ type: "edit", seq: 99, text: "nothing" });
    expect((await ann.room.next("error")).code).toBe("no_such_message");
  });

  it("is deleted by its author or staff; its text is gone from storage, its seq is not given again", async () => {
    const [one, two] = [await said(ann, "secret text"), await said(ann, "secret texts")];
    bob.room.does({ type: "delete", seq: one });
    expect(await bob.room.next("error")).toMatchObject({ code: "not_author", seq: one });
    ann.room.does({ type: "delete", seq: one });
    expect(await bob.room.next("deleted")).toEqual({ type: "deleted", seq: one, rev: 3 });
    staff.room.does({ type: "delete", seq: two });
    expect(await bob.room.next("deleted")).toEqual({ type: "deleted", seq: two, rev: 4 });
    // Again: nothing changes, and who asks is told how it is.
    staff.room.does({ type: "delete", seq: two });
    while ((await staff.room.next("deleted")).seq !== two);
    expect(await staff.room.next("deleted")).toEqual({ type: "deleted", seq: two, rev: 4 });
    ann.room.does({ type: "edit", seq: two, text: "back" });
    expect((await ann.room.next("error")).code).toBe("no_such_message");
    expect(JSON.stringify(await room.stored("SELECT * FROM history"))).not.toContain("secret");
    // A resend of a deleted message stays deleted.
    ann.room.say("cid of 11", "secret text");
    expect((await ann.room.next("ack")).seq).toBe(one);
    expect(await said(bob, "next")).toBe(3);
    const late = await room.enter("Cid", "&since=0");
    expect(await late.room.next("deleted")).toMatchObject({ seq: one });
    expect(await late.room.next("deleted")).toMatchObject({ seq: two });
    expect(await late.room.next("message")).toMatchObject({ seq: 3, rev: 5 });
  });

  it("keeps what looks like markup as it is, and whole characters only", async () => {
    const markup = `<img src=x onerror="alert(1)">&amp;\u0000`;
    expect(await said(ann, markup)).toBe(1);
    ann.room.send(`{"type":"send","cid":"half","text":"half \\ud83d of one"}`);
    expect((await bob.room.next("message")).text).toBe("half \ufffd of one");
    ann.room.send(`{"type":"send","cid":"\\ud83d","text":"x"}`);
    expect((await ann.room.next("error")).code).toBe("malformed");
    expect(await room.stored("SELECT text FROM history ORDER BY seq")).toEqual([
      { text: markup },
      { text: "half \ufffd of one" },
    ]);
  });
});

describe("members of a room", () => {
  it("see that another types, at most every 2 s, and not themselves", async () => {
    for (let n = 0; n < 5; n++) ann.room.does({ type: "typing" });
    expect(await bob.room.next("typing")).toEqual({ type: "typing", member: ann.me.id });
    await said(ann, "done");
    for (const { room } of [ann, bob]) {
      expect(room.messages.filter(({ type }) => type === "typing")).toEqual([]);
    }
  });

  it("see how far another has read, which never goes back and outlives the room's sleep", async () => {
    for (const text of ["a", "bc", "def"]) await said(ann, text);
    bob.room.does({ type: "read", seq: 2 });
    expect((await ann.room.next("read")).marks).toEqual([{ member: bob.me.id, seq: 2 }]);
    bob.room.does({ type: "read", seq: 1 });
    bob.room.does({ type: "read", seq: 1_000 });
    expect((await ann.room.next("read")).marks).toEqual([{ member: bob.me.id, seq: 3 }]);
    await room.evict("close");
    const again = people.chat(room.session, {
      ticket: (await rig.api.ticket(room.session)).ticket,
    });
    expect((await again.next("welcome")).reads).toEqual([{ member: bob.me.id, seq: 3 }]);
  });

  it("are told how far they have read themselves, however many have read further", async () => {
    for (const text of ["a", "bc"]) await said(ann, text);
    bob.room.does({ type: "read", seq: 1 });
    await ann.room.next("read");
    await room.stored(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
       INSERT INTO reads SELECT 'reader' || i, 2 FROM n`,
    );
    const ticket = await people.ticket(room.session, bearer(ADMIN_TOKEN), { name: "Bob" });
    const { reads } = await people.chat(room.session, { ticket }).next("welcome");
    expect(reads).toContainEqual({ member: bob.me.id, seq: 1 });
    expect(reads).toHaveLength(100);
  });

  it("that the room closes are gone for the others at once, answered or not", async () => {
    await staff.room.next("presence");
    for (const { me, room } of [ann, bob]) {
      room.socket.pause(); // reads no closing, and so answers none
      if (me === ann.me) room.send("x".repeat(MAX_MESSAGE_BYTES + 1));
      else for (let n = 0; n < 200; n++) room.does({ type: "read", seq: 1 });
    }
    for (;;) {
      const { members } = await staff.room.next("presence");
      if (members.length === 1) break;
    }
  });

  it("are found again when the room has slept, with what they may", async () => {
    await said(ann, "before");
    await room.evict("hibernate");
    ann.room.say("after", "after");
    expect((await bob.room.next("message")).text).toBe("after");
    await room.evict("hibernate");
    staff.room.does({ type: "delete", seq: 1 });
    expect(await bob.room.next("deleted")).toMatchObject({ seq: 1, rev: 3 });
    const { members } = await (await room.enter("Cid")).room.next("presence");
    expect(members.map(({ name }) => name).sort()).toEqual(["Ann", "Bob", "Cid", "admin"]);
  });
});

describe("a person with very many tabs", () => {
  it("opens 32, and is told why there are no more; others come in", async () => {
    const tabs = await Promise.all(Array.from({ length: 31 }, () => room.enter("Ann")));
    const ticket = await people.ticket(room.session, bearer(ADMIN_TOKEN), { name: "Ann" });
    const { code, reason } = await people.chat(room.session, { ticket }).closed;
    expect([code, reason]).toEqual([4429, expect.stringMatching(/open 32 times already/)]);
    await room.enter("Cid");
    await tabs[0]?.room.close();
  });
});

describe("staff in a room", () => {
  it("mutes somebody for a time: they hear all, and say nothing, until it is ended", async () => {
    staff.room.does({ type: "mute", member: ann.me.id, seconds: 600 });
    for (;;) {
      const { members } = await bob.room.next("presence");
      if (members.find(({ id }) => id === ann.me.id)?.muted_until) break;
    }
    ann.room.say("a", "psst");
    expect(await ann.room.next("error")).toMatchObject({ code: "muted", cid: "a" });
    bob.room.say("b", "heard");
    expect((await ann.room.next("message")).text).toBe("heard");
    // By another tab, and after the room was gone, just the same.
    await room.evict("close");
    [ann, bob, staff] = [
      await room.enter("Ann"),
      await room.enter("Bob"),
      await room.enterAsStaff(),
    ];
    ann.room.say("a", "psst");
    expect((await ann.room.next("error")).message).toMatch(/^An operator muted you here, until /);
    staff.room.does({ type: "mute", member: ann.me.id, seconds: 0 });
    await staff.room.next("presence");
    expect(await said(ann, "thanks")).toBe(2);
  });

  it("removes somebody: all their tabs are closed with 4403, and they stay out until it is ended", async () => {
    const tab = await room.enter("Ann");
    staff.room.does({ type: "remove", member: ann.me.id });
    for (const { room } of [ann, tab]) {
      const { code, reason } = await room.closed;
      expect([code, reason]).toEqual([4403, expect.stringMatching(/^An operator removed you/)]);
    }
    await room.evict("close");
    const ticket = () => people.ticket(room.session, bearer(ADMIN_TOKEN), { name: "Ann" });
    const barred = people.chat(room.session, { ticket: await ticket() });
    expect((await barred.closed).code).toBe(4403);
    staff = await room.enterAsStaff();
    await staff.room.next("presence");
    staff.room.does({ type: "remove", member: ann.me.id, seconds: 0 });
    const error = staff.room.messages.find(({ type }) => type === "error");
    expect(error).toBeUndefined();
    await staff.room.next("presence");
    await present(people.chat(room.session, { ticket: await ticket() }));
  });

  it("mutes and removes for as long as it said, and then no more, without anybody's doing", async () => {
    const tab = await room.enter("Bob");
    staff.room.does({ type: "mute", member: ann.me.id, seconds: 1 });
    staff.room.does({ type: "remove", member: bob.me.id, seconds: 1 });
    await Promise.all([bob.room.closed, tab.room.closed]);
    await poll(BARRED_MS, "Ann to be heard again", () => {
      ann.room.say("a", "psst");
      return ann.room.messages.some(({ type }) => type === "ack");
    });
    expect(ann.room.messages).toContainEqual(expect.objectContaining({ code: "muted" }));
    await poll(BARRED_MS, "Bob to be let in again", async () => {
      const ticket = await people.ticket(room.session, bearer(ADMIN_TOKEN), { name: "Bob" });
      const again = people.chat(room.session, { ticket });
      return "me" in (await Promise.race([again.next("welcome"), again.closed]));
    });
  });

  it("removes somebody from reading, too: by cookie or ticket they came, until it is ended", async () => {
    const link = await people.shareLink(room.session);
    const guest = async () => people.browser((await people.redeem(link.secret)).cookie);
    const [byCookie, byTicket, other] = [await guest(), await guest(), await guest()];
    const viewer = bearer((await people.key("viewer")).key);
    const ticket = await people.ticket(room.session, byTicket);
    const came = [
      [byCookie, await present(people.chat(room.session, byCookie))],
      [byTicket, await present(people.chat(room.session, { ticket }))],
      [viewer, await present(people.chat(room.session, viewer))],
    ] as const;
    await present(people.chat(room.session, other));
    const read = (headers: Record<string, string>) =>
      people.call(`/api/chat/rooms/session:${room.session}/messages`, { headers });
    for (const [headers, { me, room: theirs }] of came) {
      expect((await read(headers)).status).toBe(200);
      staff.room.does({ type: "remove", member: me.id, seconds: 60 });
      await theirs.closed;
      const refused = await read(headers);
      expect(refused).toMatchObject({ status: 403, code: "removed" });
      expect(refused.json<{ detail: string }>().detail).toMatch(/removed you .*, until \d{4}-/);
      expect((await read(other)).status).toBe(200);
      staff.room.does({ type: "remove", member: me.id, seconds: 0 });
      staff.room.does({ type: "claim" }); // answered after what was asked before it
      await staff.room.next("error");
      expect((await read(headers)).status).toBe(200);
    }
  });

  it("alone can: others, and what makes no sense, are refused with a reason", async () => {
    const refused = async (by: Present, message: Parameters<Present["room"]["does"]>[0]) => {
      by.room.does(message);
      const { answers, code } = await by.room.next("error");
      // It says what it refuses, if the room could read that.
      expect(answers).toBe(code === "malformed" ? undefined : message.type);
      return code;
    };
    const member = ann.me.id;
    expect(await refused(bob, { type: "mute", member, seconds: 60 })).toBe("not_staff");
    expect(await refused(bob, { type: "remove", member })).toBe("not_staff");
    expect(await refused(bob, { type: "close_room" })).toBe("not_staff");
    expect(await refused(staff, { type: "remove", member: staff.me.id })).toBe("is_staff");
    const other = await present(
      people.chat(room.session, bearer((await people.key("operator")).key)),
    );
    other.room.say("a", "on my way");
    await other.room.next("ack");
    await other.room.close();
    // Also of one who has gone.
    for (const type of ["mute", "remove"] as const) {
      const wish = { type, member: other.me.id, seconds: 60 };
      expect(await refused(staff, wish)).toBe("is_staff");
    }
    expect(await refused(staff, { type: "mute", member: "nobody", seconds: 60 })).toBe(
      "no_such_member",
    );
    expect(await refused(staff, { type: "claim" })).toBe("not_support");
    expect(await refused(staff, { type: "reopen_room" })).toBe("not_support");
    expect(await refused(ann, { type: "control", op: "ask" })).toBe("not_exclusive");
    expect(await refused(bob, { type: "edit", seq: 1, text: "not mine" })).toBe("not_author");
    expect(await refused(staff, { type: "mute", member, seconds: -1 })).toBe("malformed");
    expect(await said(ann, "still here")).toBe(2);
  });

  it("leaves a line in the audit for what it does to others", async () => {
    const seq = await said(bob, "rude");
    staff.room.does({ type: "delete", seq });
    staff.room.does({ type: "mute", member: bob.me.id, seconds: 60 });
    staff.room.does({ type: "remove", member: bob.me.id, seconds: 120 });
    await bob.room.closed;
    const lines = async () => {
      const page = (await people.asAdmin("GET", "/api/audit?limit=50")).json<Page<AuditEntry>>();
      return page.items
        .filter(({ target }) => target === `session:${room.session}`)
        .map(({ actor, action, detail }) => `${action} by ${actor}: ${detail}`);
    };
    let told = await lines();
    while (told.length < 3) told = await lines();
    const who = `Bob (${bob.me.id})`;
    expect(told.sort()).toEqual([
      "chat.message_deleted by admin token: message 1",
      `chat.muted by admin token: ${who}, for 60 s`,
      `chat.removed by admin token: ${who}, for 120 s`,
    ]);
  });
});

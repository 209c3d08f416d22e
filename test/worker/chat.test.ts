import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Member } from "../../protocol/chat.ts";
import { bearer } from "../support/call.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import type { RoomMember } from "../support/room-member.ts";

let rig: Rig;
let people: People;
let hostId: string;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  hostId = (await rig.enrol()).host_id;
});

afterAll(() => rig.stop());

/** A room, which people enter by name; without one, as the administrator. */
async function newRoom(): Promise<{
  session: string;
  enter(name?: string, query?: string): Promise<RoomMember>;
}> {
  const { session_id: session } = await rig.api.createSession({ host_id: hostId, port: 5900 });
  return {
    session,
    async enter(name, query = "") {
      const admin = bearer(ADMIN_TOKEN);
      const credential =
        name === undefined ? admin : { ticket: await people.ticket(session, admin, { name }) };
      const member = people.chat(session, credential, query);
      await member.opened();
      return member;
    },
  };
}

/** In no order that means anything. */
const namesOf = (members: Member[]) => members.map(({ name }) => name).sort();

describe("a session's chat room", () => {
  it("welcomes a member, and acknowledges and delivers what is said", async () => {
    const room = await newRoom();
    const one = await room.enter();
    expect((await one.next("welcome")).last_rev).toBe(0);
    const other = await room.enter("Ann");
    const { me, members } = await other.next("welcome");
    expect(me).toMatchObject({ name: "Ann", role: "viewer" });
    expect(namesOf(members)).toEqual(["Ann", "admin"]);
    one.say("a", "ahoy");
    expect(await one.next("ack")).toMatchObject({ cid: "a", seq: 1 });
    expect(await other.next("message")).toMatchObject({ seq: 1, rev: 1, text: "ahoy" });
  });

  it("sends many messages in few frames to who asks for that, and one a frame to others", async () => {
    const room = await newRoom();
    const one = await room.enter("Ann");
    const members = [await room.enter("Bob", "&batch=1"), await room.enter("Cid")];
    const frames = members.map((member) => {
      const counted: unknown[] = [];
      member.socket.on("message", (data) => counted.push(JSON.parse(String(data))));
      return counted;
    });
    for (let n = 1; n <= 100; n++) one.say(String(n), `message ${n}`);
    for (const member of members) {
      for (let seq = 1; seq <= 100; seq++) expect((await member.next("message")).seq).toBe(seq);
    }
    const arrays = frames.map((counted) => counted.filter((frame) => Array.isArray(frame)).length);
    expect(arrays[0]).toBeGreaterThan(0);
    expect(frames[0]?.length).toBeLessThan(100);
    expect(arrays[1]).toBe(0);
  });

  it("stores a message once, however often it is sent", async () => {
    const room = await newRoom();
    const one = await room.enter();
    const other = await room.enter();
    for (let n = 0; n < 3; n++) {
      one.say("same", "once");
      expect(await one.next("ack")).toMatchObject({ cid: "same", seq: 1 });
    }
    one.say("next", "twice");
    expect((await other.next("message")).text).toBe("once");
    expect((await other.next("message")).text).toBe("twice");
  });

  it("replays to a member what came after the change it has seen, and nothing to one without", async () => {
    const room = await newRoom();
    const one = await room.enter();
    for (const text of ["first", "second", "third"]) {
      one.say(text, text);
      await one.next("ack");
    }
    const returning = await room.enter(undefined, "&since=1");
    expect((await returning.next("welcome")).last_rev).toBe(3);
    expect((await returning.next("message")).text).toBe("second");
    expect((await returning.next("message")).text).toBe("third");
    const fresh = await room.enter();
    await fresh.next("presence");
    one.say("fourth", "fourth");
    expect((await fresh.next("message")).text).toBe("fourth");
  });

  it("answers what it cannot read with an error, and disturbs nobody else", async () => {
    const room = await newRoom();
    const one = await room.enter();
    const other = await room.enter();
    const bad = ["{", "[]", '{"type":"dance"}', '{"type":"send"}', Buffer.from("binary")];
    for (const frame of bad) {
      one.send(frame);
      expect((await one.next("error")).message).not.toBe("");
    }
    one.say("a", "still here");
    expect((await other.next("message")).text).toBe("still here");
    expect(other.messages.filter((message) => message.type === "error")).toEqual([]);
    one.send(JSON.stringify({ type: "send", cid: "b", text: "x".repeat(100_000) }));
    expect((await one.closed).code).toBe(4400);
  });

  it("is entered with a ticket, once, and closes when its session ends", async () => {
    const room = await newRoom();
    const { ticket } = await rig.api.ticket(room.session);
    const member = people.chat(room.session, { ticket });
    expect((await member.next("welcome")).me.role).toBe("viewer");
    const again = people.chat(room.session, { ticket });
    expect((await again.closed).code).toBe(4401);
    await rig.api.endSession(room.session);
    expect(await member.closed).toEqual({ code: 4410, reason: "The operator ended this session." });
  });

  it("shows a person once, however many tabs they have, and until the last one is closed", async () => {
    const room = await newRoom();
    const one = await room.enter("Ann");
    const { me } = await one.next("welcome");
    const tab = await room.enter("Ann");
    expect((await tab.next("welcome")).me.id).toBe(me.id);
    const other = await room.enter("Bob");
    expect(namesOf((await other.next("welcome")).members)).toEqual(["Ann", "Bob"]);
    await one.close();
    await other.next("presence"); // of their own coming
    expect(namesOf((await other.next("presence")).members)).toEqual(["Ann", "Bob"]);
    await tab.close();
    expect(namesOf((await other.next("presence")).members)).toEqual(["Bob"]);
  });

  it("stores once what two tabs of one person send with one cid, and twice what two people do", async () => {
    const room = await newRoom();
    const tabs = [await room.enter("Ann"), await room.enter("Ann")];
    for (const tab of tabs) {
      tab.say("same", "once");
      expect(await tab.next("ack")).toMatchObject({ seq: 1 });
    }
    const other = await room.enter("Bob");
    other.say("same", "another's");
    expect(await other.next("ack")).toMatchObject({ seq: 2 });
  });

  it("knows a person again who comes back, and shows nobody's credential", async () => {
    const room = await newRoom();
    const key = await people.key("operator");
    const cookie = people.browser(await people.signIn());
    const link = await people.shareLink(room.session);
    const guests = [await people.redeem(link.secret), await people.redeem(link.secret)];
    const [ann, bob] = guests.map(({ cookie }) => people.browser(cookie));
    const ids: string[] = [];
    const shown: string[] = [];
    for (const credential of [bearer(key.key), cookie, ann, bob]) {
      const headers = credential as Record<string, string>;
      const first = people.chat(room.session, headers);
      const { me } = await first.next("welcome");
      ids.push(me.id);
      await first.close();
      const again = people.chat(room.session, headers);
      expect((await again.next("welcome")).me).toEqual(me);
      shown.push(JSON.stringify(again.messages), JSON.stringify(me));
      await again.close();
    }
    expect(new Set(ids).size).toBe(4);
    expect(shown.join()).not.toContain(key.key_id);
    expect(shown.join()).not.toContain(link.link_id);
    // A guest's ticket is still theirs, by any name; a signed-in person's is, too.
    for (const [headers, id] of [
      [ann, ids[2]],
      [cookie, ids[1]],
    ] as [Record<string, string>, string][]) {
      const ticket = await people.ticket(room.session, headers, { name: "Somebody else" });
      const member = people.chat(room.session, { ticket });
      expect((await member.next("welcome")).me).toMatchObject({ id, name: "Somebody else" });
    }
  });

  it("shows who is an operator, a viewer or a guest, whatever they call themselves", async () => {
    const room = await newRoom();
    const key = async (role: "viewer" | "operator") => bearer((await people.key(role)).key);
    const link = await people.shareLink(room.session, { role: "view" });
    const guest = people.browser((await people.redeem(link.secret)).cookie);
    const signedIn = people.browser(await people.signIn());
    const named = { role: "view", name: "admin" } as const;
    const operator = await key("operator");
    const cases: [string, Parameters<typeof people.chat>[1]][] = [
      ["viewer", await key("viewer")],
      ["operator", operator],
      ["operator", signedIn],
      ["operator", { ticket: await people.ticket(room.session, signedIn) }],
      ["viewer", { ticket: await people.ticket(room.session, operator, named) }],
      ["guest", guest],
      ["guest", { ticket: await people.ticket(room.session, guest, named) }],
    ];
    for (const [role, credential] of cases) {
      const member = people.chat(room.session, credential);
      expect((await member.next("welcome")).me.role).toBe(role);
      await member.close();
    }
  });
});

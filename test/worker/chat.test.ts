import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RoomToClient } from "../../protocol/chat.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { Viewer } from "../support/viewer.ts";

let rig: Rig;
let hostId: string;

beforeAll(async () => {
  rig = await startRig();
  hostId = (await rig.enrol()).host_id;
});

afterAll(() => rig.stop());

/** A member of a room, whose messages are read one type at a time. */
class Member extends Viewer {
  readonly messages: RoomToClient[] = [];
  #wake: () => void = () => {};

  constructor(url: string) {
    super(url, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
    this.socket.on("message", (data: Buffer) => {
      this.messages.push(JSON.parse(data.toString()));
      this.#wake();
    });
  }

  /** The next message of that type; those before it are passed over. */
  next<Type extends RoomToClient["type"]>(
    type: Type,
  ): Promise<Extract<RoomToClient, { type: Type }>> {
    return new Promise((resolve) => {
      this.#wake = () => {
        const index = this.messages.findIndex((message) => message.type === type);
        if (index < 0) return;
        this.#wake = () => {};
        const found = this.messages.splice(0, index + 1).at(-1);
        resolve(found as Extract<RoomToClient, { type: Type }>);
      };
      this.#wake();
    });
  }

  say(cid: string, text: string): void {
    this.send(JSON.stringify({ type: "send", cid, text }));
  }
}

async function newRoom(): Promise<{ session: string; enter(query?: string): Promise<Member> }> {
  const { session_id } = await rig.api.createSession({ host_id: hostId, port: 5900 });
  const url = `${rig.edge.url.replace("http", "ws")}/chat-ws?room=session:${session_id}`;
  return {
    session: session_id,
    async enter(query = "") {
      const member = new Member(url + query);
      await member.opened();
      return member;
    },
  };
}

describe("a session's chat room", () => {
  it("welcomes a member, and acknowledges and delivers what is said", async () => {
    const room = await newRoom();
    const one = await room.enter();
    expect((await one.next("welcome")).last_rev).toBe(0);
    const other = await room.enter();
    expect((await other.next("welcome")).members).toHaveLength(2);
    one.say("a", "ahoy");
    expect(await one.next("ack")).toMatchObject({ cid: "a", seq: 1 });
    expect(await other.next("message")).toMatchObject({ seq: 1, rev: 1, text: "ahoy" });
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
    const returning = await room.enter("&since=1");
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
    const member = await room.enter(`&ticket=${ticket}`);
    expect((await member.next("welcome")).me.role).toBe("viewer");
    const again = await room.enter(`&ticket=${ticket}`);
    expect((await again.closed).code).toBe(4401);
    await rig.api.endSession(room.session);
    expect(await member.closed).toEqual({ code: 4410, reason: "The operator ended this session." });
  });
});

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Page } from "../../protocol/api.ts";
import type { InboxRoom, SupportRoom } from "../../protocol/chat.ts";
import { LINK_PING, LINK_PONG } from "../../protocol/limits.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { type Present, present } from "../support/chat-rooms.ts";
import { People } from "../support/people.ts";
import { PlayedAgent } from "../support/played-agent.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { RoomMember } from "../support/room-member.ts";
import type { Viewer } from "../support/viewer.ts";

/** Far more than a ping takes to arrive on a busy machine. */
const SILENCE_S = 3;
const PING_EVERY_MS = 250;

let rig: Rig;
let people: People;
let agent: PlayedAgent;
let session: string;
const pinging: NodeJS.Timeout[] = [];

beforeAll(async () => {
  rig = await startRig({ CHAT_SILENCE_SECONDS: String(SILENCE_S) });
  people = new People(rig);
});

beforeEach(async () => {
  agent = await PlayedAgent.start(rig);
  const body = { host_id: agent.hostId, port: 5900, control: "exclusive" } as const;
  session = (await rig.api.createSession(body)).session_id;
});

afterEach(async () => {
  for (const timer of pinging.splice(0)) clearInterval(timer);
  await rig.api.endSession(session);
  await agent.stop();
});

afterAll(() => rig.stop());

const ticket = async (name: string) => ({
  ticket: await people.ticket(session, bearer(ADMIN_TOKEN), { name }),
});

/** A member that never pings: its client was not written for that. */
const enter = async (name: string): Promise<Present> =>
  present(people.chat(session, await ticket(name)));

/** A member that has pinged, and was answered. */
async function enterPinging(name: string): Promise<Viewer> {
  const member = people.socket(`/chat-ws?room=session:${session}`, await ticket(name));
  await member.opened();
  await new Promise<void>((resolve) => {
    member.socket.on("message", (data) => {
      if (String(data) === LINK_PONG) resolve();
    });
    member.send(LINK_PING);
  });
  return member;
}

/** The same with the desktop open. */
async function enterWatching(name: string): Promise<Viewer> {
  await people.stream(session, await ticket(name)).receive(1);
  return enterPinging(name);
}

const ask = (member: Viewer) => member.send(JSON.stringify({ type: "control", op: "ask" }));

function keepPinging(member: Viewer): void {
  pinging.push(setInterval(() => member.send(LINK_PING), PING_EVERY_MS));
}

/** As when a lid is closed: its TCP stays, and nothing is read or said any more. */
function vanish(member: Viewer): void {
  member.socket.pause();
}

/** Waits until so many are shown to be in the room. @returns their names */
async function shown({ room }: Present, count: number): Promise<string[]> {
  for (;;) {
    const { members } = await room.next("presence");
    if (members.length === count) return members.map(({ name }) => name).sort();
  }
}

describe("a member who is gone without a word", () => {
  it("leaves; one who pings stays, and so does one who never did", async () => {
    const witness = await enter("Witness");
    const alive = await enterPinging("Alive");
    keepPinging(alive);
    const gone = await enterPinging("Gone");
    expect(await shown(witness, 3)).toEqual(["Alive", "Gone", "Witness"]);
    vanish(gone);
    expect(await shown(witness, 2)).toEqual(["Alive", "Witness"]);
    await rig.edgeLog.waitFor("chat.silent", { room: `session:${session}` });
    // By then both others have been there for longer than one may be silent.
    const late = await enter("Late");
    expect(await shown(late, 3)).toEqual(["Alive", "Late", "Witness"]);
    expect(alive.socket.readyState).toBe(1);
  });

  it("is told so, to connect again, if they are there after all", async () => {
    await enter("Witness");
    const gone = await enterPinging("Gone");
    expect(await gone.closed).toEqual({
      code: 1001,
      reason: `Nothing came from you for ${SILENCE_S} s; connect again.`,
    });
  });

  it("neither controls nor waits for that any more, and is found by a room that slept", async () => {
    const holder = await enterWatching("Holder");
    const waiting = await enterWatching("Waiting");
    const witness = await enter("Witness");
    await people.stream(session, await ticket("Witness")).receive(1);
    for (const member of [waiting, holder]) {
      ask(member);
      vanish(member);
    }
    while ((await witness.room.holder("Holder")).asking.length === 0);
    witness.room.wants("ask");
    await witness.room.next("control");
    await rig.evict("ChatRoom", `session:${session}`, "hibernate");
    expect(await witness.room.holder("Witness")).toMatchObject({ asking: [] });
    expect(await shown(await enter("Late"), 2)).toEqual(["Late", "Witness"]);
  });

  it("keeps control if only one of their tabs is gone", async () => {
    const tab = await enterWatching("Holder");
    keepPinging(await enterPinging("Holder"));
    const witness = await enter("Witness");
    vanish(tab);
    await rig.edgeLog.waitFor("chat.silent", { room: `session:${session}` });
    // What is asked after that is answered as it is then.
    const late = await enter("Late");
    await late.room.holder("Holder");
    expect(await shown(late, 3)).toEqual(["Holder", "Late", "Witness"]);
    expect(witness.room.messages.filter(({ type }) => type === "control")).toHaveLength(1);
  });

  it("alone is found by who comes next: until then no alarm rings", async () => {
    vanish(await enterPinging("Gone"));
    await new Promise((resolve) => setTimeout(resolve, SILENCE_S * 1000));
    // The runtime makes its table of alarms, which nobody else may read, with the first one.
    const alarms = rig.stored("ChatRoom", `session:${session}`, "SELECT * FROM _cf_METADATA");
    await expect(alarms).rejects.toThrow(/no such table/);
    expect(await shown(await enter("Other"), 1)).toEqual(["Other"]);
  });
});

describe("a support room that nobody can come back to", () => {
  const admin = bearer(ADMIN_TOKEN);
  let support: SupportRoom;

  const connect = (headers: Record<string, string>) =>
    new RoomMember(`${rig.edge.url.replace("http", "ws")}/chat-ws?room=${support.room}`, {
      headers,
    });

  /** Waits until the inbox has the room, or does not. */
  const listed = (wanted: boolean) =>
    poll(30_000, `the room to be listed: ${wanted}`, async () => {
      const { items } = (await people.asAdmin("GET", "/api/chat/rooms")).json<Page<InboxRoom>>();
      return items.some(({ room }) => room === support.room) === wanted;
    });

  it("is in the inbox no more once nothing said there is kept, and then is none", async () => {
    const opened = await people.call("/api/chat/support", { method: "POST", body: {} });
    support = opened.json<SupportRoom>();
    const guest = await present(connect(people.browser(opened.cookie)));
    guest.room.say("a", "help");
    await listed(true);
    const old = (ms: number) =>
      rig.stored("ChatRoom", support.room, `UPDATE history SET at = ${ms}`);
    await old(Date.now() - 91 * 24 * 60 * 60_000);
    // With two of them there the room's alarm rings, which also looks for what is too old.
    const staff = await present(connect(admin));
    await listed(false);
    guest.room.say("b", "still there?");
    await listed(true);
    await old(0);
    await rig.stored("ChatRoom", support.room, "UPDATE support SET good_until = 0");
    await staff.room.close();
    await present(connect(admin));
    await listed(false);
    await poll(30_000, "the room to be none", async () => {
      const late = connect(admin);
      const first = await Promise.race([late.closed, late.next("welcome")]);
      await late.close();
      return "code" in first && first.code === 4404;
    });
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Page } from "../../protocol/api.ts";
import type { ChatChange } from "../../protocol/chat.ts";
import { CHAT_BURST } from "../../protocol/limits.ts";
import { bearer } from "../support/call.ts";
import { type Present, SessionRoom } from "../support/chat-rooms.ts";
import { People } from "../support/people.ts";
import { PlayedAgent } from "../support/played-agent.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

const HISTORY = 50_000;
/** What a room keeps, and after how many messages it looks. */
const KEPT_MESSAGES = 100_000;
const PRUNE_EVERY = 256;
/** A text of 4,000 characters and 12,000 bytes, in SQL. */
const HAN = "replace(hex(zeroblob(2000)), '00', '漢字')";
/** As many characters, each of which is six in JSON. */
const CONTROL_CHARACTERS = "replace(hex(zeroblob(2000)), '00', char(1, 1))";
const DAY_MS = 24 * 60 * 60_000;

let rig: Rig;
let people: People;
let room: SessionRoom;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
});

afterAll(() => rig.stop());

/**
 * Puts messages after the first one straight into storage; the room reads it anew.
 * @param text in SQL
 */
async function fill(from: number, to: number, text = "'message ' || i"): Promise<void> {
  const author = JSON.stringify({ id: "filler", name: "Filler", role: "viewer" });
  await room.stored(
    `WITH RECURSIVE n (i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${to})
     INSERT INTO history (seq, rev, sender, cid, author, text, at)
     SELECT i, i, 'filler', 'c' || i, '${author}', ${text}, ${Date.now()} FROM n`,
  );
  await room.evict("close");
}

const page = (query: string, headers?: Record<string, string>) =>
  people
    .call(`/api/chat/rooms/session:${room.session}/messages${query}`, {
      headers: headers ?? bearer(ADMIN_TOKEN),
    })
    .then((answer) => answer.json<Page<ChatChange>>());

/** Reads changes until one has that rev. @returns their revs */
async function readTo(member: Present, rev: number): Promise<number[]> {
  const revs: number[] = [];
  while (revs.at(-1) !== rev) revs.push((await member.room.next("message")).rev);
  return revs;
}

/** The marks that a member is asked about from now on, as they come. */
function marksOf({ room: member }: Present): readonly string[] {
  const marks: string[] = [];
  member.socket.on("message", (data) => {
    for (const message of [JSON.parse(String(data))].flat()) {
      if (message.type === "sync") marks.push(message.mark);
    }
  });
  return marks;
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n);

describe("a room with 50,000 messages", () => {
  beforeAll(async () => {
    room = await SessionRoom.make(rig, people);
    const first = await room.enter("Ann");
    first.room.say("first", "first");
    await first.room.next("ack");
    await fill(2, HISTORY);
  });

  it("is paged back from the newest to the first, without gap or repetition", async () => {
    const seqs: number[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const { items, next_cursor }: Page<ChatChange> = await page(
        `?limit=100${cursor && `&before=${cursor}`}`,
      );
      seqs.push(...items.map(({ seq }) => seq));
      cursor = next_cursor;
    }
    expect(seqs).toEqual(range(1, HISTORY).reverse());
  });

  it("is resumed by a client that answers sync in one go, in order", async () => {
    const member = await room.enter("Bob", "&since=1&batch=1");
    expect(await readTo(member, HISTORY)).toEqual(range(2, HISTORY));
    member.room.say("new", "after all that");
    expect((await member.room.next("message")).rev).toBe(HISTORY + 1);
    await member.room.close();
  });

  it("is resumed by one that does not in several goes, each ended with 4429", async () => {
    const goal = HISTORY + 1;
    let since = 30_000;
    let goes = 0;
    while (since < goal) {
      const member = await room.enter("Cid", `&since=${since}`);
      const revs: number[] = [];
      member.room.onMessage = (message) => {
        if (message.type === "message") revs.push(message.rev);
        if (revs.at(-1) === goal) void member.room.close();
      };
      const seen = member.room.messages.flatMap((message) =>
        message.type === "message" ? [message.rev] : [],
      );
      const { code } = await member.room.closed;
      const all = [...seen, ...revs];
      expect(all).toEqual(range(since + 1, since + all.length));
      since = all.at(-1) ?? goal;
      if (since < goal) expect(code).toBe(4429);
      goes++;
    }
    expect(goes).toBeGreaterThan(1);
  });

  it("is sent a client that stops answering sync only in part, while it goes on for the others", async () => {
    const slow = await room.enter("Slow", "&since=1&batch=1");
    slow.room.answersSync = false;
    slow.room.socket.pause();
    const other = await room.enter("Other");
    other.room.say("meanwhile", "heard at once");
    expect((await other.room.next("message")).text).toBe("heard at once");
    slow.room.socket.resume();
    slow.room.does({ type: "typing" });
    slow.room.does({ type: "edit", seq: 1, text: "not mine" });
    await slow.room.next("error"); // sent after all that could be on its way to it
    const told = slow.room.messages;
    expect(told.length).toBeLessThan(10_000);
    slow.room.socket.terminate();
    await other.room.close();
  });
});

describe("who controls", () => {
  it("is told to a client that was behind when that changed, also if the room slept since", async () => {
    const agent = await PlayedAgent.start(rig);
    const body = { host_id: agent.hostId, port: 5900, control: "exclusive" } as const;
    room = new SessionRoom(rig, people, (await rig.api.createSession(body)).session_id);
    const ann = await room.enter("Ann");
    ann.room.say("first", "first");
    await ann.room.next("ack");
    await fill(2, 1_000, HAN);
    const slow = await room.enter("Slow", "&since=1&batch=1");
    slow.room.answersSync = false;
    const marks = marksOf(slow);
    slow.room.does({ type: "edit", seq: 1, text: "not mine" });
    await slow.room.next("error"); // sent after all that could be on its way to it
    const again = await room.enter("Ann");
    const ticket = await people.ticket(room.session, bearer(ADMIN_TOKEN), { name: "Ann" });
    await people.stream(room.session, { ticket }).receive(1);
    await again.room.holder("Ann");
    await room.evict("hibernate");
    slow.room.answersSync = true;
    for (const mark of marks) slow.room.does({ type: "sync", mark });
    await slow.room.holder("Ann");
    await rig.api.endSession(room.session);
    await agent.stop();
  });
});

describe("a room's history", () => {
  beforeAll(async () => {
    room = await SessionRoom.make(rig, people);
  });

  it("is for those who may enter the room, of an ended session for operators", async () => {
    const path = `/api/chat/rooms/session:${room.session}/messages`;
    const ann = await room.enter("Ann");
    ann.room.say("a", "ahoy");
    await ann.room.next("ack");
    const viewer = bearer((await people.key("viewer")).key);
    const operator = bearer((await people.key("operator")).key);
    const guest = people.browser(
      (await people.redeem((await people.shareLink(room.session)).secret)).cookie,
    );
    const statuses = async () =>
      Promise.all(
        [{}, guest, viewer, operator].map(
          async (headers) => (await people.call(path, { headers })).status,
        ),
      );
    expect(await statuses()).toEqual([401, 200, 200, 200]);
    const elsewhere = "/api/chat/rooms/session:another/messages";
    expect((await people.call(elsewhere, { headers: guest })).status).toBe(401);
    await rig.api.endSession(room.session);
    expect(await statuses()).toEqual([401, 401, 410, 200]);
    expect((await page("", operator)).items).toMatchObject([{ seq: 1, text: "ahoy" }]);
  });

  it("is sent by its bytes, of which a character can have three", async () => {
    room = await SessionRoom.make(rig, people);
    const ann = await room.enter("Ann");
    ann.room.say("first", "first");
    await ann.room.next("ack");
    await fill(2, 500, HAN);
    const plain = await room.enter("Plain", "&since=1");
    let bytes = 0;
    plain.room.onMessage = (message) => {
      bytes += Buffer.byteLength(JSON.stringify(message));
    };
    expect((await plain.room.closed).code).toBe(4429);
    expect(bytes).toBeLessThan(1.1 * 1024 * 1024);
  });

  it("goes on for a client that says something meanwhile, however little room there is", async () => {
    room = await SessionRoom.make(rig, people);
    const ann = await room.enter("Ann");
    ann.room.say("first", "first");
    await ann.room.next("ack");
    await fill(2, 100, CONTROL_CHARACTERS);
    // With so many a piece of this history is about as much as may be on its way to each.
    const crowd = await Promise.all(
      Array.from({ length: 130 }, (_, n) => room.enter(`One of ${n % 5}`, "&batch=1")),
    );
    const late = await room.enter("Late", "&since=0&batch=1");
    late.room.answersSync = false;
    late.room.socket.on("message", (data) => {
      for (const message of [JSON.parse(String(data))].flat()) {
        if (message.type !== "sync") continue;
        // What this is answered is sent, and is not known to have arrived.
        late.room.does({ type: "edit", seq: 1, text: "not mine" });
        late.room.does(message);
      }
    });
    while ((await late.room.next("message")).seq < 100);
    for (const { room } of crowd) room.socket.terminate();
  });

  it("goes on for who has used up what they may say: what the room asks them costs nothing", async () => {
    room = await SessionRoom.make(rig, people);
    const ann = await room.enter("Ann");
    ann.room.say("first", "first");
    await ann.room.next("ack");
    await fill(2, 500, HAN);
    const late = await room.enter("Late", "&since=1&batch=1");
    late.room.answersSync = false;
    const marks = marksOf(late);
    late.room.does({ type: "edit", seq: 1, text: "not mine" });
    await late.room.next("error"); // sent after all that could be on its way to it
    const otherTab = await room.enter("Late");
    for (let n = 0; n < CHAT_BURST + 10; n++) otherTab.room.does({ type: "typing" });
    expect(await otherTab.room.next("error")).toMatchObject({ code: "too_fast" });
    late.room.answersSync = true;
    for (const mark of marks) late.room.does({ type: "sync", mark });
    while ((await late.room.next("message")).seq < 500);
  });

  it("is kept up to 100,000 messages: of what is older no more is found", async () => {
    room = await SessionRoom.make(rig, people);
    const ann = await room.enter("Ann");
    ann.room.say("first", "first");
    await ann.room.next("ack");
    const last = Math.ceil((KEPT_MESSAGES + 1) / PRUNE_EVERY) * PRUNE_EVERY;
    await fill(2, last - 1);
    const again = await room.enter("Ann");
    again.room.say("last", "last");
    await again.room.next("ack");
    const oldest = last - KEPT_MESSAGES + 1;
    expect((await page(`?before=${oldest + 2}`)).items.map(({ seq }) => seq)).toEqual([
      oldest + 1,
      oldest,
    ]);
    const late = people.chat(room.session, bearer(ADMIN_TOKEN), "&since=0");
    expect(await late.next("welcome")).toMatchObject({ last_rev: last, from_rev: oldest });
  });

  it("is kept for 90 days: what is older is gone, and who missed it is told from where it is kept", async () => {
    room = await SessionRoom.make(rig, people);
    const ann = await room.enter("Ann");
    for (const cid of ["a", "b", "c"]) {
      ann.room.say(cid, cid);
      await ann.room.next("ack");
    }
    await room.stored(`UPDATE history SET at = ${Date.now() - 91 * DAY_MS} WHERE seq <= 2`);
    await room.evict("close");
    const late = people.chat(room.session, bearer(ADMIN_TOKEN), "&since=0");
    expect(await late.next("welcome")).toMatchObject({ last_rev: 3, from_rev: 3 });
    expect((await late.next("message")).seq).toBe(3);
    expect(await room.stored("SELECT seq FROM history")).toEqual([{ seq: 3 }]);
    await room.stored(`UPDATE history SET at = ${Date.now() - 91 * DAY_MS}`);
    await room.evict("close");
    // Nothing is kept, and still no number is given twice.
    const last = await room.enter("Ann");
    last.room.say("d", "d");
    expect(await last.room.next("ack")).toMatchObject({ seq: 4 });
  });
});

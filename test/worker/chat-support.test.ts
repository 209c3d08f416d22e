import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditEntry, Page } from "../../protocol/api.ts";
import type { InboxRoom, SupportRoom } from "../../protocol/chat.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { type Present, present } from "../support/chat-rooms.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { RoomMember } from "../support/room-member.ts";

/** How late the index may be at most, on a busy machine. */
const LISTED_MS = 30_000;

let rig: Rig;
let people: People;
let operator: Record<string, string>;
let addresses = 1;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  operator = bearer((await people.key("operator", "Olga")).key);
});

afterAll(() => rig.stop());

/** A guest's browser, each from an address of its own. */
type Guest = SupportRoom & { headers: Record<string, string> };

const post = (body: object, headers: Record<string, string>, from?: string) =>
  people.call("/api/chat/support", { method: "POST", body, headers, ...(from && { from }) });

async function open(name?: string): Promise<Guest> {
  const from = `127.0.1.${addresses++}`;
  const answer = await people.wanted(201, post(name ? { name } : {}, {}, from));
  return { ...answer.json<SupportRoom>(), headers: people.browser(answer.cookie) };
}

function connect(room: string, headers: Record<string, string>, query = ""): RoomMember {
  const url = `${rig.edge.url.replace("http", "ws")}/chat-ws?room=${room}${query}`;
  return new RoomMember(url, { headers });
}

const enter = (room: string, headers: Record<string, string>, query = ""): Promise<Present> =>
  present(connect(room, headers, query));

async function inbox(query = "", headers = operator): Promise<Page<InboxRoom>> {
  const answer = people.call(`/api/chat/rooms${query}`, { headers });
  return (await people.wanted(200, answer)).json<Page<InboxRoom>>();
}

/** The room in the inbox, once that is as it should be: the index may be seconds late. */
async function listed(
  room: string,
  holds: (entry: InboxRoom) => boolean,
  options: { query?: string; headers?: Record<string, string> } = {},
): Promise<InboxRoom> {
  let found: InboxRoom | undefined;
  await poll(LISTED_MS, `${room} to be listed so`, async () => {
    const { items } = await inbox(options.query, options.headers);
    found = items.find((entry) => entry.room === room && holds(entry));
    return found !== undefined;
  });
  return found as InboxRoom;
}

describe("a browser in which staff is signed in", () => {
  it("opens no support room, and is told of the inbox and of a window without that", async () => {
    const signedIn = people.browser(await people.signIn());
    const options = { headers: signedIn };
    for (const answer of [
      await people.call("/api/chat/support", options),
      await people.call("/api/chat/support", {
        ...options,
        method: "POST",
        body: { name: "Olga" },
      }),
    ]) {
      expect(answer.status).toBe(409);
      expect(answer.json()).toMatchObject({
        code: "signed_in",
        detail: expect.stringMatching(/the inbox.*a window in which you are not signed in/),
      });
      expect(answer.cookie).toBe("");
    }
  });
});

describe("a support room", () => {
  let guest: Guest;

  beforeEach(async () => {
    guest = await open("Gina");
  });

  it("is opened without an account, by a name, and found again by the same browser", async () => {
    expect(guest).toMatchObject({ room: expect.stringMatching(/^support:/), name: "Gina" });
    const { room, me } = await enter(guest.room, guest.headers);
    expect(me).toMatchObject({ name: "Gina", role: "guest" });
    room.say("a", "help");
    await room.next("ack");
    for (const answer of [
      people.call("/api/chat/support", { headers: guest.headers }),
      post({ name: "Another" }, guest.headers),
    ]) {
      const again = await people.wanted(200, answer);
      expect(again.json()).toMatchObject({ room: guest.room, name: "Gina" });
      expect(again.setCookie).toMatch(/HttpOnly.*SameSite=Lax/i);
    }
    const back = await enter(guest.room, guest.headers, "&since=0");
    expect(back.me).toEqual(me);
    expect((await back.room.next("message")).text).toBe("help");
    const page = `/api/chat/rooms/${guest.room}/messages`;
    const answer = await people.call(page, { headers: guest.headers });
    expect(answer.json<Page<object>>().items).toMatchObject([{ text: "help" }]);
  });

  it("keeps of its guest's secret a hash only, and of an opened one a line in the audit", async () => {
    const secret = guest.headers.cookie?.split(".")[1] ?? "";
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const stored = await rig.stored("ChatRoom", guest.room, "SELECT * FROM support");
    expect(JSON.stringify(stored)).not.toContain(secret);
    const { text } = await people.asAdmin("GET", "/api/audit");
    const lines = (JSON.parse(text) as Page<AuditEntry>).items;
    expect(lines).toContainEqual(
      expect.objectContaining({ action: "chat.room_opened", target: guest.room }),
    );
    expect(text).not.toContain(secret);
  });

  it("is entered by nobody else: another guest, a viewer, a ticket, nobody, another page", async () => {
    const other = await open();
    const viewer = bearer((await people.key("viewer")).key);
    const foreign = { ...guest.headers, origin: "https://elsewhere.example" };
    const cases: [number, string, Record<string, string>][] = [
      [4403, guest.room, other.headers],
      [4403, "support:nobody-knows", other.headers],
      [4403, guest.room, viewer],
      [4403, guest.room, foreign],
      [4403, guest.room, { cookie: guest.headers.cookie ?? "" }],
      [4401, guest.room, {}],
      [4401, guest.room, people.browser(`porthole-support=${guest.room.slice(8)}.wrong`)],
      [4404, "support:nobody-knows", operator],
      [4401, "session:nobody-knows", guest.headers],
      [4400, "lounge:1", operator],
    ];
    for (const [code, room, headers] of cases) {
      expect([code, (await connect(room, headers).closed).code]).toEqual([code, code]);
    }
    const ticket = connect(guest.room, {}, "&ticket=any");
    expect([4401, 4403, 4404]).toContain((await ticket.closed).code);
    const page = `/api/chat/rooms/${guest.room}/messages`;
    for (const [status, headers] of [
      [403, other.headers],
      [403, viewer],
      [401, {}],
      [200, operator],
    ] as [number, Record<string, string>][]) {
      expect((await people.call(page, { headers })).status).toBe(status);
    }
    for (const path of ["/api/chat/rooms", "/api/hosts", "/api/vnc/sessions"]) {
      expect((await people.call(path, { headers: guest.headers })).status).toBe(401);
    }
  });

  it("waits, is claimed, answered, closed, and opened again by what its guest says or by staff", async () => {
    const { room } = await enter(guest.room, guest.headers);
    expect((await room.next("room")).waiting_since).toBeNull();
    room.say("a", "help");
    const waiting = await room.next("room");
    expect(waiting).toMatchObject({ state: "open", claimed_by: null });
    expect(waiting.waiting_since).toMatch(/^\d{4}-/);
    const staff = await enter(guest.room, operator, "&since=0");
    expect(staff.me).toMatchObject({ name: "Olga", role: "operator" });
    expect(await staff.room.next("room")).toEqual(waiting);

    room.does({ type: "claim" });
    expect((await room.next("error")).code).toBe("not_staff");
    staff.room.does({ type: "claim" });
    expect(await room.next("room")).toMatchObject({ claimed_by: staff.me });
    staff.room.say("b", "how?");
    expect((await room.next("room")).waiting_since).toBeNull();
    staff.room.does({ type: "close_room" });
    expect(await room.next("room")).toMatchObject({ state: "closed", claimed_by: null });
    room.say("c", "one more thing");
    const asked = await room.next("room");
    expect(asked).toMatchObject({ state: "open", waiting_since: expect.any(String) });
    room.does({ type: "control", op: "ask" });
    expect((await room.next("error")).code).toBe("not_exclusive");
    staff.room.does({ type: "close_room" });
    expect(await room.next("room")).toMatchObject({ state: "closed", waiting_since: null });
    room.does({ type: "reopen_room" });
    expect((await room.next("error")).code).toBe("not_staff");
    // Once is enough: what is open stays as it is, and leaves no line.
    for (let n = 0; n < 2; n++) staff.room.does({ type: "reopen_room" });
    for (let n = 0; n < 2; n++) {
      // What nobody answered waits as before.
      expect(await room.next("room")).toEqual(asked);
    }

    const audit = async () =>
      (await people.asAdmin("GET", "/api/audit?limit=200"))
        .json<Page<AuditEntry>>()
        .items.filter(({ target }) => target === guest.room)
        .map(({ action }) => action);
    let actions = await audit();
    while (actions.length < 7) actions = await audit();
    expect(actions.sort()).toEqual([
      "chat.claimed",
      "chat.done",
      "chat.done",
      "chat.opened",
      "chat.opened",
      "chat.reopened",
      "chat.room_opened",
    ]);
  });

  it("is not read any more by its guest, if staff removes them", async () => {
    const { me, room } = await enter(guest.room, guest.headers);
    const staff = await enter(guest.room, operator);
    staff.room.does({ type: "remove", member: me.id, seconds: 60 });
    await room.closed;
    const page = `/api/chat/rooms/${guest.room}/messages`;
    const refused = await people.call(page, { headers: guest.headers });
    expect(refused).toMatchObject({ status: 403, code: "removed" });
    expect((await people.call(page, { headers: operator })).status).toBe(200);
  });

  it("closes staff whose key is revoked, and nobody else", async () => {
    const { room } = await enter(guest.room, guest.headers);
    const key = await people.key("operator");
    const staff = await enter(guest.room, bearer(key.key));
    await people.wanted(204, people.asAdmin("DELETE", `/api/keys/${key.key_id}`));
    expect((await staff.room.closed).code).toBe(4401);
    room.say("a", "still here");
    await room.next("ack");
  });
});

describe("the inbox", () => {
  it("has who waits since when, what was said last, and what the one who asks has not read", async () => {
    const guest = await open("Gina");
    const silent = await open("Silent");
    const { room } = await enter(guest.room, guest.headers);
    await enter(silent.room, silent.headers);
    await room.next("room");
    for (const text of ["one", "two", "three"]) room.say(text, text);
    const entry = await listed(guest.room, ({ unread }) => unread === 3);
    expect(entry).toMatchObject({ guest: "Gina", state: "open", claimed_by: null });
    expect(entry.last_message).toMatchObject({ seq: 3, from: "Gina", text: "three" });
    const first = (await room.next("room")).waiting_since;
    expect(entry.waiting_since).toBe(first);
    // Nothing was said there yet: nobody has to look.
    const { items } = await inbox();
    expect(items.map((listed) => listed.room)).not.toContain(silent.room);

    const staff = await enter(guest.room, operator, "&since=0");
    staff.room.does({ type: "read", seq: 2 });
    await listed(guest.room, ({ unread }) => unread === 1);
    const admin = bearer(ADMIN_TOKEN);
    expect((await listed(guest.room, () => true, { headers: admin })).unread).toBe(3);
    staff.room.does({ type: "claim" });
    staff.room.say("answer", "answer");
    const answered = await listed(guest.room, (now) => now.waiting_since === null);
    expect(answered).toMatchObject({ unread: 0, claimed_by: { name: "Olga", me: true } });
    const seen = await listed(guest.room, ({ unread }) => unread === 4, { headers: admin });
    expect(seen.claimed_by).toEqual({ name: "Olga", me: false });
    staff.room.does({ type: "delete", seq: 4 });
    await listed(guest.room, ({ last_message }) => last_message.text === null);
    staff.room.does({ type: "close_room" });
    await listed(guest.room, ({ state }) => state === "closed", { query: "?state=closed" });
    expect((await inbox()).items.map((listed) => listed.room)).not.toContain(guest.room);
    staff.room.does({ type: "reopen_room" });
    const reopened = await listed(guest.room, () => true);
    expect(reopened).toMatchObject({ state: "open", claimed_by: null, waiting_since: null });
  });

  it("counts nothing that was deleted, and nobody waits for an answer to it", async () => {
    const guest = await open("Gina");
    const { room } = await enter(guest.room, guest.headers);
    await room.next("room");
    for (const text of ["one", "two", "three"]) {
      room.say(text, text);
      await room.next("ack");
    }
    const waited = (await listed(guest.room, ({ unread }) => unread === 3)).waiting_since;
    const staff = await enter(guest.room, operator, "&since=0");
    staff.room.does({ type: "read", seq: 2 });
    await listed(guest.room, ({ unread }) => unread === 1);
    const admin = { headers: bearer(ADMIN_TOKEN) };
    // Of what somebody has read, too: what they have not read stays as much.
    room.does({ type: "delete", seq: 1 });
    await listed(guest.room, ({ unread }) => unread === 2, admin);
    const one = await listed(guest.room, ({ unread }) => unread === 1);
    expect(Date.parse(one.waiting_since ?? "")).toBeGreaterThanOrEqual(Date.parse(waited ?? ""));
    room.does({ type: "delete", seq: 3 });
    await listed(guest.room, ({ unread }) => unread === 0);
    expect((await listed(guest.room, ({ unread }) => unread === 1, admin)).waiting_since).toBe(
      one.waiting_since,
    );
    room.does({ type: "delete", seq: 2 });
    const none = await listed(guest.room, ({ waiting_since }) => waiting_since === null, admin);
    expect(none).toMatchObject({ state: "open", unread: 0 });
    for (;;) if ((await room.next("room")).waiting_since === null) break;
    room.say("four", "four");
    for (const who of [{}, admin]) {
      const waits = await listed(guest.room, ({ last_message }) => last_message.seq === 4, who);
      expect([waits.unread, waits.waiting_since]).toEqual([1, expect.any(String)]);
    }
  });

  it("lists who waits the longest first, page by page", async () => {
    const guests: Guest[] = [];
    for (let n = 0; n < 5; n++) {
      const guest = await open(`Guest ${n}`);
      const { room } = await enter(guest.room, guest.headers);
      room.say("a", "help");
      await listed(guest.room, () => true);
      guests.push(guest);
    }
    const rooms: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query = `?state=waiting&limit=2${cursor && `&cursor=${cursor}`}`;
      const page: Page<InboxRoom> = await inbox(query);
      expect(page.items.length).toBeLessThanOrEqual(2);
      rooms.push(...page.items.map(({ room }) => room));
      cursor = page.next_cursor;
    }
    const ours = new Set(guests.map(({ room }) => room));
    expect(rooms.filter((room) => ours.has(room))).toEqual(guests.map(({ room }) => room));
    expect(new Set(rooms).size).toBe(rooms.length);
    for (const query of ["?state=all", "?cursor=x", "?limit=0"]) {
      expect((await people.call(`/api/chat/rooms${query}`, { headers: operator })).status).toBe(
        400,
      );
    }
  });

  it("hears what it was not told once the registry, or the room, is back", async () => {
    const guest = await open("Gina");
    const { room } = await enter(guest.room, guest.headers);
    room.say("a", "help");
    await listed(guest.room, () => true);
    // As if the room had gone before it told.
    await rig.stored(
      "Registry",
      "registry",
      `DELETE FROM support_rooms WHERE room = '${guest.room}'`,
    );
    await rig.stored("ChatRoom", guest.room, "UPDATE support SET version = version + 1");
    const options = { name: guest.room, webSockets: "close" as const };
    await rig.edge.miniflare.unsafeEvictDurableObject("porthole", "ChatRoom", options);
    await enter(guest.room, guest.headers);
    expect((await listed(guest.room, () => true)).guest).toBe("Gina");
  });
});

describe("opening support rooms", () => {
  it("is limited to ten an hour for each address; others are not affected", async () => {
    const from = "127.0.2.1";
    for (let n = 0; n < 10; n++) await people.wanted(201, post({}, {}, from));
    const refused = await post({}, {}, from);
    expect(refused).toMatchObject({ status: 429, code: "too_many_rooms" });
    expect(refused.json<{ detail: string }>().detail).toMatch(/10 chats .* an hour/);
    await people.wanted(201, post({}, {}, "127.0.2.2"));
  });

  it("is not for a foreign page, and a name is text of at most 80 characters", async () => {
    const foreign = await post({}, { origin: "https://elsewhere.example" });
    expect(foreign).toMatchObject({ status: 403, code: "origin_not_allowed" });
    expect((await post({ name: "x".repeat(81) }, {})).status).toBe(400);
    const markup = await open("<b onclick=alert(1)>Gina</b>");
    expect((await enter(markup.room, markup.headers)).me.name).toBe("<b onclick=alert(1)>Gina</b>");
  });
});

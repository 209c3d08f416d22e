import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SupportRoom } from "../../protocol/chat.ts";
import type { Change } from "../../protocol/events.ts";
import { KEPT_CHANGES } from "../../protocol/limits.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { present } from "../support/chat-rooms.ts";
import type { EventWatcher } from "../support/event-watcher.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { RoomMember } from "../support/room-member.ts";

/** How long what an object has to tell may be on its way. */
const TOLD_MS = 20_000;

let rig: Rig;
let people: People;
let host: string;
let operator: Record<string, string>;
let viewer: Record<string, string>;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  host = (await rig.enrol()).host_id;
  // The first that the registry hears of a host is no change yet.
  await people.asAdmin("PATCH", `/api/hosts/${host}`, { label: "first" });
  await poll(TOLD_MS, "the registry to hear of the host", async () => {
    return (await rig.api.hosts()).items.some(({ label }) => label === "first");
  });
  operator = bearer((await people.key("operator", "Olga")).key);
  viewer = bearer((await people.key("viewer", "Vera")).key);
});

afterAll(() => rig.stop());

async function watch(as: Record<string, string>, since?: number): Promise<EventWatcher> {
  const watcher = people.events(as, since);
  await watcher.first();
  return watcher;
}

/** Something that everybody who watches is told of. */
async function rename(...watchers: EventWatcher[]): Promise<Change[]> {
  const counts = watchers.map((watcher) => watcher.changesOf("host", host).length);
  await people.asAdmin("PATCH", `/api/hosts/${host}`, { label: crypto.randomUUID() });
  const heard = watchers.map((it, n) =>
    it.changeTimes((counts[n] ?? 0) + 1, "host", host, "renamed"),
  );
  return Promise.all(heard);
}

async function open(): Promise<{
  name: string;
  enter(as?: Record<string, string>): Promise<RoomMember>;
}> {
  const path = "/api/chat/support";
  const made = people.call(path, { method: "POST", body: { name: "Gina" }, headers: {} });
  const answer = await people.wanted(201, made);
  const { room } = answer.json<SupportRoom>();
  const guest = people.browser(answer.cookie);
  const url = `${rig.edge.url.replace("http", "ws")}/chat-ws?room=${room}`;
  const enter = async (as = guest) => (await present(new RoomMember(url, { headers: as }))).room;
  return { name: room, enter };
}

describe("what changes of a support room", () => {
  it("is told to an operator: that it waits, is claimed, answered, closed and opened again", async () => {
    const watcher = await watch(operator);
    const room = await open();
    const guest = await room.enter();
    guest.say("a", "help");
    for (const change of ["opened", "waiting", "message"] as const) {
      await watcher.change("room", room.name, change);
    }
    const staff = await room.enter(operator);
    staff.does({ type: "read", seq: 1 });
    await watcher.change("room", room.name, "read");
    staff.does({ type: "claim" });
    await watcher.change("room", room.name, "claimed");
    staff.say("b", "on it");
    await watcher.changeTimes(2, "room", room.name, "message");
    staff.does({ type: "close_room" });
    await watcher.change("room", room.name, "closed");
    staff.does({ type: "reopen_room" });
    await watcher.changeTimes(2, "room", room.name, "opened");
    staff.does({ type: "close_room" });
    await watcher.changeTimes(2, "room", room.name, "closed");
    guest.say("c", "once more");
    await watcher.changeTimes(3, "room", room.name, "opened");
    const { seq } = await watcher.changeTimes(3, "room", room.name, "message");
    const numbers = watcher.changes().map((change) => change.seq);
    expect(numbers).toEqual(numbers.map((_, n) => (numbers[0] ?? 0) + n));
    expect(numbers.at(-1)).toBe(seq);
    await Promise.all([guest, staff, watcher].map((each) => each.close()));
  });

  it("a room in which nothing was said is told to nobody", async () => {
    const watcher = await watch(bearer(ADMIN_TOKEN));
    const room = await open();
    const guest = await room.enter();
    await guest.close();
    await rename(watcher);
    expect(watcher.changesOf("room", room.name)).toEqual([]);
    await watcher.close();
  });

  it("is not told to a viewer, neither as it happens nor after it", async () => {
    const [staff, vera] = [await watch(operator), await watch(viewer)];
    const before = vera.seq;
    const room = await open();
    const guest = await room.enter();
    guest.say("a", "help");
    const last = await staff.change("room", room.name, "message");
    const [, seen] = await rename(staff, vera);
    expect(seen?.seq).toBeGreaterThan(last.seq);
    const back = await watch(viewer, before);
    expect(await back.first()).toEqual({ kind: "ready", seq: before });
    await back.change("host", host, "renamed");
    for (const each of [vera, back]) {
      expect(each.changes().map(({ kind }) => kind)).toEqual(["host"]);
    }
    const staffBack = await watch(operator, before);
    await staffBack.change("host", host, "renamed");
    expect(staffBack.changes()).toEqual(staff.changes());
    await Promise.all([staff, vera, back, staffBack, guest].map((each) => each.close()));
  });

  it("does not count against a viewer who has read all there was for them", async () => {
    const vera = await watch(viewer);
    await rename(vera);
    // As if so much had happened in support rooms as the feed remembers.
    await rig.stored(
      "Registry",
      "registry",
      `WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n <= ${KEPT_CHANGES})
       INSERT INTO changes (at, kind, id, change) SELECT 0, 'room', 'support:x', 'message' FROM counted`,
    );
    vera.saw(vera.seq);
    await vera.ping();
    const [first, second] = [await rename(vera), await rename(vera)];
    expect(second[0]?.seq).toBe((first[0]?.seq ?? 0) + 1);
    expect(vera.changes().map(({ kind }) => kind)).toEqual(["host", "host", "host"]);
    await vera.close();
  });
});

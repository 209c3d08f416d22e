import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { KEPT_CHANGES, MAX_WATCHERS_OF_ONE } from "../../protocol/limits.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import type { EventWatcher } from "../support/event-watcher.ts";
import { type Credential, expectServed, People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, runTestAgent, startRig } from "../support/rig.ts";
import { dialLink } from "../support/stream-stage.ts";

/** As worker/objects/host/host-outbox.ts has it. */
const MAX_TELLINGS = 50;

/** A host is offline 45 s after its last ping; the test that shows it waits for that. */
const VANISH_TIMEOUT_MS = 120_000;

let rig: Rig;
let people: People;
let desktop: Desktop;
/** A host whose agent dialled at the beginning and says nothing any more, without hanging up. */
let vanishing: { hostId: string; link: WebSocket };

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  const identity = await rig.enrol("vanishing");
  vanishing = { hostId: identity.host_id, link: await dialLink(identity) };
  desktop = await Desktop.start(rig);
});

afterAll(async () => {
  vanishing.link.terminate();
  await desktop.stop();
  await rig.stop();
});

async function watch(since?: number, as: Credential = bearer(ADMIN_TOKEN)): Promise<EventWatcher> {
  const watcher = people.events(as, since);
  await watcher.first();
  return watcher;
}

const label = (text: string, host = desktop.agent.hostId) =>
  people.asAdmin("PATCH", `/api/hosts/${host}`, { label: text });

const numbers = (watcher: EventWatcher) => watcher.changes().map(({ seq }) => seq);

describe("who watches", () => {
  it("hears that a host joined, came, was renamed, went and was removed, in that order", async () => {
    const watcher = await watch();
    const identity = await rig.enrol();
    const id = identity.host_id;
    const agent = runTestAgent(identity, []);
    await watcher.change("host", id, "online");
    expect((await rig.api.host(id)).online).toBe(true);
    await watcher.change("host", id, "latency");
    await label("of the test", id);
    await watcher.change("host", id, "renamed");
    await agent.stop();
    await watcher.change("host", id, "offline");
    expect((await rig.api.host(id)).online).toBe(false);
    await rig.api.removeHost(id);
    await watcher.change("host", id, "removed");
    const changes = watcher.changesOf("host", id).map(({ change }) => change);
    const told = ["joined", "online", "renamed", "offline", "removed"];
    expect(changes.filter((change) => told.includes(change))).toEqual(told);
    await watcher.close();
  });

  it("hears that a session was made, that its viewers changed, and that it ended", async () => {
    const watcher = await watch();
    const session = await desktop.session();
    await watcher.change("session", session, "created");
    const viewer = people.stream(session, bearer(ADMIN_TOKEN));
    await expectServed(viewer);
    await watcher.change("session", session, "viewers");
    await watcher.change("host", desktop.agent.hostId, "streams");
    expect((await rig.api.session(session)).viewers).toBe(1);
    await viewer.close();
    await watcher.changeTimes(2, "session", session, "viewers");
    expect((await rig.api.session(session)).viewers).toBe(0);
    await rig.api.endSession(session);
    await watcher.change("session", session, "ended");
    expect(watcher.changesOf("session", session).map(({ change }) => change)).toEqual([
      "created",
      "viewers",
      "viewers",
      "ended",
    ]);
    await watcher.close();
  });

  it("is told each change with a number, one after the other, and when it was heard of", async () => {
    const watcher = await watch();
    for (const text of ["a", "b", "c"]) await label(text);
    await watcher.changeTimes(3, "host", desktop.agent.hostId, "renamed");
    const [first = 0] = numbers(watcher);
    expect(numbers(watcher)).toEqual(watcher.changes().map((_, n) => first + n));
    for (const { at } of watcher.changes()) expect(at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    await watcher.close();
  });

  it("has its pings answered, and is told what it may say when it says something else", async () => {
    const watcher = await watch();
    await watcher.ping();
    watcher.send("hello");
    expect((await watcher.closed).code).toBe(4400);
    expect((await people.socket("/api/events?since=x", bearer(ADMIN_TOKEN)).closed).code).toBe(
      4400,
    );
  });
});

describe("a watcher that comes back", () => {
  it("is told exactly what it missed, whatever was evicted meanwhile", async () => {
    const before = await watch();
    await label("seen");
    await before.change("host", desktop.agent.hostId, "renamed");
    await before.close();
    const host = desktop.agent.hostId;
    await label("missed one");
    await rig.evict("VncHost", host, "hibernate");
    await label("missed two");
    await rig.evict("Registry", "registry", "hibernate");
    const session = await desktop.session();
    await rig.evict("VncSession", session, "hibernate");
    await rig.evict("Registry", "registry", "hibernate");
    await rig.api.endSession(session);

    const after = await watch(before.seq);
    expect(await after.first()).toEqual({ kind: "ready", seq: before.seq });
    await after.change("session", session, "ended");
    await after.changeTimes(2, "host", host, "renamed");
    await after.change("session", session, "created");
    expect(numbers(after)).toEqual(after.changes().map((_, n) => before.seq + 1 + n));
    await after.close();
  });

  it("keeps its socket while the registry sleeps, and hears of what happens then", async () => {
    const watcher = await watch();
    await rig.evict("Registry", "registry", "hibernate");
    await label(`after sleep ${watcher.seq}`);
    await watcher.change("host", desktop.agent.hostId, "renamed");
    await watcher.close();
  });

  it("hears what a host could not tell before it went, as soon as it is back", async () => {
    const watcher = await watch();
    const host = desktop.agent.hostId;
    // As if it had stored the label and its alarm, and gone: nobody was told.
    await rig.stored("VncHost", host, "UPDATE host SET label = 'untold'");
    await rig.evict("VncHost", host, "hibernate");
    await rig.api.scan(host);
    const session = await desktop.session();
    const viewer = people.stream(session, bearer(ADMIN_TOKEN));
    await expectServed(viewer);
    await watcher.change("host", host, "renamed");
    await viewer.close();
    await watcher.close();
  });

  it("after more than the feed remembers, or with a number from elsewhere, starts anew", async () => {
    const watcher = await watch();
    const ahead = await watch(watcher.seq + 1);
    expect(await ahead.first()).toEqual({ kind: "reset", seq: watcher.seq });
    const old = watcher.seq;
    // As if so much had happened: the feed's counter is ahead of what it remembers.
    const skip = `UPDATE sqlite_sequence SET seq = seq + ${KEPT_CHANGES} WHERE name = 'changes'`;
    await rig.stored("Registry", "registry", skip);
    await label("after a thousand");
    const later = await watch();
    expect(later.seq).toBe(old + KEPT_CHANGES + 1);
    const back = await watch(old);
    expect(await back.first()).toEqual({ kind: "reset", seq: later.seq });
    await label("and one more");
    const last = await back.change("host", desktop.agent.hostId, "renamed");
    expect(numbers(back)).toEqual([last.seq]);
    await Promise.all([watcher, ahead, later, back].map((each) => each.close()));
  });
});

describe("a watcher that does not say what it read", () => {
  it("is cut off once the feed forgets what it did not see, and others are not", async () => {
    const silent = await watch();
    const start = silent.seq;
    const reading = await watch();
    silent.socket.pause(); // it reads nothing more: what it is sent waits at the edge
    const half = `UPDATE sqlite_sequence SET seq = seq + ${KEPT_CHANGES - 1} WHERE name = 'changes'`;
    await rig.stored("Registry", "registry", half);
    await label("the last that it is sent");
    const newest = await reading.change("host", desktop.agent.hostId, "renamed");
    expect(newest.seq).toBe(start + KEPT_CHANGES);
    reading.saw(newest.seq);
    await reading.ping();
    await label("one too many");
    await rig.edgeLog.waitFor("events.too_slow", { seen: start, seq: newest.seq + 1 });
    await reading.changeTimes(2, "host", desktop.agent.hostId, "renamed");
    silent.socket.resume();
    expect((await silent.closed).code).toBe(4429);
    expect(silent.seq).toBe(newest.seq);
    const back = await watch(silent.seq);
    expect(await back.first()).toEqual({ kind: "ready", seq: newest.seq });
    await Promise.all([reading, back].map((each) => each.close()));
  });
});

describe("a watcher whose credential is revoked", () => {
  it("by its key is closed with 4401, and others are not", async () => {
    const [going, staying] = [await people.key("viewer"), await people.key("viewer")];
    const gone = await watch(undefined, bearer(going.key));
    const stays = await watch(undefined, bearer(staying.key));
    await people.asAdmin("DELETE", `/api/keys/${going.key_id}`);
    expect(await gone.closed).toEqual({ code: 4401, reason: "The API key was revoked." });
    await label("still watched");
    await stays.change("host", desktop.agent.hostId, "renamed");
    await stays.close();
  });

  it("by signing out is closed with 4401", async () => {
    const browser = people.browser(await people.signIn());
    const watcher = await watch(undefined, browser);
    await people.call("/api/logout", { method: "POST", headers: browser });
    expect(await watcher.closed).toEqual({ code: 4401, reason: "You signed out." });
  });

  it("between the Worker's look and the registry's is not let in", async () => {
    const key = await people.key("viewer");
    const entry = { via: `key:${key.key_id}`, staff: false };
    const headers = { "x-porthole-watcher": JSON.stringify(entry) };
    const namespace = await rig.edge.miniflare.getDurableObjectNamespace("REGISTRY", "porthole");
    const registry = namespace.get(namespace.idFromName("registry"));
    await people.asAdmin("DELETE", `/api/keys/${key.key_id}`);
    const answer = await registry.fetch("https://registry/events", { headers });
    expect(answer.status).toBe(401);
  });
});

describe("watchers without end", () => {
  it(`are ${MAX_WATCHERS_OF_ONE} of one credential; one more is closed with 4429, and nobody else`, async () => {
    const [many, other] = [await people.key("viewer"), await people.key("viewer")];
    const watchers = await Promise.all(
      Array.from({ length: MAX_WATCHERS_OF_ONE }, () => watch(undefined, bearer(many.key))),
    );
    expect((await people.events(bearer(many.key)).closed).code).toBe(4429);
    const another = await watch(undefined, bearer(other.key));
    await Promise.all([another, ...watchers].map((watcher) => watcher.close()));
  });
});

describe("an agent that says something new without end", () => {
  it(`is told of ${MAX_TELLINGS} times in ten seconds, and its last word gets through`, async () => {
    const watcher = await watch();
    const identity = await rig.enrol();
    const link = await dialLink(identity);
    for (let ms = 1; ms <= 2_000; ms++) link.send(JSON.stringify({ type: "latency", ms }));
    const told = () => watcher.changesOf("host", identity.host_id);
    await poll(20_000, "the last word to be told", async () => {
      const query = `SELECT latency_ms FROM host_states WHERE host_id = '${identity.host_id}'`;
      const [row] = (await rig.stored("Registry", "registry", query)) as { latency_ms: number }[];
      return row?.latency_ms === 2_000;
    });
    const latencies = told().filter(({ change }) => change === "latency");
    expect(latencies.length).toBeGreaterThan(0);
    expect(latencies.length).toBeLessThanOrEqual(2 * MAX_TELLINGS);
    link.terminate();
    await watcher.close();
  });
});

describe("a host that vanishes without a word", () => {
  it(
    "is told to be offline to who watches, and again to be online when it pings",
    async () => {
      const watcher = await watch();
      const beat = setInterval(() => watcher.send("ping"), 20_000);
      const { hostId, link } = vanishing;
      // It may have been found before, by those who watched in the other tests.
      if ((await rig.api.host(hostId)).online) await watcher.change("host", hostId, "offline");
      expect((await rig.api.host(hostId)).online).toBe(false);
      link.send("ping");
      link.send(JSON.stringify({ type: "displays", displays: [] }));
      await watcher.change("host", hostId, "online");
      clearInterval(beat);
      await watcher.close();
    },
    VANISH_TIMEOUT_MS,
  );
});

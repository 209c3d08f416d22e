import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditEntry, Page, Session } from "../../protocol/api.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { expectHeard, expectServed, People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { RFB_GREETING } from "../support/tcp-server.ts";
import { Viewer } from "../support/viewer.ts";

/** How long an ended session is kept here. */
const PURGE_S = 1;
/** A viewer comes back within this time, also on a busy machine. */
const IN_TIME_S = 4;
/** How long a change may take that an alarm makes, or repeats. */
const ALARM_MS = 20_000;

let rig: Rig;
let people: People;
let desktop: Desktop;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  desktop = await Desktop.start(rig);
});

afterAll(async () => {
  await desktop.stop();
  await rig.stop();
});

async function make(more: object = {}, of: Rig = rig, on: Desktop = desktop): Promise<Session> {
  const body = { host_id: on.agent.hostId, port: on.server.port, ...more };
  return of.api.createSession(body);
}

async function watch(session: Session, of: Rig = rig): Promise<Viewer> {
  const viewer = new Viewer((await of.api.ticket(session.session_id)).websocket_url);
  await expectServed(viewer);
  return viewer;
}

/** Waits until a session has ended by itself. @returns why */
async function ended({ session_id }: Session, of: Rig = rig): Promise<string | null> {
  await of.edgeLog.waitFor("session.ended", { session: session_id });
  const { status, reason } = await of.api.session(session_id);
  expect(status).toBe("ended");
  return reason;
}

async function listed(query: string): Promise<string[]> {
  const answer = await people.asAdmin("GET", `/api/vnc/sessions?${query}`);
  return answer.json<Page<Session>>().items.map(({ session_id }) => session_id);
}

// Sessions, and some edges, of their own: they wait at the same time.
describe.concurrent("a session with idle_seconds", () => {
  it("ends so long after its last viewer left", async () => {
    const session = await make({ idle_seconds: 1 });
    expect(session.idle_seconds).toBe(1);
    const viewers = [await watch(session), await watch(session)];
    for (const viewer of viewers) await viewer.close();
    expect(await ended(session)).toBe("Nobody had watched it for 1 s.");
  });

  it("goes on while one of its viewers stays, and when one comes back in time", async () => {
    const [left, staying, back] = [
      await make({ idle_seconds: IN_TIME_S }),
      await make({ idle_seconds: IN_TIME_S }),
      await make({ idle_seconds: IN_TIME_S }),
    ];
    const stays = await watch(staying);
    for (const session of [left, staying, back]) await (await watch(session)).close();
    await rig.edgeLog.waitFor("stream.closed", { session: back.session_id });
    const came = await watch(back);
    // By the time that the one which nobody came back to has ended, the others would have.
    await ended(left);
    for (const [session, viewer] of [
      [staying, stays],
      [back, came],
    ] as const) {
      expect((await rig.api.session(session.session_id)).status).toBe("active");
      await expectServed(viewer);
      await viewer.close();
    }
    await ended(staying);
    await ended(back);
  });

  it("waits for its first viewer, however long that takes", async () => {
    const [unseen, left] = [await make({ idle_seconds: 1 }), await make({ idle_seconds: 1 })];
    await (await watch(left)).close();
    await ended(left);
    await (await watch(unseen)).close();
    await ended(unseen);
  });

  it("has the time that the operator set, if it names none; null is for never", async () => {
    const other = await startRig({ SESSION_IDLE_SECONDS: "1" });
    const screen = await Desktop.start(other);
    const set = await make({}, other, screen);
    const never = await make({ idle_seconds: null }, other, screen);
    expect([set.idle_seconds, never.idle_seconds]).toEqual([1, null]);
    await (await watch(never, other)).close();
    await (await watch(set, other)).close();
    await ended(set, other);
    expect((await other.api.session(never.session_id)).status).toBe("active");
    await screen.stop();
    await other.stop();
  });

  it.each([0, -1, 1.5, 31 * 24 * 60 * 60, "1"])("cannot have %j of them", async (idle_seconds) => {
    const body = { host_id: desktop.agent.hostId, port: 5900, idle_seconds };
    const answer = await people.asAdmin("POST", "/api/vnc/sessions", body);
    expect(answer).toMatchObject({ status: 400, code: "invalid_body" });
  });
});

describe.concurrent("an ended session", () => {
  it("is forgotten after the days that the operator set: its chat and its place in lists too", async () => {
    const other = await startRig({ SESSION_PURGE_DAYS: String(PURGE_S / (24 * 60 * 60)) });
    const screen = await Desktop.start(other);
    const visitors = new People(other);
    const [kept, { session_id: id }] = [
      await make({}, other, screen),
      await make({}, other, screen),
    ];
    const member = visitors.chat(id, bearer(ADMIN_TOKEN));
    await expectHeard(member);
    await other.api.endSession(id);
    await other.edgeLog.waitFor("session.purged", { session: id });

    const path = `/api/vnc/session/${id}`;
    expect(await visitors.asAdmin("GET", path)).toMatchObject({
      status: 404,
      code: "no_such_session",
    });
    const list = await visitors.asAdmin("GET", "/api/vnc/sessions?status=all");
    expect(list.json<Page<Session>>().items.map(({ session_id }) => session_id)).toEqual([
      kept.session_id,
    ]);
    // Miniflare notes the name of each object that it starts; the rest would be ours.
    const tables =
      "SELECT name FROM sqlite_master WHERE name NOT GLOB '_cf*' AND name NOT GLOB '__miniflare*'";
    expect(await other.stored("VncSession", id, tables)).toEqual([]);
    expect(await other.stored("ChatRoom", `session:${id}`, tables)).toEqual([]);
    const uses = `SELECT * FROM uses WHERE session_id = '${id}'`;
    expect(await other.stored("Registry", "registry", uses)).toEqual([]);
    const audit = (await visitors.asAdmin("GET", "/api/audit")).json<Page<AuditEntry>>();
    const lines = audit.items.filter(({ target }) => target === id).map(({ action }) => action);
    expect(lines).toEqual(expect.arrayContaining(["session.created", "session.ended"]));
    await screen.stop();
    await other.stop();
  });
});

describe("100 sessions made at once", () => {
  it("each show a picture to a viewer who connects once, the moment their status says active", async () => {
    const made = await Promise.all(Array.from({ length: 100 }, () => make()));
    expect(made.map(({ status }) => status)).toEqual(made.map(() => "active"));
    const shown = await Promise.all(
      made.map(async ({ websocket_url }) => {
        const viewer = new Viewer(websocket_url, { headers: bearer(ADMIN_TOKEN) });
        const first = await viewer.receive(RFB_GREETING.length);
        return { viewer, greeting: first.toString("latin1", 0, RFB_GREETING.length) };
      }),
    );
    expect(shown.map(({ greeting }) => greeting)).toEqual(shown.map(() => RFB_GREETING));
    await Promise.all(shown.map(({ viewer }) => viewer.close()));
    await Promise.all(made.map(({ session_id }) => rig.api.endSession(session_id)));
  });
});

describe("while the registry takes nothing in", () => {
  const inRegistry = (query: string) => rig.stored("Registry", "registry", query);

  it("sessions are made, shown and ended, and the list has it all when it is back", async () => {
    const [before, other] = [await make(), await make()];
    await inRegistry("ALTER TABLE session_index RENAME TO away");
    await inRegistry("ALTER TABLE audit RENAME TO audit_away");
    const made = await make();
    await rig.edgeLog.waitFor("session.deliver_failed", { session: made.session_id });
    const viewer = new Viewer(made.websocket_url, { headers: bearer(ADMIN_TOKEN) });
    await expectServed(viewer);
    await rig.api.endSession(before.session_id);
    expect((await rig.api.session(before.session_id)).status).toBe("ended");
    await inRegistry("ALTER TABLE audit_away RENAME TO audit");
    await inRegistry("ALTER TABLE away RENAME TO session_index");
    expect(await listed("")).toEqual(expect.arrayContaining([before.session_id, other.session_id]));
    await poll(ALARM_MS, "the list to have caught up", async () => {
      const ids = await listed("");
      return ids.includes(made.session_id) && !ids.includes(before.session_id);
    });
    const audit = `SELECT action FROM audit WHERE target = '${made.session_id}' ORDER BY audit_id`;
    await poll(ALARM_MS, "the audit to have caught up", async () => {
      const lines = (await inRegistry(audit)) as { action: string }[];
      return lines.map(({ action }) => action).join() === "session.created,stream.opened";
    });
    await viewer.close();
  });
});

describe("when every object is gone from memory between any two calls", () => {
  it("a session lives as if they had stayed", async () => {
    const { session_id: id } = await make();
    const { hostId } = desktop.agent;
    const evict = async () => {
      const objects: [string, string][] = [
        ["VncSession", id],
        ["VncHost", hostId],
        ["Registry", "registry"],
        ["ChatRoom", `session:${id}`],
      ];
      for (const [className, name] of objects) {
        const options = { name, webSockets: "hibernate" as const };
        const gone = rig.edge.miniflare.unsafeEvictDurableObject("porthole", className, options);
        await gone.catch((error: Error) => {
          if (!error.message.includes("not currently running")) throw error;
        });
      }
    };
    await evict();
    expect((await rig.api.session(id)).status).toBe("active");
    await evict();
    expect(await listed(`host_id=${hostId}&status=active`)).toContain(id);
    await evict();
    const { websocket_url } = await rig.api.ticket(id);
    await evict();
    const viewer = new Viewer(websocket_url);
    await expectServed(viewer);
    await viewer.close();
    await rig.edgeLog.waitFor("stream.closed", { session: id });
    await evict();
    const link = await people.shareLink(id, { role: "control" });
    await evict();
    const guest = people.browser((await people.redeem(link.secret)).cookie);
    await evict();
    const member = people.chat(id, guest);
    await expectHeard(member);
    await evict();
    await expectHeard(member);
    await rig.api.endSession(id);
    expect((await member.closed).code).toBe(4410);
    await evict();
    expect((await rig.api.session(id)).status).toBe("ended");
    await evict();
    expect(await listed(`host_id=${hostId}&status=ended`)).toContain(id);
  });
});

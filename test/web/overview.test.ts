import { beforeEach, describe, expect, it } from "vitest";
import type { HostChange, SessionChange } from "../../protocol/events.ts";
import { HOSTS_A_PAGE, MOST_SINGLY, PACE_MS, SESSIONS_A_PAGE } from "../../web/home/overview.ts";
import { FakeOverviewSurroundings } from "./fake-overview.ts";

let page: FakeOverviewSurroundings;

beforeEach(() => {
  page = new FakeOverviewSurroundings();
});

const host = (id: string, change: HostChange) => page.overview.note({ kind: "host", id, change });
const session = (id: string, change: SessionChange) =>
  page.overview.note({ kind: "session", id, change });

/** Ids that sort as they were made. */
function ids(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `s${String(n).padStart(3, "0")}`);
}

describe("the overview", () => {
  it("has the hosts by name and the sessions with the newest first", async () => {
    for (const id of ["zoo", "attic"]) page.host(id);
    for (const id of ["s1", "s2"]) page.session(id);
    await page.load();
    expect(page.names).toEqual(["attic", "zoo"]);
    expect(page.shown).toEqual(["s2", "s1"]);
    expect(page.state).toMatchObject({ operates: true, problem: null });
    expect(page.nextIn, "it looks again only when something changes").toBeNull();
  });

  it("reads what changed, once for all that changed within a moment", async () => {
    page.host("h");
    await page.load();
    page.host("h", { name: "new name" });
    page.session("s1");
    host("h", "renamed");
    host("h", "latency");
    session("s1", "created");
    session("s1", "viewers");
    expect(page.nextIn).toBe(PACE_MS);
    await page.pass();
    expect(page.reads).toEqual(["host h", "session s1"]);
    expect(page.names).toEqual(["new name"]);
    expect(page.shown).toEqual(["s1"]);
  });

  it("reads the sessions of a host that came or went, and not for its latency", async () => {
    page.host("h");
    page.session("s1");
    await page.load();
    page.session("s1", { status: "unreachable" });
    host("h", "offline");
    await page.pass();
    expect(page.reads).toEqual(["host h", "sessions of h 1"]);
    expect(page.state?.sessions).toMatchObject([{ status: "unreachable" }]);
    page.reads = [];
    host("h", "latency");
    await page.pass();
    expect(page.reads).toEqual(["host h"]);
  });

  it("reads many changes as one list", async () => {
    await page.load();
    for (const id of ids(MOST_SINGLY + 1)) {
      page.session(id);
      session(id, "created");
    }
    await page.pass();
    expect(page.reads).toEqual([`sessions open ${SESSIONS_A_PAGE}`]);
    expect(page.shown).toHaveLength(MOST_SINGLY + 1);
  });

  it("forgets a host that is removed, and a session that has ended", async () => {
    page.host("h");
    page.session("s1");
    await page.load();
    page.hosts.clear();
    page.session("s1", { status: "ended" });
    host("h", "removed");
    session("s1", "ended");
    await page.pass();
    expect(page.names).toEqual([]);
    expect(page.shown).toEqual([]);
  });

  it("keeps a session that has ended among all", async () => {
    page.session("s1");
    await page.load();
    page.overview.show("all");
    await page.settle();
    page.session("s1", { status: "ended" });
    session("s1", "ended");
    await page.pass();
    expect(page.state?.sessions).toMatchObject([{ status: "ended" }]);
  });

  it("puts a session before the others of its second", async () => {
    for (const id of ["s1", "s2"]) page.session(id, { created_at: "same" });
    await page.load();
    page.session("s3", { created_at: "same" });
    session("s3", "created");
    await page.pass();
    expect(page.shown).toEqual(["s3", "s2", "s1"]);
  });
});

describe("of more than a page", () => {
  it("it has the first, and the next when somebody wants it", async () => {
    for (const id of ids(SESSIONS_A_PAGE + 1)) page.session(id);
    for (const id of ids(HOSTS_A_PAGE + 1)) page.host(id);
    await page.load();
    expect(page.shown).toHaveLength(SESSIONS_A_PAGE);
    expect(page.names).toHaveLength(HOSTS_A_PAGE);
    page.overview.more("session");
    await page.settle();
    page.overview.more("host");
    await page.pass();
    expect(page.shown).toHaveLength(SESSIONS_A_PAGE + 1);
    expect(page.names).toHaveLength(HOSTS_A_PAGE + 1);
    expect(page.state).toMatchObject({ hasMoreHosts: false, hasMoreSessions: false });
  });

  it("what changes beyond it stays there, but for what is new", async () => {
    for (const id of ids(SESSIONS_A_PAGE + 1)) page.session(id);
    for (const id of ids(HOSTS_A_PAGE + 1)) page.host(id);
    await page.load();
    session("s000", "viewers");
    host(ids(HOSTS_A_PAGE + 1).at(-1) ?? "", "latency");
    page.session("t");
    session("t", "created");
    page.host("u");
    host("u", "joined");
    await page.pass();
    expect(page.reads).toEqual(["host u", "session s000", "session t"]);
    expect(page.shown).not.toContain("s000");
    expect(page.shown?.[0]).toBe("t");
    expect(page.names).toContain("u");
    expect(page.names).toHaveLength(HOSTS_A_PAGE + 1);
  });

  it("it reads as many anew as it showed", async () => {
    for (const id of ids(2 * SESSIONS_A_PAGE)) page.session(id);
    await page.load();
    page.overview.more("session");
    await page.settle();
    page.reads = [];
    page.overview.refresh();
    await page.pass();
    expect(page.reads).toContain(`sessions open ${2 * SESSIONS_A_PAGE}`);
  });
});

describe("when the edge cannot be asked", () => {
  it("the overview says why, keeps what it showed, and reads it later", async () => {
    page.host("h");
    await page.load();
    page.fault = new Error("The edge cannot be reached.");
    page.host("h", { name: "new name" });
    host("h", "renamed");
    await page.pass();
    expect(page.names).toEqual(["h"]);
    expect(page.state?.problem).toBe("The edge cannot be reached.");
    page.random = 0.999_999;
    const waits: number[] = [];
    for (let look = 0; look < 4; look++) {
      await page.pass();
      waits.push(Math.round((page.nextIn ?? 0) / 1_000));
    }
    expect(waits, "each later than the one before, apart by chance").toEqual([4, 8, 10, 10]);
    page.fault = null;
    await page.pass();
    expect(page.names).toEqual(["new name"]);
    expect(page.state?.problem).toBeNull();
    expect(page.nextIn).toBeNull();
  });

  it("somebody who tries again does not wait", async () => {
    page.fault = new Error("The edge cannot be reached.");
    await page.load();
    expect(page.state).toMatchObject({ hosts: null, problem: "The edge cannot be reached." });
    page.fault = null;
    page.overview.refresh();
    await page.settle();
    expect(page.state).toMatchObject({ hosts: [], problem: null });
  });
});

it("a page that nobody sees reads nothing until somebody looks", async () => {
  page.host("h");
  await page.load();
  page.hidden = true;
  page.host("h", { name: "new name" });
  host("h", "renamed");
  await page.pass();
  expect(page.reads).toEqual([]);
  page.hidden = false;
  page.overview.look();
  await page.settle();
  expect(page.names).toEqual(["new name"]);
});

it("a page that is left reads no more", async () => {
  await page.load();
  host("h", "joined");
  page.overview.stop();
  expect(page.nextIn).toBeNull();
  page.overview.refresh();
  await page.settle();
  expect(page.reads).toEqual([]);
});

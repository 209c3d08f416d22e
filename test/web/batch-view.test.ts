import { describe, expect, it } from "vitest";
import type { Batch, Host, Job, SessionStatus } from "../../protocol/api.ts";
import type { Change } from "../../protocol/events.ts";
import {
  concerns,
  countsOf,
  jobsIn,
  mayHavePrinted,
  whyTheyWait,
} from "../../web/batch/batch-view.ts";

function job(n: number, status: SessionStatus, host_id: string | null = "h1"): Job {
  return { job_id: `b_job_${n}`, session_id: `b_job_${n}`, status, host_id } as Job;
}

function host(name: string, profiles: string[], online = true): Host {
  return { host_id: name, name, profiles, online } as Host;
}

const JOBS = [job(0, "active"), job(1, "queued", null), job(2, "active"), job(3, "failed")];

describe("the counts of a batch", () => {
  it("name each state that is there, what can be looked at first", () => {
    expect(countsOf(JOBS, "all").map(({ label }) => label)).toEqual([
      "All 4",
      "Active 2",
      "Queued 1",
      "Failed 1",
    ]);
  });

  it("keep the state that is chosen, also when no job is in it any more", () => {
    expect(countsOf([job(0, "ended")], "active").map(({ label }) => label)).toEqual([
      "All 1",
      "Active 0",
      "Ended 1",
    ]);
    expect(jobsIn([job(0, "ended")], "active")).toEqual([]);
  });
});

it("only a job that a host was told to start may have printed something", () => {
  expect(JOBS.map(mayHavePrinted)).toEqual([true, false, true, true]);
  expect(mayHavePrinted(job(0, "failed", null))).toBe(false);
});

describe("a change", () => {
  const changes: [string, Pick<Change, "kind" | "id" | "change">, boolean][] = [
    ["of one of its sessions", { kind: "session", id: "b_job_1", change: "changed" }, true],
    ["of who watches one", { kind: "session", id: "b_job_1", change: "viewers" }, false],
    ["of another batch's", { kind: "session", id: "b2_job_1", change: "changed" }, false],
    ["of all of it", { kind: "batch", id: "b", change: "ended" }, true],
    ["of all of another", { kind: "batch", id: "b2", change: "created" }, false],
    ["of its host", { kind: "host", id: "h1", change: "offline" }, true],
    ["of how far that is", { kind: "host", id: "h1", change: "latency" }, false],
    [
      "of its streams, which are the tiles' own",
      { kind: "host", id: "h1", change: "streams" },
      false,
    ],
  ];
  it.each(changes)("%s", (_, change, isOurs) => {
    expect(concerns(change, "b", [job(0, "active")])).toBe(isOurs);
  });

  it("of any host matters while jobs wait for one", () => {
    const joined = { kind: "host", id: "h9", change: "joined" } as const;
    expect(concerns(joined, "b", [job(0, "active")])).toBe(false);
    const room = { kind: "room", id: "support:1", change: "message" } as const;
    expect(concerns(room, "b", JOBS)).toBe(false);
    expect(concerns(joined, "b", JOBS)).toBe(true);
  });
});

describe("jobs wait for long", () => {
  const batch = { profile: "browser", jobs: JOBS } as unknown as Batch;
  it.each([
    ["where no host offers what they run as", [host("a", ["editor"])], "No host offers"],
    ["while the only one is offline", [host("a", ["browser"], false)], "a, is offline"],
    [
      "while all that offer it are offline",
      [host("a", ["browser"], false), host("b", ["browser"], false)],
      "All 2 hosts",
    ],
  ])("%s", (_, hosts, why) => {
    expect(whyTheyWait(batch, hosts)).toContain(why);
  });

  it("for no such reason where a host is there, none was read, or none waits", () => {
    expect(whyTheyWait(batch, [host("a", ["browser"])])).toBeNull();
    expect(whyTheyWait(batch, null)).toBeNull();
    expect(whyTheyWait({ ...batch, jobs: [job(0, "active")] }, [])).toBeNull();
  });
});

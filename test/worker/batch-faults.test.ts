import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Batch, Job } from "../../protocol/api.ts";
import { MAX_DESKTOPS_PER_HOST } from "../../protocol/limits.ts";
import { poll } from "../../scripts/poll.ts";
import { jobUrls, PlayedHosts } from "../support/played-hosts.ts";
import { type Rig, startRig } from "../support/rig.ts";

/** How long the edge may take to a status that it was brought to; it looks after hosts every 15 s. */
const STATUS_MS = 40_000;

let rig: Rig;
let hosts: PlayedHosts;

beforeAll(async () => {
  rig = await startRig({ JOB_HOST_AWAY_SECONDS: "1" });
  hosts = new PlayedHosts(rig);
});

afterEach(() => hosts.removeAll());

afterAll(() => rig.stop());

const statuses = ({ jobs }: Batch) => jobs.map(({ status }) => status);

/** Waits until all jobs of a batch stand as wished. */
async function allAre(id: string, wanted: Job["status"]): Promise<Batch> {
  let batch = await rig.api.batch(id);
  await poll(STATUS_MS, `all jobs to be ${wanted}`, async () => {
    batch = await rig.api.batch(id);
    return statuses(batch).every((status) => status === wanted);
  });
  return batch;
}

describe("a job", () => {
  it("whose host has just gone runs on another one at once", async () => {
    const [gone, other] = [await hosts.join({ max: 3 }), await hosts.join({ max: 1 })];
    await gone.unlink();
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(1) });
    await allAre(batch_id, "active");
    expect(other.running.size).toBe(1);
  });

  it("whose host was removed meanwhile runs on another one", async () => {
    const host = await hosts.join({ max: 1 });
    // As the removal and the search for room meet: the host is still listed, and is no more.
    const row = "('removed', 'removed', '[\"browser\"]', 9)";
    const columns = "(host_id, name, profiles, max_desktops)";
    await rig.stored("Batches", "batches", `INSERT INTO rooms ${columns} VALUES ${row}`);
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(1) });
    await allAre(batch_id, "active");
    expect(host.running.size).toBe(1);
  });

  it("that a host has no room for after all is started by the next that has", async () => {
    const full = await hosts.join({ max: 40 });
    full.max = 0; // a limit that the edge does not know of
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(40) });
    await full.until(() => full.heard.filter(({ type }) => type === "launch").length >= 40);
    const other = await hosts.join();
    await allAre(batch_id, "active");
    expect(other.started.toSorted()).toEqual([...other.running.keys()].toSorted());
    expect(other.started).toHaveLength(40);
  });

  it("whose host came back without its profile has failed, if it may have been started", async () => {
    const host = await hosts.join({ isQuick: false });
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(1) });
    await host.until(() => host.started.length === 1);
    await host.unlink();
    host.forgetAll();
    host.profiles = [];
    await host.link();
    await allAre(batch_id, "failed");
  });

  it("is started on a host that went silent and came back on the same link", async () => {
    const host = await hosts.join();
    await rig.stored("Batches", "batches", "UPDATE rooms SET is_away = 1");
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(1) });
    await allAre(batch_id, "active");
    expect(host.running.size).toBe(1);
  });

  it("that waits for a host alone fails when that is gone for good, told or not", async () => {
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(1) });
    await rig.stored("Batches", "batches", "UPDATE jobs SET wanted_host = 'removed'");
    await rig.api.applyBatch({ jobUrls: ["no URL"] });
    await allAre(batch_id, "failed");
  });
});

describe("a host", () => {
  it("that stays away has lost its jobs, however much goes on elsewhere", async () => {
    const gone = await hosts.join({ max: 1 });
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(1), host_id: gone.hostId });
    await gone.until(() => gone.running.size === 1);
    const busy = await hosts.join({ max: 1 });
    await rig.api.applyBatch({ jobUrls: jobUrls(30), host_id: busy.hostId });
    await gone.unlink();
    const working = setInterval(() => {
      const [job] = busy.running.keys();
      if (job !== undefined) busy.end(job, "exited");
    }, 2_000);
    try {
      await allAre(batch_id, "failed");
    } finally {
      clearInterval(working);
    }
  });

  it("that never comes back costs nothing once its jobs have failed", async () => {
    const gone = await hosts.join({ max: 1 });
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(1), host_id: gone.hostId });
    await gone.until(() => gone.running.size === 1);
    await gone.unlink();
    await allAre(batch_id, "failed");
    await sleep(3_000); // all is told
    await rig.evict("Batches", "batches", "hibernate");
    await sleep(17_000);
    const evicting = rig.evict("Batches", "batches", "hibernate");
    await expect(evicting).rejects.toThrow("not currently running");
  });

  it("has room for no more jobs than one can run, whatever it says", async () => {
    const { hostId } = await hosts.join({ max: 1_000_000 });
    const query = `SELECT max_desktops FROM rooms WHERE host_id = '${hostId}'`;
    const rooms = await rig.stored("Batches", "batches", query);
    expect(rooms).toEqual([{ max_desktops: MAX_DESKTOPS_PER_HOST }]);
  });

  it("that says again and again that a desktop is there neither fills the audit nor lengthens it", async () => {
    const host = await hosts.join();
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(1) });
    await allAre(batch_id, "active");
    const job = `${batch_id}_job_0`;
    const before = await rig.api.session(job);
    for (let n = 0; n < 20; n++) host.say({ type: "launched", session: job, port: 5999 - n });
    await rig.api.applyBatch({ jobUrls: jobUrls(1), host_id: host.hostId });
    await host.until(() => host.running.size === 2);
    const { items } = await rig.api.call("GET /api/audit", { query: { limit: "100" } });
    const started = items.filter(
      ({ action, target }) => action === "session.started" && target === job,
    );
    expect(started).toHaveLength(1);
    expect(await rig.api.session(job)).toEqual(before);
  });
});

describe("what is kept of jobs that are over", () => {
  it("is the last 20,000, and of batches those that have one of them", async () => {
    const host = await hosts.join({ max: 1 });
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(1) });
    await allAre(batch_id, "active");
    // 10,000 batches of two, over one after the other.
    const numbers = "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)";
    const stored = (query: string) => rig.stored("Batches", "batches", query);
    await stored(`${numbers} INSERT INTO jobs (job_id, batch_id, url, profile, state, actor, address,
      created_at, over_at, over_seq)
      SELECT 'old-' || i, 'batch-' || ((i + 1) / 2), '', '', 'ended', '', '', ${Date.now()},
        ${Date.now()}, 1000000 + i FROM n`);
    await stored(`${numbers} INSERT INTO batches (batch_id, profile, created_at, told)
      SELECT 'batch-' || i, '', 0, 'ended' FROM n WHERE i <= 10000`);
    host.end(`${batch_id}_job_0`, "exited");
    await allAre(batch_id, "ended");
    // Three more, which are over from the start: the first two of all go, and half of another batch.
    await rig.api.applyBatch({ jobUrls: ["none", "none"] });
    await poll(STATUS_MS, "the oldest to be forgotten", async () => {
      const query = "SELECT job_id FROM jobs WHERE over_at IS NOT NULL ORDER BY over_seq LIMIT 1";
      return JSON.stringify(await stored(query)) === '[{"job_id":"old-4"}]';
    });
    const query = "SELECT count(*) AS n FROM jobs WHERE over_seq IS NOT NULL";
    expect(await stored(query)).toEqual([{ n: 20_000 }]);
    const batches = "SELECT batch_id FROM batches WHERE batch_id IN ('batch-1', 'batch-2')";
    expect(await stored(batches)).toEqual([{ batch_id: "batch-2" }]);
  });
});

describe("ending a batch", () => {
  it("ends also those whose sessions are still being made", async () => {
    const applying = rig.api.applyBatch({ jobUrls: jobUrls(60) });
    const taken = await rig.edgeLog.waitFor("batch.taken", { jobs: 60 });
    const batch_id = String(taken.batch);
    await rig.api.endBatch(batch_id);
    await applying;
    expect(new Set(statuses(await rig.api.batch(batch_id)))).toEqual(new Set(["ended"]));
  });
});

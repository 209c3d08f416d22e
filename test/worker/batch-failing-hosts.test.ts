import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Batch } from "../../protocol/api.ts";
import { poll } from "../../scripts/poll.ts";
import { jobUrls, PlayedHosts } from "../support/played-hosts.ts";
import { type Rig, startRig } from "../support/rig.ts";

/** How long the edge may take to a status that it was brought to; a pause is 10 s. */
const STATUS_MS = 40_000;
/** After so many starts in a row that failed a host is left alone. */
const MAX_IN_A_ROW = 3;

let rig: Rig;
let hosts: PlayedHosts;

beforeAll(async () => {
  rig = await startRig();
  hosts = new PlayedHosts(rig);
});

afterEach(() => hosts.removeAll());

afterAll(() => rig.stop());

const count = ({ jobs }: Batch, wanted: string) =>
  jobs.filter(({ status }) => status === wanted).length;

describe("a host on which no desktop comes up", () => {
  it("is left alone after three, and the other jobs wait with the reason", async () => {
    const host = await hosts.join({ max: 1, isBroken: true });
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(10) });
    await host.until(() => host.started.length === MAX_IN_A_ROW);
    let batch = await rig.api.batch(batch_id);
    await poll(STATUS_MS, "three to have failed", async () => {
      batch = await rig.api.batch(batch_id);
      return count(batch, "failed") === MAX_IN_A_ROW && count(batch, "queued") === 7;
    });
    const { name } = await rig.api.host(host.hostId);
    const reason = `It waits, since the last 3 desktops or more on the host ${name} did not come up; it is asked for another after a while. What those printed, and the agent's log, say why.`;
    expect(batch.jobs.at(-1)?.reason).toBe(reason);
    expect((await rig.api.session(`${batch_id}_job_9`)).reason).toBe(reason);

    // A restart of the agent is no proof that it was mended.
    await host.unlink();
    host.forgetAll();
    await host.link();
    // It is asked again for one, and once that came up for the others.
    host.max = 100;
    host.isBroken = false;
    await poll(STATUS_MS, "the others to be active one after the other", async () => {
      batch = await rig.api.batch(batch_id);
      return count(batch, "active") > 0;
    });
    await rig.api.endBatch(batch_id);
    expect(host.started.slice(0, 4)).toEqual([0, 1, 2, 3].map((n) => `${batch_id}_job_${n}`));
  });

  it("is asked for one at a time from the first on, also if it has more room", async () => {
    const host = await hosts.join({ max: 5, isQuick: false });
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(20) });
    await host.until(() => host.running.size === 5);
    for (const job of [...host.running.keys()]) host.end(job, "failed");
    await host.until(() => host.running.size === 1);
    // Whatever else happens meanwhile.
    await rig.api.applyBatch({ jobUrls: jobUrls(1), host_id: host.hostId });
    expect(host.running.size).toBe(1);
    const [trial = ""] = host.running.keys();
    host.ready(trial);
    await host.until(() => host.running.size > 1);
    await rig.api.endBatch(batch_id);
  });

  it("has its jobs done by another one, which has less room", async () => {
    const [broken, good] = [
      await hosts.join({ max: 9, isBroken: true }),
      await hosts.join({ max: 2 }),
    ];
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(40) });
    const done = setInterval(() => {
      for (const job of [...good.running.keys()]) good.end(job, "exited");
    }, 200);
    try {
      await poll(STATUS_MS, "all to be over", async () => {
        const batch = await rig.api.batch(batch_id);
        return count(batch, "failed") + count(batch, "ended") === 40;
      });
    } finally {
      clearInterval(done);
    }
    // Those that were starting there beside the first that failed, and one after each pause.
    expect(broken.started.length).toBeLessThanOrEqual(9 + 2);
    expect(good.started.length).toBe(40 - broken.started.length);
  });

  it("is asked for desktops of another profile all the same", async () => {
    const host = await hosts.join({ max: 1, isBroken: true, profiles: ["browser", "office"] });
    const broken = await rig.api.applyBatch({ jobUrls: jobUrls(5) });
    await poll(STATUS_MS, "three to have failed", async () => {
      return count(await rig.api.batch(broken.batch_id), "failed") === MAX_IN_A_ROW;
    });
    host.isBroken = false;
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(1), profile: "office" });
    await poll(STATUS_MS, "the other one to be active", async () => {
      return count(await rig.api.batch(batch_id), "active") === 1;
    });
    expect(count(await rig.api.batch(broken.batch_id), "queued")).toBe(2);
    await rig.api.endBatch(broken.batch_id);
  });
});

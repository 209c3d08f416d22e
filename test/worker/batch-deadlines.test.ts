import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { poll } from "../../scripts/poll.ts";
import { PlayedJobHost } from "../support/played-job-host.ts";
import { type Rig, startRig } from "../support/rig.ts";

/** How long the edge may take to a status that it was brought to. */
const STATUS_MS = 40_000;
/** A host gives a desktop so long, and the edge a host as much again. */
const START_S = 1;

let rig: Rig;
let host: PlayedJobHost;

beforeAll(async () => {
  rig = await startRig({ JOB_START_GRACE_SECONDS: `${START_S}` });
});

afterEach(async () => {
  await host.stop();
  await rig.api.removeHost(host.hostId);
});

afterAll(() => rig.stop());

const urls = (count: number) =>
  Array.from({ length: count }, (_, n) => `http://127.0.0.1:9/?job=${n}`);

const statusOf = async (job: string) => (await rig.api.session(job)).status;

function heard(type: "launch" | "stop", session: string): boolean {
  return host.heard.some((said) => said.type === type && said.session === session);
}

describe("a host that says nothing more of a desktop that it was told to start", () => {
  it("has failed with it, is told to stop it, and gives its room to the next job", async () => {
    host = await PlayedJobHost.join(rig, { max: 1, isQuick: false, maxStartSeconds: START_S });
    const { batch_id } = await rig.api.applyBatch({ jobUrls: urls(2) });
    const [first, second] = [`${batch_id}_job_0`, `${batch_id}_job_1`];
    await host.until(() => heard("launch", first));
    await rig.edgeLog.waitFor("session.failed", { session: first });
    const { name } = await rig.api.host(host.hostId);
    expect((await rig.api.session(first)).reason).toBe(
      `Its host ${name} was told to start its desktop and did not say within 2 s what came of it; look at the log of its agent there, and restart that.`,
    );
    await host.until(() => heard("stop", first) && host.running.has(second));
    host.ready(second);
    await poll(STATUS_MS, "the second to be active", async () => {
      return (await statusOf(second)) === "active";
    });
    expect([...host.running.keys()]).toEqual([second]);
  });

  it("keeps no room for good if it does not say either that it stopped it", async () => {
    host = await PlayedJobHost.join(rig, { max: 1, isMute: true, maxStartSeconds: START_S });
    const { batch_id } = await rig.api.applyBatch({ jobUrls: urls(2) });
    const [first, second] = [`${batch_id}_job_0`, `${batch_id}_job_1`];
    await host.until(() => heard("stop", first));
    host.isMute = false;
    await host.until(() => host.running.has(second));
    expect(await statusOf(first)).toBe("failed");
  });

  it("and then has it after all is told to stop it again", async () => {
    host = await PlayedJobHost.join(rig, { max: 1, isMute: true, maxStartSeconds: START_S });
    const { job_id } = await rig.api.applyJob({ jobUrl: "http://127.0.0.1:9/" });
    await host.until(() => heard("stop", job_id));
    host.isMute = false;
    host.running.set(job_id, 5900);
    host.ready(job_id);
    await host.until(() => !host.running.has(job_id));
    expect(await statusOf(job_id)).toBe("failed");
  });
});

describe("a host whose owner gives desktops longer to start", () => {
  it("is waited for as long", async () => {
    host = await PlayedJobHost.join(rig, { isQuick: false, maxStartSeconds: 3_600 });
    const { job_id } = await rig.api.applyJob({ jobUrl: "http://127.0.0.1:9/" });
    await host.until(() => host.running.has(job_id));
    const before = Date.now();
    const query = `SELECT answer_by FROM jobs WHERE job_id = '${job_id}'`;
    const [row] = (await rig.stored("Batches", "batches", query)) as [{ answer_by: number }];
    expect(row.answer_by).toBeGreaterThan(before + 3_590_000);
    await rig.api.endSession(job_id);
  });
});

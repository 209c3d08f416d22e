import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { join } from "../../agent/join.ts";
import type { AppliedBatch, Page, Session } from "../../protocol/api.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer, call } from "../support/call.ts";
import { PlayedJobHost } from "../support/played-job-host.ts";
import { Porthole } from "../support/porthole.ts";
import { ADMIN_TOKEN } from "../support/rig.ts";

const JOBS = 50;
/** How often the edge is killed while the jobs run. */
const KILLS = 5;
/** How many of them run at once. */
const ROOM = 4;
/** How long the edge may take to what was decided just before a kill. */
const CAUGHT_UP_MS = 30_000;

let edge: Porthole;
let host: PlayedJobHost;
const stateDir = mkdtempSync(joinPath(tmpdir(), "porthole-batch-killed-"));

beforeAll(async () => {
  edge = await Porthole.create({ args: ["--no-agent"], env: { ADMIN_TOKEN } });
  await edge.start();
  const { token } = await edge.api(ADMIN_TOKEN).joinToken();
  host = new PlayedJobHost(await join({ edge: edge.url, token, name: "job-host", stateDir }));
  host.max = ROOM;
  await host.link();
});

afterAll(async () => {
  await host?.stop();
  await edge?.dispose();
  rmSync(stateDir, { recursive: true, force: true });
});

async function apply(): Promise<AppliedBatch> {
  const answer = await call(`${edge.url}/api/vnc/batch-apply`, {
    method: "POST",
    headers: { ...bearer(ADMIN_TOKEN), "idempotency-key": "nightly" },
    body: { jobUrls: Array.from({ length: JOBS }, (_, n) => `https://example.com/?job=${n}`) },
  });
  return answer.json();
}

async function killAndStart(): Promise<void> {
  await edge.kill();
  await edge.start();
  await host.link();
}

describe(`an edge that is killed at random moments of a batch of ${JOBS}`, () => {
  it("has had each job run once when all are over", async () => {
    const applying = apply().catch(() => null); // the kill may cut its answer off
    await edge.log.waitFor("session.created");
    await killAndStart();
    await applying;
    const { batch_id, jobs } = await apply(); // as who got no answer does
    expect(jobs).toHaveLength(JOBS);

    const kills = new Set(Array.from({ length: KILLS }, () => Math.floor(Math.random() * JOBS)));
    for (let over = 0; over < JOBS; over++) {
      if (kills.has(over)) await killAndStart();
      await host.until(() => host.running.size > 0);
      const [job = ""] = host.running.keys();
      host.end(job, "exited");
    }

    const ids = jobs.map(({ job_id }) => job_id);
    const at = `killed when ${[...kills].sort((a, b) => a - b).join(", ")} were over`;
    expect(host.started.toSorted(), at).toEqual(ids.toSorted());
    await poll(CAUGHT_UP_MS, "all jobs to be over", async () => {
      const { jobs } = await edge.api(ADMIN_TOKEN).batch(batch_id);
      return jobs.every(({ status }) => status === "ended" || status === "failed");
    });
    await poll(CAUGHT_UP_MS, "the list to have each once", async () => {
      const path = `/api/vnc/sessions?batch_id=${batch_id}&status=all`;
      const answer = await call(edge.url + path, { headers: bearer(ADMIN_TOKEN) });
      const { items, next_cursor } = answer.json<Page<Session>>();
      const over = items.filter(({ status }) => status === "ended" || status === "failed");
      return next_cursor === null && over.length === JOBS;
    });
  });
});

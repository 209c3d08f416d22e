import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_SESSION_TTL_S, MAX_JOB_WAIT_S } from "../../protocol/limits.ts";
import { poll } from "../../scripts/poll.ts";
import { PlayedJobHost } from "../support/played-job-host.ts";
import { type Rig, startRig } from "../support/rig.ts";

/** How long the edge may take to a status that it was brought to. */
const STATUS_MS = 40_000;
const PAGE = "http://127.0.0.1:9/";

let rig: Rig;

beforeAll(async () => {
  rig = await startRig();
});

afterAll(() => rig.stop());

/** Makes a job's session older than it is. */
async function age(session: string, seconds: number): Promise<void> {
  const ms = seconds * 1000;
  const query = `UPDATE session SET created_at = created_at - ${ms}, expires_at = expires_at - ${ms}`;
  await rig.stored("VncSession", session, query);
  await rig.evict("VncSession", session, "hibernate");
}

describe("a queued job", () => {
  it("that has waited longer than jobs run has all of its time once it has room", async () => {
    const { session_id, host_id } = await rig.api.applyJob({ jobUrl: PAGE });
    expect(host_id).toBeNull();
    await age(session_id, DEFAULT_SESSION_TTL_S + 60);
    expect((await rig.api.session(session_id)).status).toBe("queued");
    const before = Date.now();
    const host = await PlayedJobHost.join(rig, {});
    await poll(STATUS_MS, "the job to be active", async () => {
      return (await rig.api.session(session_id)).status === "active";
    });
    const { expires_at } = await rig.api.session(session_id);
    const runsFor = Date.parse(expires_at) - before;
    expect(runsFor).toBeGreaterThanOrEqual(DEFAULT_SESSION_TTL_S * 1000 - 1_000);
    expect(runsFor).toBeLessThan(MAX_JOB_WAIT_S * 1000);
    await rig.api.endSession(session_id);
    await host.until(() => host.running.size === 0);
    await host.stop();
    await rig.api.removeHost(host.hostId);
  });

  it("ends when it has waited for as long as any may", async () => {
    const { session_id } = await rig.api.applyJob({ jobUrl: PAGE });
    await age(session_id, MAX_JOB_WAIT_S + 60);
    expect((await rig.api.session(session_id)).status).toBe("ended");
  });
});

describe("a job's session", () => {
  it("says what its desktop runs as, in a batch and alone, also in the list", async () => {
    const { session_id } = await rig.api.applyJob({ jobUrl: PAGE, profile: "editor" });
    const { jobs } = await rig.api.applyBatch({ jobUrls: [PAGE], profile: "editor" });
    const ids = [session_id, jobs[0]?.session_id ?? ""];
    for (const id of ids) {
      expect(await rig.api.session(id)).toMatchObject({ profile: "editor", server_id: null });
    }
    await poll(STATUS_MS, "the list to have both", async () => {
      const { items } = await rig.api.call("GET /api/vnc/sessions", { query: {} });
      const listed = items.filter(({ session_id: id }) => ids.includes(id));
      return listed.length === 2 && listed.every(({ profile }) => profile === "editor");
    });
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Batch, Job } from "../../protocol/api.ts";
import { MAX_BATCH_JOBS } from "../../protocol/limits.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { People } from "../support/people.ts";
import { jobUrls, PlayedHosts } from "../support/played-hosts.ts";
import { PlayedJobHost } from "../support/played-job-host.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { Viewer } from "../support/viewer.ts";

/** How long the edge may take to a status that it was brought to. */
const STATUS_MS = 40_000;
/** How long the largest batch may take on a machine that has other work. */
const LARGE_MS = 180_000;
const PAGE = "http://127.0.0.1:9/";

let rig: Rig;
let people: People;
let hosts: PlayedHosts;

beforeAll(async () => {
  rig = await startRig();
  hosts = new PlayedHosts(rig);
  people = new People(rig);
});

afterEach(() => hosts.removeAll());

afterAll(() => rig.stop());

const statuses = ({ jobs }: Batch) => jobs.map(({ status }) => status);

/** Waits until the jobs of a batch stand as wished. */
async function stands(id: string, ...wanted: Job["status"][]): Promise<Batch> {
  let batch = await rig.api.batch(id);
  await poll(STATUS_MS, `the jobs to be ${wanted.join()}`, async () => {
    batch = await rig.api.batch(id);
    return statuses(batch).join() === wanted.join();
  });
  return batch;
}

async function apply(
  body: object,
): Promise<{ status: number; problem: { code: string; detail: string } }> {
  const answer = await people.asAdmin("POST", "/api/vnc/batch-apply", body);
  return { status: answer.status, problem: answer.json() };
}

describe("a job", () => {
  it("is queued until a host has room, and then shows a picture to who connects once", async () => {
    const applied = await rig.api.applyJob({ jobUrl: PAGE });
    expect(applied).toMatchObject({
      success: true,
      session_id: applied.job_id,
      status: "queued",
      host_id: null,
      websocket_url: `${rig.edge.url.replace("http", "ws")}/vnc-stream/${applied.job_id}`,
      view_url: `${rig.edge.url}/view/${applied.job_id}`,
    });
    const queued = await rig.api.session(applied.job_id);
    expect(queued).toMatchObject({
      status: "queued",
      vnc_port: null,
      job_url: PAGE,
      batch_id: null,
    });
    const early = new Viewer(applied.websocket_url, { headers: bearer(ADMIN_TOKEN) });
    expect(await early.closed).toEqual({
      code: 4503,
      reason: "It waits for room on a host, and starts by itself.",
    });
    const host = await hosts.join();
    await poll(STATUS_MS, "the job to be active", async () => {
      return (await rig.api.session(applied.job_id)).status === "active";
    });
    const viewer = new Viewer(applied.websocket_url, { headers: bearer(ADMIN_TOKEN) });
    expect((await viewer.receive(4)).toString()).toBe("here");
    expect(host.started).toEqual([applied.job_id]);
    await rig.api.endSession(applied.job_id);
    await host.until(() => host.running.size === 0);
    const actions = async () => {
      const { items } = await rig.api.call("GET /api/audit", { query: { limit: "50" } });
      const own = items.filter(({ target }) => target === applied.job_id);
      return own.map(({ action }) => action).filter((action) => /^session/.test(action));
    };
    const wanted = "session.ended,session.started,session.starting,session.created";
    await poll(STATUS_MS, "the audit to know its life", async () => {
      return (await actions()).join() === wanted;
    });
  });

  it("is the same one for the same Idempotency-Key, also when it is given twice at once", async () => {
    const headers = { ...bearer(ADMIN_TOKEN), "idempotency-key": "one job" };
    const give = () => rig.api.call("POST /api/vnc/apply-job", { headers, body: { jobUrl: PAGE } });
    const [a, b] = await Promise.all([give(), give()]);
    expect(b.job_id).toBe(a.job_id);
    await rig.api.endSession(a.job_id);
  });

  it("does not tell its URL to a guest, who may see its desktop", async () => {
    await hosts.join();
    const { job_id } = await rig.api.applyJob({ jobUrl: `${PAGE}?secret=milk` });
    const link = await people.shareLink(job_id);
    const { cookie } = await people.redeem(link.secret);
    const answer = await people.call(`/api/vnc/session/${job_id}`, {
      headers: people.browser(cookie),
    });
    expect(answer.json()).toMatchObject({ standing: "guest", job_url: null });
    expect(answer.text).not.toContain("milk");
    await rig.api.endSession(job_id);
  });

  it.each([
    ["ftp://example.com/", "A job's URL must begin with http:// or https://, not ftp:"],
    ["--no-sandbox", "A job's URL must be whole, as https://example.com/."],
    [`${PAGE}${"x".repeat(10_000)}`, "A job's URL is at most 8 KiB long."],
  ])("whose URL is none is a problem: %.20s", async (jobUrl, detail) => {
    const answer = await people.asAdmin("POST", "/api/vnc/apply-job", { jobUrl });
    expect(answer.json()).toMatchObject({ status: 400, code: "bad_job_url", detail });
  });

  it("on a host that offers no such desktop is refused with what it offers", async () => {
    const host = await hosts.join();
    const { problem } = await apply({ jobUrls: [PAGE], host_id: host.hostId, profile: "office" });
    expect(problem.code).toBe("profile_not_offered");
    expect(problem.detail).toMatch(/offers no desktop office to jobs, only browser;/);
    const { status } = await apply({ jobUrls: [PAGE], host_id: "nobody-knows-this" });
    expect(status).toBe(404);
  });

  it("tells what its desktop printed, to operators", async () => {
    const host = await hosts.join();
    const { job_id } = await rig.api.applyJob({ jobUrl: PAGE });
    await host.until(() => host.running.has(job_id));
    const log = () => people.asAdmin("GET", `/api/vnc/session/${job_id}/log`);
    await poll(STATUS_MS, "the job to be somewhere", async () => (await log()).status === 200);
    expect((await log()).json()).toEqual({
      session_id: job_id,
      text: "it printed this",
      truncated: false,
    });
    await host.unlink();
    expect((await log()).json()).toMatchObject({ status: 503, code: "host_offline" });
    await host.link();
    await rig.api.endSession(job_id);
  });
});

describe("a batch", () => {
  it("of which some have room runs those, and the others in their order as there is", async () => {
    const host = await hosts.join({ max: 2 });
    const { batch_id, jobs } = await rig.api.applyBatch({ jobUrls: jobUrls(4) });
    expect(jobs.map(({ job_id }) => job_id)).toEqual(
      [0, 1, 2, 3].map((n) => `${batch_id}_job_${n}`),
    );
    await stands(batch_id, "active", "active", "queued", "queued");
    host.end(`${batch_id}_job_1`, "exited", "The browser was closed.");
    const batch = await stands(batch_id, "active", "ended", "active", "queued");
    expect(batch.jobs[1]?.reason).toBe("The browser was closed.");
    await rig.api.endSession(`${batch_id}_job_0`);
    await stands(batch_id, "ended", "ended", "active", "active");
    host.end(`${batch_id}_job_2`, "failed", "It broke.");
    host.end(`${batch_id}_job_3`, "stopped");
    // What nobody broke has ended.
    await stands(batch_id, "ended", "ended", "failed", "ended");
    expect(host.started).toEqual([0, 1, 2, 3].map((n) => `${batch_id}_job_${n}`));
  });

  it("is found whole in the list of sessions", async () => {
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(3) });
    await poll(STATUS_MS, "the list to know it", async () => {
      const query = { batch_id, status: "queued" } as const;
      const { items } = await rig.api.call("GET /api/vnc/sessions", { query });
      return items.length === 3;
    });
    await rig.api.endBatch(batch_id);
  });

  it("is told of when it is made and when all of it is over, to who watches", async () => {
    const host = await hosts.join();
    const watcher = people.events(bearer(ADMIN_TOKEN));
    await watcher.first();
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(2) });
    await watcher.change("batch", batch_id, "created");
    await stands(batch_id, "active", "active");
    host.end(`${batch_id}_job_0`, "exited");
    await stands(batch_id, "ended", "active");
    await watcher.ping();
    expect(watcher.changesOf("batch", batch_id)).toHaveLength(1);
    host.end(`${batch_id}_job_1`, "exited");
    await watcher.change("batch", batch_id, "ended");
    await watcher.close();
  });

  it("has a bad job fail by itself", async () => {
    await hosts.join();
    const { batch_id } = await rig.api.applyBatch({ jobUrls: [PAGE, "javascript:alert(1)", PAGE] });
    const { jobs } = await stands(batch_id, "active", "failed", "active");
    expect(jobs[1]?.reason).toBe(
      "A job's URL must begin with http:// or https://, not javascript:",
    );
    expect(await rig.api.session(`${batch_id}_job_1`)).toMatchObject({ status: "failed" });
  });

  it("lets every viewer in at the first try, the moment its job's status says active", async () => {
    await hosts.join();
    const { batch_id, jobs } = await rig.api.applyBatch({ jobUrls: jobUrls(30) });
    const viewers = new Map<string, Viewer>();
    await poll(STATUS_MS, "every job to be watched", async () => {
      for (const { job_id, status, websocket_url } of (await rig.api.batch(batch_id)).jobs) {
        if (status !== "active" || viewers.has(job_id)) continue;
        viewers.set(job_id, new Viewer(websocket_url, { headers: bearer(ADMIN_TOKEN) }));
      }
      return viewers.size === jobs.length;
    });
    const greetings = [...viewers.values()].map((viewer) => viewer.receive(4));
    expect((await Promise.all(greetings)).map(String)).toEqual(jobs.map(() => "here"));
    await rig.api.endBatch(batch_id);
    for (const viewer of viewers.values()) expect((await viewer.closed).code).toBe(4410);
  });

  it("goes where there is most room", async () => {
    const [small, large] = [await hosts.join({ max: 1 }), await hosts.join({ max: 3 })];
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(4) });
    await stands(batch_id, "active", "active", "active", "active");
    expect([small.running.size, large.running.size]).toEqual([1, 3]);
  });

  it("waits for the host that it names, and holds up no other", async () => {
    const [busy, free] = [await hosts.join({ max: 1 }), await hosts.join({ max: 1 })];
    const host_id = busy.hostId;
    const first = await rig.api.applyBatch({ jobUrls: jobUrls(2), host_id });
    const second = await rig.api.applyBatch({ jobUrls: jobUrls(1) });
    await stands(second.batch_id, "active");
    await stands(first.batch_id, "active", "queued");
    expect(free.running.size).toBe(1);
    await rig.api.endBatch(first.batch_id);
  });

  it.each([
    ["no job", []],
    ["more than 500", jobUrls(MAX_BATCH_JOBS + 1)],
    ["what is no text", [7]],
  ])("of %s is refused", async (_, jobUrls) => {
    expect((await apply({ jobUrls })).problem.code).toBe("invalid_body");
  });
});

describe("a host that runs jobs", () => {
  it("and is gone for a moment keeps them, and what became of them meanwhile is known", async () => {
    const host = await hosts.join({ max: 2 });
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(3) });
    await stands(batch_id, "active", "active", "queued");
    await host.unlink();
    await stands(batch_id, "unreachable", "unreachable", "queued");
    host.end(`${batch_id}_job_0`, "exited"); // to nobody
    await host.link();
    await stands(batch_id, "ended", "active", "active");
    expect(host.started).toHaveLength(3);
  });

  it("and is started anew has lost them", async () => {
    const host = await hosts.join();
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(1) });
    await stands(batch_id, "active");
    await host.unlink();
    host.forgetAll();
    await host.link();
    const batch = await stands(batch_id, "failed");
    expect(batch.jobs[0]?.reason).toBe("The agent has no such desktop.");
    expect(host.started).toHaveLength(1);
  });

  it("and goes while one starts is asked for it again", async () => {
    const host = await hosts.join({ isQuick: false });
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(1) });
    const job = `${batch_id}_job_0`;
    await host.until(() => host.running.has(job));
    await stands(batch_id, "starting");
    await host.unlink();
    await host.link();
    host.ready(job);
    await stands(batch_id, "active");
    expect(host.started).toEqual([job]);
  });

  it("and has no room after all leaves its job to another", async () => {
    const full = await hosts.join({ max: 2 });
    full.max = 0; // a limit that the edge does not know of
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(1) });
    await full.until(() => full.heard.some(({ type }) => type === "launch"));
    const other = await hosts.join();
    await stands(batch_id, "active");
    expect(other.running.size).toBe(1);
  });

  it("and is removed takes its jobs with it, and those that would go nowhere else", async () => {
    const host = await hosts.join({ max: 1 });
    const { batch_id } = await rig.api.applyBatch({ jobUrls: jobUrls(2), host_id: host.hostId });
    await stands(batch_id, "active", "queued");
    await rig.api.removeHost(host.hostId);
    const { jobs } = await stands(batch_id, "failed", "failed");
    expect(jobs.map(({ reason }) => reason)).toEqual(jobs.map(() => "Its host was removed."));
  });

  it("is told to end what it has and nobody asked for", async () => {
    const host = await hosts.join();
    await host.unlink();
    host.running.set("somebody", 5990);
    await host.link();
    await host.until(() => !host.running.has("somebody"));
  });
});

describe("a host that stays away", () => {
  it("has lost its jobs after the time that the operator set, and ends them when it comes back", async () => {
    const impatient = await startRig({ JOB_HOST_AWAY_SECONDS: "1" });
    const host = await PlayedJobHost.join(impatient);
    const { batch_id } = await impatient.api.applyBatch({ jobUrls: jobUrls(1) });
    const job = `${batch_id}_job_0`;
    await host.until(() => host.running.has(job));
    await host.unlink();
    await impatient.edgeLog.waitFor("session.failed", { session: job });
    const name = (await impatient.api.host(host.hostId)).name;
    expect((await impatient.api.session(job)).reason).toBe(
      `Its host ${name} went away and did not come back.`,
    );
    await host.link();
    await host.until(() => host.running.size === 0);
    await host.stop();
    await impatient.stop();
  });
});

describe("a batch, whose objects go from memory at any moment,", () => {
  it("comes to its end with each job started once", async () => {
    const host = await hosts.join({ max: 3 });
    const evict = (className: string, name: string) =>
      rig.evict(className, name, "hibernate").catch((error: Error) => {
        if (!error.message.includes("not currently running")) throw error;
      });
    // An eviction in the middle may cut its answer off. Had the call failed otherwise, nothing would start.
    const applying = rig.api.applyBatch({ jobUrls: jobUrls(6) }).catch(() => null);
    await host.until(() => host.started.length > 0);
    await evict("Batches", "batches");
    const batch_id = (await applying)?.batch_id ?? host.started[0]?.split("_job_")[0] ?? "";
    for (let n = 0; n < 6; n++) {
      const job = `${batch_id}_job_${n}`;
      await host.until(() => host.started.includes(job));
      await evict("Batches", "batches");
      await evict("VncSession", job);
      await evict("VncHost", host.hostId);
      host.end(job, "exited");
      await evict("Batches", "batches");
    }
    await poll(STATUS_MS, "all jobs to be over", async () => {
      const over = new Set(["ended", "failed"]);
      return statuses(await rig.api.batch(batch_id)).every((status) => over.has(status));
    });
    expect(host.started.toSorted()).toEqual([0, 1, 2, 3, 4, 5].map((n) => `${batch_id}_job_${n}`));
  });
});

// The last: its jobs stay queued, before all that would come after them.
describe("a batch of 500", () => {
  it(
    "has every session the moment it is answered",
    async () => {
      const { jobs } = await rig.api.applyBatch({ jobUrls: jobUrls(MAX_BATCH_JOBS) });
      const last = await rig.api.session(jobs.at(-1)?.job_id ?? "");
      expect(last).toMatchObject({ status: "queued", host_id: null });
    },
    LARGE_MS,
  );
});

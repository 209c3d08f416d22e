import { readdirSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Batch } from "../../protocol/api.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { AgentProcess } from "../support/porthole.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { RFB_GREETING } from "../support/tcp-server.ts";
import { Viewer } from "../support/viewer.ts";

const ALLOW = ["127.0.0.1:5980-5989"];
const PAGE = "https://example.com/";
/** How long desktops may take to come up, or to be gone. */
const DESKTOPS_MS = 40_000;

let rig: Rig;
let host: AgentProcess;

beforeAll(async () => {
  rig = await startRig();
});
afterEach(async () => {
  await rig.api.removeHost(host.hostId);
  await host.ended(); // and its desktops with it
  await host.dispose();
  expect(readdirSync("/tmp/.X11-unix").filter((name) => /^X8\d$/.test(name))).toEqual([]);
});
afterAll(() => rig.stop());

async function start(profiles: object, limits: object): Promise<void> {
  host = await AgentProcess.join(rig.api, "job-host", ALLOW, { profiles, limits });
  await host.run();
}

/** Waits until the jobs of a batch stand as wished. */
async function stands(id: string, ...wanted: string[]): Promise<Batch["jobs"]> {
  let jobs: Batch["jobs"] = [];
  await poll(DESKTOPS_MS, `the jobs to be ${wanted.join()}`, async () => {
    jobs = (await rig.api.batch(id)).jobs;
    return jobs.map(({ status }) => status).join() === wanted.join();
  });
  return jobs;
}

async function isShown(url: string): Promise<void> {
  const viewer = new Viewer(url, { headers: bearer(ADMIN_TOKEN) });
  const greeting = await viewer.receive(RFB_GREETING.length);
  expect(greeting.toString("latin1")).toContain("RFB");
  await viewer.close();
}

describe("a host whose agent is killed while jobs run", () => {
  it("has lost those when the agent is back, and runs those that waited", async () => {
    await start({ idle: { command: ["sleep", "1000"] } }, { max_desktops: 2 });
    const jobUrls = [PAGE, PAGE, PAGE];
    const { batch_id } = await rig.api.applyBatch({ jobUrls, profile: "idle" });
    await stands(batch_id, "active", "active", "queued");
    await host.kill();
    await stands(batch_id, "unreachable", "unreachable", "queued");
    await host.run();
    const [lost, , waited] = await stands(batch_id, "failed", "failed", "active");
    expect(lost?.reason).toBe("The agent was ended while this desktop ran.");
    await isShown(waited?.websocket_url ?? "");
  });
});

describe("a job's desktop", () => {
  it("that crashes, or never opens its port, has failed with the reason, and with what it printed", async () => {
    const shell = (line: string) => ({ command: ["sh", "-c", line, "sh", "{port}"] });
    const profiles = { crashes: shell("echo no more milk; exit 7"), hangs: shell("sleep 1000") };
    await start(profiles, { max_start_seconds: 1 });
    const apply = async (profile: string) => {
      const { batch_id } = await rig.api.applyBatch({ jobUrls: [PAGE], profile });
      return (await stands(batch_id, "failed"))[0];
    };
    const crashed = await apply("crashes");
    expect(crashed?.reason).toBe(
      "Its program sh ended with exit code 7; the last that it printed: no more milk",
    );
    const params = { id: crashed?.session_id ?? "" };
    const { text } = await rig.api.call("GET /api/vnc/session/:id/log", { params });
    expect(text).toBe("no more milk\n");
    expect((await apply("hangs"))?.reason).toMatch(
      /^It could not be started: nothing listens on port 59\d\d after 1 s\.$/,
    );
  });

  it("that prints without end has the first and the last of it in its log", async () => {
    await start({ loud: { command: ["sh", "-c", "echo the first line; exec yes it"] } }, {});
    const { batch_id } = await rig.api.applyBatch({ jobUrls: [PAGE], profile: "loud" });
    const [job] = await stands(batch_id, "active");
    const params = { id: job?.session_id ?? "" };
    let log = await rig.api.call("GET /api/vnc/session/:id/log", { params });
    await poll(DESKTOPS_MS, "the log to be full", async () => {
      log = await rig.api.call("GET /api/vnc/session/:id/log", { params });
      return log.truncated;
    });
    expect(log.text).toContain("the first line");
    expect(log.text.length).toBeLessThan(25 * 1024);
    await isShown(job?.websocket_url ?? "");
  });
});

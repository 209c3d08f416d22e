import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VERSION } from "../../agent/version.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { parseExposition, type Samples } from "../support/exposition.ts";
import { type Credential, expectServed, People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

let rig: Rig;
let people: People;
let desktop: Desktop;
let key: string;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  desktop = await Desktop.start(rig);
  key = (await people.key("viewer", "prometheus")).key;
});

afterAll(async () => {
  await desktop.stop();
  await rig.stop();
});

const read = () => people.call("/metrics", { headers: bearer(key) });

async function scrape(): Promise<Samples> {
  return parseExposition((await people.wanted(200, read())).text);
}

/** Waits until a metric has a value: what is counted is told a moment later. */
async function becomes(sample: string, value: number): Promise<void> {
  let last: number | undefined;
  await poll(15_000, `${sample} to be ${value}`, async () => {
    last = (await scrape()).value(sample);
    return last === value;
  });
}

describe("the metrics", () => {
  it("are the text format that Prometheus reads, each with its type and a line of help", async () => {
    const answer = await read();
    expect(answer.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(answer.headers["cache-control"]).toBe("no-store");
    const samples = parseExposition(answer.text);
    expect(Object.fromEntries(samples.types)).toEqual({
      porthole_build_info: "gauge",
      porthole_sessions: "gauge",
      porthole_hosts: "gauge",
      porthole_streams: "gauge",
      porthole_stream_connects_total: "counter",
      porthole_streams_closed_total: "counter",
      porthole_link_latency_seconds: "gauge",
      porthole_event_watchers: "gauge",
    });
    expect(samples.value(`porthole_build_info{version="${VERSION}"}`)).toBe(1);
  });

  it("count sessions by state, hosts and streams as they are now", async () => {
    const before = await scrape();
    const active = before.value('porthole_sessions{state="active"}') ?? Number.NaN;
    const ended = before.value('porthole_sessions{state="ended"}') ?? Number.NaN;
    const session = await desktop.session();
    await becomes('porthole_sessions{state="active"}', active + 1);
    expect((await scrape()).value('porthole_sessions{state="queued"}')).toBe(0);
    const viewer = people.stream(session, bearer(ADMIN_TOKEN));
    await expectServed(viewer);
    await becomes("porthole_streams", 1);
    await viewer.close();
    await becomes("porthole_streams", 0);
    await rig.api.endSession(session);
    await becomes('porthole_sessions{state="active"}', active);
    await becomes('porthole_sessions{state="ended"}', ended + 1);

    const { host_id } = await rig.enrol();
    await becomes('porthole_hosts{state="offline"}', 1);
    expect((await scrape()).value('porthole_hosts{state="online"}')).toBe(1);
    await rig.api.createSession({ host_id, port: 5900 });
    await becomes('porthole_sessions{state="unreachable"}', 1);
    await rig.api.removeHost(host_id);
    await becomes('porthole_hosts{state="offline"}', 0);
  });

  it("tell the latency of a link in seconds, by its host's id", async () => {
    const sample = `porthole_link_latency_seconds{host="${desktop.agent.hostId}"}`;
    let value: number | undefined;
    await poll(10_000, sample, async () => {
      value = (await scrape()).value(sample);
      return value !== undefined;
    });
    expect(value).toBe(((await rig.api.host(desktop.agent.hostId)).latency_ms ?? 0) / 1000);
    expect(value).toBeLessThan(10);
  });

  it("count who watches the events", async () => {
    const watcher = people.events(bearer(key));
    await watcher.first();
    expect((await scrape()).value("porthole_event_watchers")).toBe(1);
    await watcher.close();
    await becomes("porthole_event_watchers", 0);
  });
});

describe("the metrics of connections", () => {
  const outcome = (of: string) => `porthole_stream_connects_total{outcome="${of}"}`;

  it("count each outcome by its close code, exactly, whatever is evicted meanwhile", async () => {
    const before = await scrape();
    const was = (sample: string) => before.value(sample) ?? 0;
    const session = await desktop.session();
    const nowhere = { host_id: desktop.agent.hostId, port: 5999 };
    const forbidden = (await rig.api.createSession({ ...nowhere, port: 22 })).session_id;
    const viewer = people.stream(session, bearer(ADMIN_TOKEN));
    await expectServed(viewer);
    for (let n = 0; n < 3; n++) {
      expect((await people.stream(session, { ticket: "wrong" }).closed).code).toBe(4401);
    }
    expect((await people.stream(forbidden, bearer(ADMIN_TOKEN)).closed).code).toBe(4403);
    await rig.evict("VncSession", forbidden, "close");
    await rig.evict("Registry", "registry", "hibernate");
    await viewer.close();
    await becomes("porthole_streams_closed_total", was("porthole_streams_closed_total") + 1);
    await rig.api.endSession(session);
    expect((await people.stream(session, bearer(ADMIN_TOKEN)).closed).code).toBe(4410);

    await becomes(outcome("4410"), was(outcome("4410")) + 1);
    await becomes(outcome("4403"), was(outcome("4403")) + 1);
    await becomes(outcome("4401"), was(outcome("4401")) + 3);
    await becomes(outcome("opened"), was(outcome("opened")) + 1);
  });

  it("count whom the Worker itself refuses, each once and by the same codes", async () => {
    const before = await scrape();
    const was = (sample: string) => before.value(sample) ?? 0;
    const session = await desktop.session();
    const nowhere = "nobody-knows-this";
    const foreign = { ...people.browser(await people.signIn()), origin: "https://evil.example" };
    const refusals: [string, Credential, number][] = [
      [session, {}, 4401],
      [session, bearer("wrong"), 4401],
      [session, foreign, 4403],
      [nowhere, bearer(ADMIN_TOKEN), 4404],
      [nowhere, { ticket: "wrong" }, 4404],
      ["not%20an%20id", bearer(ADMIN_TOKEN), 4400],
    ];
    for (const [id, credential, code] of refusals) {
      expect((await people.stream(id, credential).closed).code).toBe(code);
    }
    // Neither is a viewer of a desktop.
    expect((await people.chat(nowhere, {}).closed).code).toBe(4401);
    expect((await people.call(`/vnc-stream/${session}`)).status).toBe(426);
    await becomes(outcome("4401"), was(outcome("4401")) + 2);
    await becomes(outcome("4404"), was(outcome("4404")) + 2);
    for (const code of ["4400", "4403"]) await becomes(outcome(code), was(outcome(code)) + 1);
  });

  it("count nothing twice that a session tells twice", async () => {
    const session = await desktop.session();
    const before = (await scrape()).value(outcome("4401")) ?? 0;
    await people.stream(session, { ticket: "wrong" }).closed;
    const [row] = (await rig.stored("VncSession", session, "SELECT * FROM activity")) as {
      batch: string;
    }[];
    await becomes(outcome("4401"), before + 1);
    // As if the registry's answer had been lost: what was told is to be told again.
    const again = `INSERT INTO activity (batch, kind, count) VALUES ('${row?.batch}', '4401', 1)`;
    await rig.stored("VncSession", session, again);
    await people.stream(session, { ticket: "wrong" }).closed;
    const viewer = people.stream(session, bearer(ADMIN_TOKEN)); // which tells all that there is
    await expectServed(viewer);
    await poll(10_000, "all to be told", async () => {
      return (await rig.stored("VncSession", session, "SELECT * FROM activity")).length === 0;
    });
    expect((await scrape()).value(outcome("4401"))).toBe(before + 2);
    await viewer.close();
  });
});

describe("the health", () => {
  it("is told to everybody, with the version", async () => {
    const answer = await people.call("/api/health");
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual({ status: "ok", version: VERSION });
  });
});

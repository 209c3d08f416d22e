import { beforeEach, describe, expect, it } from "vitest";
import type { Batch, Host, Job, SessionStatus } from "../../protocol/api.ts";
import { type BatchState, LiveBatch, PACE_MS, UNDER_WAY_MS } from "../../web/batch/live-batch.ts";

/** An edge that answers at once, a clock and a page for a {@link LiveBatch}. */
class FakePage {
  readonly live: LiveBatch;
  batch: Batch | null = null;
  /** What was read, since the last look at it. */
  reads: string[] = [];
  fault: Error | null = null;
  hidden = false;
  state: BatchState | null = null;
  nextIn: number | null = null;
  #version = 0;
  #run: () => void = () => {};

  constructor() {
    const answer = async <Answer>(what: string, value: Answer): Promise<Answer> => {
      this.reads.push(what);
      if (this.fault) throw this.fault;
      return value;
    };
    this.live = new LiveBatch({
      batchId: "b",
      reads: {
        mayOperate: () => answer("role", true),
        batch: (etag) => {
          const now = `v${this.#version}`;
          if (!this.batch) return answer("batch", "missing" as const);
          if (etag === now) return answer("304", "unchanged" as const);
          return answer("batch", { item: this.batch, etag: now });
        },
        hosts: () => answer("hosts", [] as Host[]),
      },
      onState: (state) => {
        this.state = state;
      },
      explain: (error) => (error as Error).message,
      isHidden: () => this.hidden,
      random: () => 0,
      setTimer: (run, ms) => {
        if (this.nextIn !== null) throw new Error("There is a second timer.");
        this.nextIn = ms;
        this.#run = run;
        return 1;
      },
      clearTimer: () => {
        this.nextIn = null;
      },
    });
  }

  has(...statuses: SessionStatus[]): void {
    const jobs = statuses.map((status, n) => ({ job_id: `b_job_${n}`, status, host_id: "h" }));
    this.batch = { batch_id: "b", profile: "browser", jobs: jobs as Job[] } as Batch;
    this.#version++;
  }

  get statuses(): string[] | undefined {
    return this.state?.batch?.jobs.map(({ status }) => status);
  }

  async load(): Promise<void> {
    this.live.refresh();
    await this.settle();
    this.reads = [];
  }

  /** Lets the timer fire, and its look end. */
  async pass(): Promise<void> {
    this.nextIn = null;
    this.#run();
    await this.settle();
  }

  /** Promise reactions have all run when a task of the event loop begins. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}

let page: FakePage;

beforeEach(() => {
  page = new FakePage();
});

const CHANGED = { kind: "session", id: "b_job_0", change: "changed" } as const;

describe("a live batch", () => {
  it("is read once for all that changes at once, and not for what is no change of it", async () => {
    page.has("active", "active");
    await page.load();
    expect(page.nextIn).toBeNull();
    page.live.note({ ...CHANGED, id: "other_job_0" });
    expect(page.nextIn).toBeNull();
    page.has("ended", "ended");
    page.live.note(CHANGED);
    page.live.note({ ...CHANGED, id: "b_job_1" });
    expect(page.nextIn).toBe(PACE_MS);
    await page.pass();
    expect(page.reads).toEqual(["batch"]);
    expect(page.statuses).toEqual(["ended", "ended"]);
    expect(page.nextIn).toBeNull();
  });

  it("is not sent again while it is what the page has", async () => {
    page.has("active");
    await page.load();
    page.live.note(CHANGED);
    await page.pass();
    expect(page.reads).toEqual(["304"]);
    expect(page.statuses).toEqual(["active"]);
  });

  it("is looked at now and then while jobs start, and the hosts once while they wait", async () => {
    page.has("queued");
    page.live.refresh();
    await page.settle();
    expect(page.reads).toEqual(["role", "batch", "hosts"]);
    expect(page.nextIn).toBe(UNDER_WAY_MS);
    page.reads = [];
    await page.pass();
    expect(page.reads).toEqual(["304"]);
    page.has("active");
    await page.pass();
    expect(page.nextIn).toBeNull();
  });

  it("is read soon after a change while jobs start, however many more come", async () => {
    page.has("starting");
    await page.load();
    expect(page.nextIn).toBe(UNDER_WAY_MS);
    page.live.note(CHANGED);
    expect(page.nextIn).toBe(PACE_MS);
    // Any new timer would put it off.
    page.nextIn = -1;
    page.live.note(CHANGED);
    expect(page.nextIn).toBe(-1);
  });

  it("reads the hosts again when one of them changed while jobs wait", async () => {
    page.has("queued");
    await page.load();
    page.live.note({ kind: "host", id: "new", change: "joined" });
    await page.pass();
    expect(page.reads).toEqual(["304", "hosts"]);
  });

  it("that changed while nobody looked is read when somebody does", async () => {
    page.has("active");
    await page.load();
    page.hidden = true;
    page.has("ended");
    page.live.note(CHANGED);
    await page.pass();
    expect(page.reads).toEqual([]);
    page.hidden = false;
    page.live.look();
    await page.settle();
    expect(page.statuses).toEqual(["ended"]);
  });

  it("stays on the page while the edge cannot be asked, and is asked for again", async () => {
    page.has("active");
    await page.load();
    page.fault = new Error("The edge cannot be reached.");
    page.live.note(CHANGED);
    await page.pass();
    expect(page.state?.problem).toBe("The edge cannot be reached.");
    expect(page.statuses).toEqual(["active"]);
    const wait = page.nextIn;
    expect(wait).toBeGreaterThan(PACE_MS);
    page.live.note(CHANGED);
    expect(page.nextIn, "a change does not hasten it").toBe(wait);
    page.fault = null;
    await page.pass();
    expect(page.state?.problem).toBeNull();
  });

  it("that there is not is not asked for again", async () => {
    await page.load();
    expect(page.state?.isMissing).toBe(true);
    expect(page.nextIn).toBeNull();
    page.live.refresh();
    await page.settle();
    expect(page.reads).toEqual([]);
  });
});

import { DurableObject } from "cloudflare:workers";
import { DEFAULT_SESSION_TTL_S, MAX_JOBS } from "../../protocol/limits.ts";
import type { EndCause } from "../../protocol/link.ts";
import { type Env, vncHost, vncSession } from "../env.ts";
import type { LocationHint } from "../location.ts";
import { describeError, log } from "../log.ts";
import { type Result, refuse } from "../problem.ts";
import { type BatchRow, type JobRow, Jobs, type NewJobs, type QueuedJob } from "./batch/jobs.ts";
import { Rooms } from "./batch/rooms.ts";
import type { JobEnd, JobStand } from "./session/job.ts";
import { purgeTime } from "./session/life.ts";

/**
 * All batches and single jobs, and the queue for room on the hosts that take jobs. A job's session
 * is the authority on its life; here is decided where and when it runs.
 *
 * Everything is stored first, then driven on by passes over what is stored: sessions are made, jobs
 * get room, hosts are told to start and stop desktops. Each step can be repeated: making a session
 * again changes nothing, and an agent starts the desktop of a session once. So a restart anywhere
 * in the middle loses no job and makes none twice; an alarm is set for as long as there is a next
 * step.
 */
export class Batches extends DurableObject<Env> {
  readonly #jobs = new Jobs(this.ctx.storage.sql);
  readonly #rooms = new Rooms(this.ctx.storage.sql);
  /** What hosts were told of their jobs, since this object woke and on their newest link. */
  readonly #told = new Map<string, "start" | "stop">();
  readonly #goneAfterMs = (Number(this.env.JOB_HOST_AWAY_SECONDS) || DEFAULT_HOST_AWAY_S) * 1000;
  #running: Promise<void> | null = null;
  #isMore = false;
  #hasFailed = false;
  #looksAfterHosts = false;

  /** Takes jobs. Taking the same again changes nothing. @returns when their sessions are made */
  async apply(input: NewJobs, by: { actor: string; address: string }): Promise<Result<null>> {
    const isKnown = input.jobs.some(({ job_id }) => this.#jobs.job(job_id));
    if (!isKnown) {
      if (this.#jobs.countOpen() + input.jobs.length > MAX_JOBS) {
        const detail = `Of all batches together ${MAX_JOBS} jobs can be queued or run; try again when some have ended.`;
        return refuse(429, "too_many_jobs", detail);
      }
      this.ctx.storage.transactionSync(() => this.#jobs.add(input, by));
      this.ctx.storage.setAlarm(Date.now() + RETRY_MS); // whatever happens after this
      log("batch.taken", { batch: input.batch_id, jobs: input.jobs.length });
    }
    await this.#run();
    return { ok: true, value: null };
  }

  async describe(batchId: string): Promise<{ batch: BatchRow; jobs: JobRow[] } | null> {
    const batch = this.#jobs.batch(batchId);
    return batch ? { batch, jobs: this.#jobs.ofBatch(batchId) } : null;
  }

  async job(jobId: string): Promise<JobRow | null> {
    return this.#jobs.job(jobId) ?? null;
  }

  /** Ends what has not ended of a batch. @returns false if there is none */
  async end(batchId: string, by: { actor: string; address: string }): Promise<boolean> {
    if (!this.#jobs.batch(batchId)) return false;
    const open = this.#jobs.ofBatch(batchId).filter(({ state }) => !isOver(state));
    // In the order in which none of them gets the room of one before it.
    await this.#each(open.reverse(), async ({ job_id }) => {
      await vncSession(this.env, job_id).end(
        by.actor,
        "The operator ended this batch.",
        by.address,
      );
    });
    return true;
  }

  // What is heard from hosts and sessions.

  /** A host's link is there, with the desktops that its agent has. */
  async hostIsThere({ desktops, ...host }: HostNews): Promise<void> {
    this.#rooms.put(host);
    const had = new Map(desktops.map((desktop) => [desktop.session, desktop]));
    for (const { job_id, state } of this.#jobs.withRoom(host.host_id)) {
      this.#told.delete(job_id);
      const desktop = had.get(job_id);
      had.delete(job_id);
      if (desktop?.ready && state === "starting") {
        await this.launched(host.host_id, job_id, desktop.port);
      } else if (!desktop && state === "open") {
        // Asked to stop what it does not have, it says what became of it.
        await vncHost(this.env, host.host_id).stopDesktop(job_id);
      } else if (!desktop && isOver(state)) this.#jobs.clearRoom(job_id);
    }
    for (const session of had.keys()) await vncHost(this.env, host.host_id).stopDesktop(session);
    this.#goOn();
  }

  /** A host was removed: what ran there cannot be reached any more. */
  async hostIsRemoved(hostId: string): Promise<void> {
    this.#rooms.forget(hostId);
    const gone = { state: "failed", reason: "Its host was removed." } as const;
    const wanted = this.#jobs.queued().filter(({ wanted_host }) => wanted_host === hostId);
    for (const { job_id } of [...this.#jobs.withRoom(hostId), ...wanted]) {
      await this.#end(job_id, gone);
      this.#jobs.clearRoom(job_id);
    }
    this.#goOn();
  }

  /** A job's desktop is there: a viewer who connects now gets a picture. */
  async launched(hostId: string, jobId: string, port: number): Promise<void> {
    const row = this.#jobs.job(jobId);
    if (row?.host_id !== hostId || row.has_room === 0) {
      await vncHost(this.env, hostId).stopDesktop(jobId);
      return;
    }
    const expires_at = Date.now() + DEFAULT_SESSION_TTL_S * 1000;
    const over = await this.#tell(jobId, { state: "open", host_id: hostId, port, expires_at });
    if (!over) this.#jobs.open(jobId, port);
    else this.#goOn();
  }

  /** A job's desktop is over, and nothing is left of it. */
  async ended(hostId: string, news: DesktopEnd): Promise<void> {
    const { session: jobId, cause, reason } = news;
    const row = this.#jobs.job(jobId);
    if (row?.host_id !== hostId || row.has_room === 0) return;
    if (row.state === "starting" && cause === "no_room") {
      this.#rooms.setFull(hostId);
      await this.#requeue(jobId);
    } else {
      if (!isOver(row.state)) await this.#end(jobId, endOf(row, cause, reason));
      this.#jobs.clearRoom(jobId);
    }
    this.#goOn();
  }

  /** A job's session came to its end by itself: an operator ended it, or its time was over. */
  async sessionOver(jobId: string, end: JobEnd): Promise<void> {
    this.#jobs.over(jobId, end);
    this.#goOn();
  }

  // What is done about it.

  override async alarm(): Promise<void> {
    this.#looksAfterHosts = true;
    await this.#run();
  }

  #goOn(): void {
    this.ctx.storage.setAlarm(Date.now() + RETRY_MS); // for a restart in the middle
    this.ctx.waitUntil(this.#run());
  }

  /** Does all there is to do now, one pass at a time; what comes up meanwhile too. Never rejects. */
  #run(): Promise<void> {
    this.#isMore = true;
    this.#running ??= this.#passes();
    return this.#running;
  }

  async #passes(): Promise<void> {
    await null; // so that #running is set before this can end
    this.#hasFailed = false;
    try {
      while (this.#isMore) {
        this.#isMore = false;
        await this.#pass();
      }
    } catch (error) {
      log("batch.pass_failed", { error: describeError(error) });
      this.#hasFailed = true;
    } finally {
      // In the same turn as the last look: whatever comes to be after it starts anew.
      this.#running = null;
      this.#setAlarm();
    }
  }

  async #pass(): Promise<void> {
    await this.#makeSessions();
    if (this.#looksAfterHosts) {
      this.#looksAfterHosts = false;
      this.#jobs.forget(Date.now() - purgeTime(0, this.env));
      await this.#lookAfterHosts();
    }
    for (const { job, why } of this.#giveRoom())
      await this.#end(job, { state: "failed", reason: why });
    await this.#each(this.#jobs.withRoom(), async (row) => {
      const told = this.#told.get(row.job_id);
      if (row.state === "starting" && told !== "start") await this.#start(row);
      if (isOver(row.state) && told !== "stop") await this.#stop(row);
    });
  }

  async #makeSessions(): Promise<void> {
    const rows = this.#jobs.unmade();
    const places = new Map<string, LocationHint | null>();
    for (const { wanted_host: host } of rows) {
      if (host !== null && !places.has(host)) {
        places.set(host, await vncHost(this.env, host).location());
      }
    }
    await this.#each(rows, async (row) => {
      const { job_id: session_id, wanted_host, batch_id, url, reason, actor, address } = row;
      const near = wanted_host === null ? null : places.get(wanted_host);
      await vncSession(this.env, session_id, near).create(
        {
          session_id,
          host_id: null,
          port: null,
          label: null,
          control: "shared",
          clipboard: "both",
          password: null,
          // A job runs whether or not somebody watches.
          idle_seconds: null,
          created_at: row.created_at,
          expires_at: row.created_at + DEFAULT_SESSION_TTL_S * 1000,
          job: { batch_id, url, failed: reason },
        },
        { actor, address },
      );
      this.#jobs.made(row);
    });
  }

  /**
   * Gives jobs room in their order: on the host that they name, or where there is most.
   * @returns those that cannot get any, and why
   */
  #giveRoom(): { job: string; why: string }[] {
    const refused: { job: string; why: string }[] = [];
    const hosts = this.#rooms.free();
    for (const job of this.#jobs.queued()) {
      const why = this.#whyNever(job);
      if (why !== null) {
        refused.push({ job: job.job_id, why });
        continue;
      }
      const [best] = hosts
        .filter(({ free, host_id, profiles }) => {
          const isWanted = job.wanted_host === null || job.wanted_host === host_id;
          return free > 0 && isWanted && profiles.has(job.profile);
        })
        .sort((a, b) => b.free - a.free);
      if (!best) continue;
      best.free -= 1;
      this.#jobs.giveRoom(job.job_id, best.host_id);
    }
    return refused;
  }

  #whyNever({ wanted_host, profile }: QueuedJob): string | null {
    const room = wanted_host === null ? undefined : this.#rooms.get(wanted_host);
    if (!room || room.is_away || (JSON.parse(room.profiles) as string[]).includes(profile)) {
      return null;
    }
    return `The host ${room.name} does not offer the desktop ${profile} to jobs (any more).`;
  }

  async #start({ job_id, host_id, profile, url, is_said }: JobRow): Promise<void> {
    if (host_id === null) return;
    const reason = "Its desktop is starting.";
    if (await this.#tell(job_id, { state: "starting", host_id, reason })) {
      this.#isMore = true; // it has ended meanwhile: a desktop that was started before is stopped
      return;
    }
    this.#jobs.markSaid(job_id); // before it is: whether it was heard is not always known
    const answer = await vncHost(this.env, host_id).launch({ session: job_id, profile, url });
    if (answer === "removed") return this.hostIsRemoved(host_id);
    this.#told.set(job_id, "start");
    if (answer === "said") return;
    if (answer === "offline") this.#rooms.setAway(host_id);
    else this.#rooms.forget(host_id); // until it says again what it offers
    if (is_said === 0) await this.#requeue(job_id);
  }

  async #stop({ job_id, host_id }: JobRow): Promise<void> {
    if (host_id === null) return this.#jobs.clearRoom(job_id);
    const answer = await vncHost(this.env, host_id).stopDesktop(job_id);
    if (answer === "removed") this.#jobs.clearRoom(job_id);
    else this.#told.set(job_id, "stop"); // its next link begins with what it has
  }

  /** A host that stays away takes its jobs with it; it is told to stop them when it comes back. */
  async #lookAfterHosts(): Promise<void> {
    const live = this.#jobs.withRoom().filter(({ state }) => !isOver(state));
    const hosts = [...new Set(live.map(({ host_id }) => host_id))].filter((id) => id !== null);
    await this.#each(hosts, async (host) => {
      const since = await vncHost(this.env, host).awaySince();
      if (since === "removed") return this.hostIsRemoved(host);
      if (since === null) return;
      this.#rooms.setAway(host);
      if (Date.now() - since < this.#goneAfterMs) return;
      const name = this.#rooms.get(host)?.name ?? host;
      const reason = `Its host ${name} went away and did not come back.`;
      for (const { job_id } of live.filter(({ host_id }) => host_id === host)) {
        await this.#end(job_id, { state: "failed", reason });
      }
    });
  }

  async #requeue(jobId: string): Promise<void> {
    this.#told.delete(jobId);
    const reason = "Its host had no room after all; it waits, and starts by itself.";
    if (!(await this.#tell(jobId, { state: "queued", reason }))) this.#jobs.requeue(jobId);
  }

  /** Ends a job, its session first. */
  async #end(jobId: string, end: JobEnd): Promise<void> {
    if (!(await this.#tell(jobId, end))) this.#jobs.over(jobId, end);
  }

  /** Tells a job's session how it stands. @returns how it came to its end, if it has already */
  async #tell(jobId: string, stand: JobStand): Promise<JobEnd | null> {
    const over = await vncSession(this.env, jobId).jobStands(stand);
    if (over) this.#jobs.over(jobId, over);
    return over;
  }

  /** Some at once; one that fails is tried again later and holds up no other. */
  async #each<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
    for (let at = 0; at < items.length; at += AT_ONCE) {
      const outcomes = await Promise.allSettled(items.slice(at, at + AT_ONCE).map(work));
      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") continue;
        log("batch.step_failed", { error: describeError(outcome.reason) });
        this.#hasFailed = true;
      }
    }
  }

  /** The one alarm is for the first of: another try, a look after hosts, room again, forgetting. */
  #setAlarm(): void {
    const now = Date.now();
    const due: number[] = [];
    if (this.#hasFailed) due.push(now + RETRY_MS);
    if (this.#jobs.withRoom().length > 0) due.push(now + LOOK_MS);
    const free = this.#rooms.nextFree();
    if (free !== null && this.#jobs.queued().length > 0) due.push(free);
    const first = this.#jobs.firstOver();
    if (first !== null) due.push(Math.max(purgeTime(first, this.env), now + LOOK_MS));
    if (due.length > 0) this.ctx.storage.setAlarm(Math.min(...due));
    else this.ctx.storage.deleteAlarm();
  }
}

/** How soon a step that failed is tried again. */
const RETRY_MS = 2_000;

/** While jobs have room on hosts, these are looked after this often. */
const LOOK_MS = 15_000;

/**
 * A host that is away for longer takes its jobs with it, unless JOB_HOST_AWAY_SECONDS says otherwise:
 * an agent redials within half a minute.
 */
const DEFAULT_HOST_AWAY_S = 60;

/** How many sessions or hosts are asked at once. */
const AT_ONCE = 16;

function isOver(state: JobRow["state"]): boolean {
  return state === "failed" || state === "ended";
}

/** How a job whose desktop is over came to its end: one that nobody or nothing broke has ended. */
function endOf({ state }: JobRow, cause: EndCause, reason: string): JobEnd {
  const isPlain = cause === "stopped" || cause === "limit" || cause === "exited";
  return { state: state === "open" && isPlain ? "ended" : "failed", reason };
}

type HostNews = {
  host_id: string;
  name: string;
  profiles: string[];
  max_desktops: number;
  /** The desktops that its agent has. */
  desktops: { session: string; port: number; ready: boolean }[];
};

type DesktopEnd = { session: string; cause: EndCause; reason: string };

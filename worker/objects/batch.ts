import { DurableObject } from "cloudflare:workers";
import { DEFAULT_SESSION_TTL_S, DEFAULT_START_S, MAX_JOBS } from "../../protocol/limits.ts";
import { type Env, registry, vncHost, vncSession } from "../env.ts";
import type { LocationHint } from "../location.ts";
import { describeError, log } from "../log.ts";
import { type Result, refuse } from "../problem.ts";
import { eachOf } from "./batch/at-once.ts";
import { type DesktopEnd, endOf, isHostsFailure, isOver, noAnswer } from "./batch/ends.ts";
import { FailedStarts } from "./batch/failed-starts.ts";
import { giveRoom, HOST_REMOVED, whyTheyWait } from "./batch/give-room.ts";
import { hostsToLookAfter } from "./batch/hosts-to-look-after.ts";
import { sessionOf } from "./batch/job-session.ts";
import { type BatchRow, type ChangingJob, type JobRow, Jobs, type NewJobs } from "./batch/jobs.ts";
import { type Offer, type Room, Rooms } from "./batch/rooms.ts";
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
 *
 * It is long for one reason: what is heard and what is done change the same rows, with calls in
 * between during which more is heard, so both must be read together. What does not need that lives
 * in batch/.
 */
export class Batches extends DurableObject<Env> {
  readonly #jobs = new Jobs(this.ctx.storage.sql);
  readonly #rooms = new Rooms(this.ctx.storage.sql);
  readonly #failedStarts = new FailedStarts(this.ctx.storage.sql);
  /** What hosts were told of their jobs, since this object woke and on their newest link. */
  readonly #told = new Map<string, "start" | "stop">();
  readonly #goneAfterMs = (Number(this.env.JOB_HOST_AWAY_SECONDS) || DEFAULT_HOST_AWAY_S) * 1000;
  readonly #graceMs = (Number(this.env.JOB_START_GRACE_SECONDS) || DEFAULT_START_GRACE_S) * 1000;
  #running: Promise<void> | null = null;
  #isMore = false;
  #hasFailed = false;
  /** How many runs in a row had a step that failed. */
  #failedRuns = 0;
  /** How much more is done in this run. */
  #stepsLeft = 0;
  /** When the hosts were looked after, and when room on them was, since this object woke. */
  #lookedAt = 0;
  #gaveRoomAt = 0;

  /**
   * Takes jobs. Taking the same again changes nothing.
   * @returns how many of their sessions are still to be made: they are, also if nobody asks again
   */
  async apply(input: NewJobs, by: { actor: string; address: string }): Promise<Result<number>> {
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
    const { batch_id, jobs } = input;
    return { ok: true, value: this.#jobs.countUnmade({ batch_id, job_id: jobs[0]?.job_id ?? "" }) };
  }

  async describe(batchId: string): Promise<{ batch: BatchRow; jobs: JobRow[] } | null> {
    const batch = this.#jobs.batch(batchId);
    if (!batch) return null;
    const jobs = this.#jobs.ofBatch(batchId);
    const waiting = jobs.find(({ state }) => state === "queued"); // all of them need the same
    const why = waiting ? this.#whyWaits(waiting) : null;
    return { batch, jobs: jobs.map((row) => withReason(row, why)) };
  }

  async job(jobId: string): Promise<JobRow | null> {
    const row = this.#jobs.job(jobId);
    return row ? withReason(row, this.#whyWaits(row)) : null;
  }

  /** Why a job is queued, where more is known than that it is not its turn. */
  async whyQueued(jobId: string): Promise<string | null> {
    const row = this.#jobs.job(jobId);
    return row?.state === "queued" ? this.#whyWaits(row) : null;
  }

  #whyWaits(job: JobRow): string | null {
    return whyTheyWait(job, this.#rooms, this.#failedStarts);
  }

  /** Ends what has not ended of a batch. */
  async end(batchId: string, by: { actor: string; address: string }): Promise<Result<null>> {
    if (!this.#jobs.batch(batchId)) {
      return refuse(404, "no_such_batch", "There is no such batch.");
    }
    const job = { batch_id: batchId, job_id: "" };
    // A session that is not made cannot be ended, and would be made later.
    for (let left = Infinity; this.#jobs.countUnmade(job) < left; await this.#run()) {
      left = this.#jobs.countUnmade(job);
    }
    const open = this.#jobs.ofBatch(batchId).filter(({ state }) => !isOver(state));
    // In the order in which none of them gets the room of one before it.
    const failed = await eachOf(open.reverse(), async ({ job_id }) => {
      const reason = "The operator ended this batch.";
      const ended = await vncSession(this.env, job_id).end(by.actor, reason, by.address);
      if (!ended.ok) throw new Error(ended.refusal.detail);
    });
    if (failed === 0) return { ok: true, value: null };
    const detail = `Of this batch's jobs ${failed} could not be ended; end it again.`;
    return refuse(503, "not_all_ended", detail);
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
        await vncHost(this.env, host.host_id).desktops.stop(job_id);
      } else if (!desktop && isOver(state)) this.#clearRoom(job_id);
    }
    for (const session of had.keys()) await vncHost(this.env, host.host_id).desktops.stop(session);
    this.#goOn();
  }

  /** A host was removed: what ran there cannot be reached any more. */
  async hostIsRemoved(hostId: string): Promise<void> {
    this.#rooms.setRemoved(hostId);
    this.#goOn();
  }

  /** A job's desktop is there: a viewer who connects now gets a picture. */
  async launched(hostId: string, jobId: string, port: number): Promise<void> {
    const row = this.#jobs.job(jobId);
    if (row?.host_id !== hostId || row.has_room === 0 || isOver(row.state)) {
      await vncHost(this.env, hostId).desktops.stop(jobId); // also if it was told that before
      return;
    }
    if (row.state !== "starting") return; // said again
    this.#rooms.setTrusted(hostId);
    this.#failedStarts.clear(hostId, row.profile);
    const expires_at = Date.now() + DEFAULT_SESSION_TTL_S * 1000;
    const over = await this.#tell(jobId, { state: "open", host_id: hostId, port, expires_at });
    if (!over) this.#jobs.open(jobId, hostId, port);
    else this.#goOn();
  }

  /** A job's desktop is over, and nothing is left of it. */
  async ended(hostId: string, news: DesktopEnd): Promise<void> {
    const { session: jobId, cause } = news;
    const row = this.#jobs.job(jobId);
    if (row?.host_id !== hostId || row.has_room === 0) return;
    if (row.state === "starting" && cause === "no_room") {
      this.#rooms.setFull(hostId);
      await this.#requeue(jobId, hostId);
    } else {
      if (!isOver(row.state)) await this.#end(jobId, endOf(row, news));
      if (isHostsFailure(row, cause)) this.#failedStarts.add(hostId, row.profile);
      this.#clearRoom(jobId);
      this.#rooms.setRoomAgain(hostId);
    }
    this.#goOn();
  }

  /** A job's session came to its end by itself: an operator ended it, or its time was over. */
  async sessionOver(jobId: string, end: JobEnd): Promise<void> {
    this.#jobs.over(jobId, end);
    this.#goOn();
  }

  // What is done about it.

  /**
   * The platform gives up on an alarm that fails six times, also for what no code catches: the next
   * one is set before anything else, and put right by the run.
   */
  override async alarm(): Promise<void> {
    this.ctx.storage.setAlarm(Date.now() + LOOK_MS);
    await this.#run().catch((error) => log("batch.run_failed", { error: describeError(error) }));
  }

  #goOn(): void {
    this.ctx.storage.setAlarm(Date.now() + RETRY_MS); // for a restart in the middle
    this.ctx.waitUntil(this.#run());
  }

  /**
   * Does what there is to do now, one pass at a time; what comes up meanwhile too. One event may make
   * only so many calls, so what is more is done on an alarm. Never rejects.
   */
  #run(): Promise<void> {
    this.#isMore = true;
    this.#running ??= this.#passes();
    return this.#running;
  }

  async #passes(): Promise<void> {
    await null; // so that #running is set before this can end
    this.#hasFailed = false;
    this.#stepsLeft = MAX_STEPS;
    try {
      while (this.#isMore && this.#stepsLeft > 0) {
        this.#isMore = false;
        await this.#pass();
      }
    } catch (error) {
      log("batch.pass_failed", { error: describeError(error) });
      this.#hasFailed = true;
    } finally {
      // In the same turn as the last look: whatever comes to be after it starts anew.
      this.#running = null;
      this.#failedRuns = this.#hasFailed ? this.#failedRuns + 1 : 0;
      this.#setAlarm();
    }
  }

  async #pass(): Promise<void> {
    await this.#makeSessions();
    this.#jobs.forget(Date.now() - purgeTime(0, this.env));
    if (Date.now() - this.#lookedAt >= LOOK_MS) {
      this.#lookedAt = Date.now();
      await this.#lookAfterHosts();
    }
    await this.#each(this.#jobs.unanswered(Date.now()), (row) => this.#giveUpOn(row));
    const removed = this.#rooms.removed();
    for (const host of removed)
      await this.#each(this.#jobs.withRoom(host), (row) => this.#leave(row));
    this.#gaveRoomAt = Date.now();
    for (const { need, why } of giveRoom(this.#jobs, this.#rooms, this.#failedStarts)) {
      await this.#each(this.#jobs.queued(need, MAX_JOBS), ({ job_id }) =>
        this.#end(job_id, { state: "failed", reason: why }),
      );
    }
    const untold = this.#jobs.changing().filter(({ job_id, state }) => {
      return this.#told.get(job_id) !== (isOver(state) ? "stop" : "start");
    });
    await this.#each(untold, (row) => (isOver(row.state) ? this.#stop(row) : this.#start(row)));
    if (!this.#hasFailed && !this.#isMore) {
      this.#rooms.forget(removed);
      for (const host of removed) this.#failedStarts.forget(host);
    }
    await this.#each(this.#jobs.untold(), async ({ batch_id, told, is_over }) => {
      const change = told === "" ? "created" : "ended";
      await registry(this.env).sessions.putBatch(batch_id, change);
      this.#jobs.markTold(batch_id, change);
      if (change === "created" && is_over === 1) this.#isMore = true;
    });
  }

  async #makeSessions(): Promise<void> {
    const rows = this.#jobs.unmade(MAX_STEPS + 1); // one more: then there is more
    const places = new Map<string, LocationHint | null>();
    const wanted = new Set(rows.map(({ wanted_host }) => wanted_host).filter((id) => id !== null));
    await this.#each([...wanted], async (host) => {
      places.set(host, await vncHost(this.env, host).location());
    });
    await this.#each(rows, async (row) => {
      const { job_id, wanted_host, actor, address } = row;
      const near = wanted_host === null ? null : places.get(wanted_host);
      await vncSession(this.env, job_id, near).create(sessionOf(row), { actor, address });
      this.#jobs.made(row);
    });
  }

  async #start({ job_id, host_id }: ChangingJob): Promise<void> {
    if (host_id === null) return;
    const reason = "Its desktop is starting.";
    if (await this.#tell(job_id, { state: "starting", host_id, reason })) {
      this.#isMore = true; // it has ended meanwhile: a desktop that was started before is stopped
      return;
    }
    // What was heard meanwhile counts: it may wait again, or be over.
    const row = this.#jobs.job(job_id);
    if (row?.state !== "starting" || row.host_id !== host_id) {
      this.#isMore = true;
      return;
    }
    const startMs = this.#roomOf(host_id).max_start_seconds * 1000;
    this.#jobs.markSaid(job_id, Date.now() + startMs + this.#graceMs); // before it is: whether it was heard is not always known
    const { profile, url } = row;
    const host = vncHost(this.env, host_id);
    await this.#order(job_id, "start", async () => {
      const answer = await host.desktops.launch({ session: job_id, profile, url });
      if (answer === "said") return;
      if (answer === "offline") this.#rooms.setAway(host_id, true);
      else if (answer === "removed") this.#rooms.setRemoved(host_id);
      else this.#rooms.setFull(host_id); // until it says again what it offers
      if (row.is_said === 0) await this.#requeue(job_id, host_id);
      // Asked to stop what it may have started and would not any more, it says what became of it.
      else if (answer === "not_offered") await host.desktops.stop(job_id);
      this.#isMore = true; // for another host
    });
  }

  async #stop({ job_id, host_id }: ChangingJob): Promise<void> {
    if (host_id === null) return this.#clearRoom(job_id);
    await this.#order(job_id, "stop", async () => {
      const answer = await vncHost(this.env, host_id).desktops.stop(job_id);
      if (answer === "removed") this.#clearRoom(job_id);
      else if (answer === "said") this.#jobs.markStopSaid(job_id, Date.now() + this.#graceMs);
    });
  }

  /** Notes first what a host is told, since a link that comes meanwhile has it told again. */
  async #order(jobId: string, order: "start" | "stop", give: () => Promise<void>): Promise<void> {
    this.#told.set(jobId, order);
    try {
      await give();
    } catch (error) {
      this.#told.delete(jobId);
      throw error;
    }
  }

  /**
   * A job's host said nothing of what it was told. Whatever it says or has of that later it is told
   * to stop.
   */
  async #giveUpOn({ job_id, host_id, state, profile }: JobRow): Promise<void> {
    log("batch.no_answer", { job: job_id, host: host_id, state });
    if (isOver(state)) return this.#clearRoom(job_id);
    const { name, max_start_seconds } = this.#roomOf(host_id);
    await this.#end(job_id, noAnswer(name, max_start_seconds + this.#graceMs / 1000));
    if (host_id !== null) this.#failedStarts.add(host_id, profile);
  }

  /** A job's host was removed: what may run there cannot be reached any more. */
  async #leave({ job_id, host_id, state, is_said }: JobRow): Promise<void> {
    if (state === "starting" && is_said === 0) return this.#requeue(job_id, host_id ?? "");
    if (!isOver(state)) await this.#end(job_id, { state: "failed", reason: HOST_REMOVED });
    this.#clearRoom(job_id);
  }

  /**
   * A host that stays away takes its jobs with it; it is told to stop them when it comes back. One
   * that was away may be back on the link that it had, of which it says nothing.
   */
  async #lookAfterHosts(): Promise<void> {
    await this.#each(hostsToLookAfter(this.#jobs, this.#rooms), async (host) => {
      const since = await vncHost(this.env, host).awaySince();
      if (since === "removed") return this.#rooms.setRemoved(host);
      this.#rooms.setAway(host, since !== null);
      if (since === null || Date.now() - since < this.#goneAfterMs) return;
      const reason = `Its host ${this.#roomOf(host).name} went away and did not come back.`;
      for (const { job_id, state } of this.#jobs.withRoom(host)) {
        if (!isOver(state)) await this.#end(job_id, { state: "failed", reason });
      }
    });
  }

  #roomOf(host: string | null): Pick<Room, "name" | "max_start_seconds"> {
    const known = host === null ? undefined : this.#rooms.get(host);
    return known ?? { name: host ?? "", max_start_seconds: DEFAULT_START_S };
  }

  async #requeue(jobId: string, hostId: string): Promise<void> {
    const reason = "Its host had no room after all; it waits, and starts by itself.";
    if (await this.#tell(jobId, { state: "queued", reason })) return;
    // In one turn: a pass that runs meanwhile starts it nowhere, or anew.
    this.#jobs.requeue(jobId, hostId);
    this.#told.delete(jobId);
  }

  /** Of its desktop nothing is left. */
  #clearRoom(jobId: string): void {
    this.#jobs.clearRoom(jobId);
    this.#told.delete(jobId);
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

  /** As many as this run may; one that fails is tried again later and holds up no other. */
  async #each<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
    const now = items.slice(0, this.#stepsLeft);
    this.#stepsLeft -= now.length;
    if (now.length < items.length) this.#isMore = true;
    if ((await eachOf(now, work)) > 0) this.#hasFailed = true;
  }

  /** The one alarm is for the first of: another try, a look after hosts, room again, forgetting. */
  #setAlarm(): void {
    const now = Date.now();
    const due: number[] = [];
    if (this.#failedRuns > 0) {
      // What fails again and again does not slow down the rest.
      const doublings = this.#isMore ? 0 : Math.min(this.#failedRuns - 1, MAX_DOUBLINGS);
      due.push(now + RETRY_MS * 2 ** doublings);
    } else if (this.#isMore) due.push(now);
    if (hostsToLookAfter(this.#jobs, this.#rooms).length > 0) due.push(this.#lookedAt + LOOK_MS);
    const answerBy = this.#jobs.firstAnswerBy();
    if (answerBy !== null) {
      // If giving up on it failed, not again at once.
      due.push(this.#failedRuns > 0 ? Math.max(answerBy, now + RETRY_MS) : answerBy);
    }
    const later = [
      this.#rooms.nextFree(this.#gaveRoomAt),
      this.#failedStarts.nextTry(this.#gaveRoomAt),
    ].filter((at) => at !== null);
    if (later.length > 0 && this.#jobs.needs().length > 0) due.push(...later);
    const first = this.#jobs.firstOver();
    if (first !== null) due.push(Math.max(purgeTime(first, this.env), now + LOOK_MS));
    if (due.length > 0) this.ctx.storage.setAlarm(Math.max(now, Math.min(...due)));
    else this.ctx.storage.deleteAlarm();
  }
}

/** How soon a step that failed is tried again; then after twice as long, and so on. */
const RETRY_MS = 2_000;
const MAX_DOUBLINGS = 5;

/**
 * How many steps one run takes, of at most three calls each: the platform lets one event make 1,000
 * calls on its free plan (10,000 on the others).
 */
const MAX_STEPS = 300;

/** While jobs have room on hosts, these are looked after this often. */
const LOOK_MS = 15_000;

/**
 * A host that is away for longer takes its jobs with it, unless JOB_HOST_AWAY_SECONDS says otherwise:
 * an agent redials within half a minute.
 */
const DEFAULT_HOST_AWAY_S = 60;

/**
 * A host has so much longer than it gives a desktop itself to say what came of it, unless
 * JOB_START_GRACE_SECONDS says otherwise: an order can be lost with a link that only
 * LINK_SILENCE_MS later is known to be dead.
 */
const DEFAULT_START_GRACE_S = 60;

function withReason(row: JobRow, whyQueued: string | null): JobRow {
  return row.state === "queued" ? { ...row, reason: whyQueued } : row;
}

/** `desktops`: those that its agent has. */
type HostNews = Offer & { desktops: { session: string; port: number; ready: boolean }[] };

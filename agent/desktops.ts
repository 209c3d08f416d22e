import { tmpdir } from "node:os";
import { join } from "node:path";
import { LOOPBACK, RFB_BASE_PORT, randomId } from "../protocol/ids.ts";
import { parseJobUrl } from "../protocol/job-url.ts";
import type { AgentToEdge, EndCause } from "../protocol/link.ts";
import type { AllowedTarget } from "./allow-list.ts";
import type { Config, Limits } from "./config.ts";
import { cleanUp, Desktop, type Ending } from "./desktops/desktop.ts";
import type { Output } from "./desktops/output.ts";
import { lowestFreePort } from "./desktops/places.ts";
import { isUidInUse, ProcessFamily } from "./desktops/processes.ts";
import { type Plan, readProfiles } from "./desktops/profiles.ts";
import { type Record, Records } from "./desktops/records.ts";
import { describeError, type Log } from "./log.ts";

/**
 * Of so many desktops that are over the endings are kept, on disk too, and in memory what they
 * printed. The edge asks again for one whose end it did not hear within minutes.
 */
const MAX_ENDED_KEPT = 200;

/** Of a desktop's folder. Short: sockets in it have a path of at most 107 bytes. */
const FOLDER_ID_BYTES = 6;

const MARK_BYTES = 16;

/**
 * Where an agent that is root takes the users of desktops from: numbers that neither Debian nor
 * systemd gives away (systemd's UIDS-GIDS), and that exist in a container of 65,536 users.
 */
const FIRST_UID = 60_700;
const LAST_UID = 60_999;

/** The longest reason that a link carries. */
const MAX_REASON_CHARACTERS = 500;

const NONE: DesktopsOptions["config"] = {
  profiles: {},
  limits: { max_desktops: 0, max_minutes: 0, max_memory_mb: 0, max_start_seconds: 0 },
};

export type DesktopsOptions = {
  config: Pick<Config, "profiles" | "limits">;
  /** Where is written down what runs, for the next agent. */
  stateDir: string;
};

/** What the edge is to hear of a desktop. */
export type DesktopNews = Extract<AgentToEdge, { type: "launched" | "ended" }>;

type Target = { host: string; port: number };

type Ended = Ending & { output: Output | null };

/**
 * The desktops that the edge has this agent run for jobs. A session has one at most, once, also
 * over restarts of the agent.
 */
export class Desktops {
  readonly #allowed: readonly AllowedTarget[];
  readonly #limits: Limits;
  readonly #plans: Map<string, Plan>;
  readonly #records: Records | null;
  readonly #tell: (news: DesktopNews) => void;
  readonly #log: Log;
  readonly #running = new Map<string, Desktop>();
  readonly #ended = new Map<string, Ended>();
  #stopped = false;

  /**
   * @param options undefined allows no desktops
   * @param allowed the agent's list: desktops get no other ports
   */
  constructor(
    options: DesktopsOptions | undefined,
    allowed: readonly AllowedTarget[],
    tell: (news: DesktopNews) => void,
    log: Log,
  ) {
    this.#allowed = allowed;
    const { profiles, limits } = options?.config ?? NONE;
    this.#limits = limits;
    this.#plans = readProfiles(profiles, log);
    this.#records = options ? new Records(options.stateDir) : null;
    this.#tell = tell;
    this.#log = log;
  }

  /**
   * Ends what an agent before this one left when it was killed, and learns what it had. To be called before anything else.
   * @throws {Error} with a sentence if it cannot be known
   */
  async cleanUp(): Promise<void> {
    for (const { session, ...ended } of this.#records?.readEnded() ?? []) {
      this.#ended.set(session, { ...ended, output: null });
    }
    const cleanUpOne = async (record: Record) => {
      const { session, port } = record;
      const left = await cleanUp(record, new ProcessFamily(record));
      this.#log("desktop.cleaned_up", { session, port, ...(left !== null && { left }) });
      const reason = "The agent was ended while this desktop ran.";
      const lost = { cause: "lost", reason, output: null } as const;
      const ended = this.#ended.get(session) ?? lost; // it was written down as ended just before
      this.#keepEnded(session, ended);
      this.#tellEnded(session, ended);
    };
    const left = this.#records?.read() ?? [];
    await Promise.all(left.map(cleanUpOne));
    if (left.length > 0) this.#writeAll();
  }

  get profiles(): string[] {
    return [...this.#plans.keys()];
  }

  get max(): number {
    return this.#plans.size === 0 ? 0 : this.#limits.max_desktops;
  }

  get maxStartSeconds(): number {
    return this.#limits.max_start_seconds;
  }

  list(): Array<{ session: string; port: number; ready: boolean }> {
    return [...this.#running.values()].map(({ record, ready }) => ({
      session: record.session,
      port: record.port,
      ready,
    }));
  }

  /** Starts a session's desktop. Whatever comes of it is reported; of one that is known, again. */
  launch(session: string, profile: string, url: string): void {
    const running = this.#running.get(session);
    if (running?.ready) return this.#tellLaunched(running.record);
    if (running) return; // it is on its way, or on its way out: `launched` or `ended` follows
    const ended = this.#ended.get(session);
    if (ended) return this.#tellEnded(session, ended);
    try {
      this.#start(session, this.#plan(profile), checkUrl(url));
    } catch (error) {
      const cause = error instanceof Refusal ? error.endCause : "failed";
      const reason = (error as Error).message;
      this.#log("desktop.refused", { session, profile, cause, reason });
      this.#tellEnded(session, { cause, reason });
    }
  }

  /** Ends a session's desktop; that it has ended is reported, also if it had. */
  stop(session: string): void {
    const running = this.#running.get(session);
    if (running) return running.stop("It was stopped.");
    const reason = "The agent has no such desktop.";
    this.#tellEnded(session, this.#ended.get(session) ?? { cause: "lost", reason });
  }

  /** Ends all, and starts no more. */
  async stopAll(reason: string): Promise<void> {
    this.#stopped = true;
    const desktops = [...this.#running.values()];
    for (const desktop of desktops) desktop.stop(reason);
    await Promise.all(desktops.map((desktop) => desktop.finished));
  }

  /** What a session's desktop printed, also after its end; `text` is null if nothing is kept. */
  output(session: string): { session: string; text: string | null; truncated: boolean } {
    const output = this.#running.get(session)?.output ?? this.#ended.get(session)?.output;
    return { session, ...(output?.read() ?? { text: null, truncated: false }) };
  }

  /** The password of a VNC server; null if it is no desktop's. */
  passwordOf(target: Target): string | null {
    return this.#at(target)?.password ?? null;
  }

  /**
   * Whether a VNC server is the desktop of another session. A viewer whose desktop has just ended must
   * not see the next one that got its port.
   */
  isOfAnother(session: string, target: Target): boolean {
    const desktop = this.#at(target);
    return desktop !== null && desktop.record.session !== session;
  }

  #at({ host, port }: Target): Desktop | null {
    if (host !== LOOPBACK) return null;
    return [...this.#running.values()].find(({ record }) => record.port === port) ?? null;
  }

  #tellLaunched({ session, port }: Record): void {
    this.#tell({ type: "launched", session, port });
  }

  #tellEnded(session: string, { cause, reason }: Ending): void {
    this.#tell({ type: "ended", session, cause, reason: reason.slice(0, MAX_REASON_CHARACTERS) });
  }

  #plan(profile: string): Plan {
    const plan = this.#plans.get(profile);
    if (plan) return plan;
    throw new Refusal("refused", "This host's owner does not allow desktops of that profile.");
  }

  #start(session: string, plan: Plan, url: string): void {
    if (this.#stopped) throw new Refusal("no_room", "The agent is being stopped.");
    const { max_desktops } = this.#limits;
    if (this.#running.size >= max_desktops) {
      throw new Refusal("no_room", `This host runs ${max_desktops} desktops, its limit.`);
    }
    const promised = new Set(this.list().map(({ port }) => port));
    const port = lowestFreePort(this.#allowed, promised);
    if (port === null) throw new Refusal("no_room", "No port for a display is free on this host.");
    const record: Record = {
      session,
      port,
      mark: randomId(MARK_BYTES),
      uid: process.getuid?.() === 0 ? this.#freeUid() : null,
      folder: join(tmpdir(), `porthole-${randomId(FOLDER_ID_BYTES)}`),
    };
    // Before any of it is there: an agent that is killed in between leaves nothing unknown.
    this.#write(record);
    this.#log("desktop.starting", { session, port, display: port - RFB_BASE_PORT });
    const desktop = new Desktop(record, plan, url, this.#limits, {
      ready: () => {
        this.#log("desktop.launched", { session, port });
        this.#tellLaunched(record);
      },
      ended: (ending) => {
        this.#log("desktop.ended", { session, port, ...ending });
        this.#running.delete(session);
        this.#keepEnded(session, { ...ending, output: desktop.output });
        try {
          this.#writeAll();
        } catch (error) {
          // Nothing is left to be found; the next change writes it.
          this.#log("desktop.not_recorded", { session, why: describeError(error) });
        }
        this.#tellEnded(session, ending);
      },
    });
    this.#running.set(session, desktop);
  }

  #freeUid(): number {
    const taken = new Set([...this.#running.values()].map(({ record }) => record.uid));
    for (let uid = FIRST_UID; uid <= LAST_UID; uid++) {
      if (!taken.has(uid) && !isUidInUse(uid)) return uid;
    }
    throw new Refusal("no_room", "No user for another desktop is free on this host.");
  }

  /** How they ended goes first: in between both files have them, and never neither. */
  #writeAll(): void {
    const ended = [...this.#ended].map(([session, { cause, reason }]) => ({
      session,
      cause,
      reason: reason.slice(0, MAX_REASON_CHARACTERS),
    }));
    this.#records?.writeEnded(ended);
    this.#write();
  }

  #write(...more: Record[]): void {
    this.#records?.write([...this.#running.values()].map(({ record }) => record).concat(more));
  }

  #keepEnded(session: string, ended: Ended): void {
    this.#ended.set(session, ended);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > MAX_ENDED_KEPT && oldest !== undefined) this.#ended.delete(oldest);
  }
}

/** A desktop that was not started; its message is for whoever asked. */
class Refusal extends Error {
  readonly endCause: EndCause;

  constructor(endCause: EndCause, message: string) {
    super(message);
    this.endCause = endCause;
  }
}

/** @throws {Refusal} */
function checkUrl(url: string): string {
  try {
    return parseJobUrl(url);
  } catch (error) {
    throw new Refusal("refused", (error as Error).message);
  }
}

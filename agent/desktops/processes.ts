import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** The variable in the environment of a desktop's programs that says whose they are. */
export const MARK_VARIABLE = "PORTHOLE_DESKTOP";

/** How long programs have to end by themselves before they are made to. */
const TERM_GRACE_MS = 2_000;

/** How long the system has to end what was killed; a process that waits for a disk takes its time. */
const KILL_MS = 10_000;

const POLL_MS = 20;

/** By what the processes of a desktop are known, also to an agent that did not start them. */
export type Owner = {
  /** Random, and in the environment of all that the agent starts for this desktop. */
  mark: string;
  /** The user that is this desktop's alone; null where the agent is not root. */
  uid: number | null;
};

type Process = { pid: number; parent: number; session: number };

/**
 * The processes of one desktop, wherever they went. With a user of its own they are all that run
 * as that user, and nobody can leave that. Without one they are those with the desktop's mark in
 * their environment, all of their children, and all in a session (setsid) that one of them began:
 * a session is only inherited. A program that detaches itself twice and drops its environment is
 * not found then.
 *
 * No number of a process is remembered, so one that was given to another process is never killed.
 */
export class ProcessFamily {
  readonly #owner: Owner;
  /** While a session has members its number is not given away. */
  #sessions = new Set<number>();

  constructor(owner: Owner) {
    this.#owner = owner;
  }

  /** Those that run now. */
  members(): number[] {
    const processes = runningProcesses();
    const isMarked = this.#owner.uid === null ? hasMark(this.#owner.mark) : isOf(this.#owner.uid);
    const members = new Map(
      processes.filter(({ pid }) => isMarked(pid)).map((process) => [process.pid, process]),
    );
    if (this.#owner.uid !== null) return [...members.keys()];
    const sessions = new Set(this.#sessions);
    for (let found = -1; found !== members.size; ) {
      found = members.size;
      for (const { session } of members.values()) sessions.add(session);
      for (const process of processes) {
        if (members.has(process.parent) || sessions.has(process.session)) {
          members.set(process.pid, process);
        }
      }
    }
    this.#sessions = new Set([...members.values()].map(({ session }) => session));
    return [...members.keys()];
  }

  /** Memory of all of them in bytes: their own, and what they share, counted for each. */
  residentBytes(): number {
    return this.members().reduce((sum, pid) => sum + residentBytes(pid), 0);
  }

  /**
   * Ends them all: asks, then kills, until none is left.
   * @throws {Error} if one cannot be ended
   */
  async end(): Promise<void> {
    this.#signal("SIGTERM");
    if (await this.#isGone(TERM_GRACE_MS, () => {})) return;
    // Again and again: one that forks can have a child that was not seen.
    if (await this.#isGone(KILL_MS, () => this.#signal("SIGKILL"))) return;
    throw new Error(`the processes ${this.members().join(", ")} do not end`);
  }

  async #isGone(withinMs: number, eachTime: () => void): Promise<boolean> {
    const deadline = Date.now() + withinMs;
    while (Date.now() < deadline) {
      eachTime();
      if (this.members().length === 0) return true;
      await sleep(POLL_MS);
    }
    return false;
  }

  #signal(signal: "SIGTERM" | "SIGKILL"): void {
    for (const pid of this.members()) {
      try {
        process.kill(pid, signal);
      } catch {
        // it ended by itself
      }
    }
  }
}

/** Whether any process runs as a user. */
export function isUidInUse(uid: number): boolean {
  return runningProcesses().some(({ pid }) => isOf(uid)(pid));
}

/** proc(5), /proc/pid/stat: what has ended and waits only for its parent to hear of it. */
const ENDED: ReadonlySet<string> = new Set(["Z", "X"]);

function runningProcesses(): Process[] {
  return readdirSync("/proc").flatMap((name) => {
    const stat = /^\d+$/.test(name) && readProc(`/proc/${name}/stat`);
    if (!stat) return [];
    // The name before it is in brackets and may hold anything.
    const [state = "", parent, , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (ENDED.has(state)) return [];
    return { pid: Number(name), parent: Number(parent), session: Number(session) };
  });
}

function hasMark(mark: string): (pid: number) => boolean {
  const variable = `${MARK_VARIABLE}=${mark}`;
  return (pid) => readProc(`/proc/${pid}/environ`).split("\0").includes(variable);
}

function isOf(uid: number): (pid: number) => boolean {
  return (pid) => statusNumber(pid, "Uid") === uid;
}

function residentBytes(pid: number): number {
  return (statusNumber(pid, "RssAnon") + statusNumber(pid, "RssShmem")) * 1024;
}

/** The first number of a line of /proc/pid/status; NaN if the process has gone, 0 without the line. */
function statusNumber(pid: number, key: string): number {
  const status = readProc(`/proc/${pid}/status`);
  return Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
}

/** Empty for a process that has gone, or is another user's. */
function readProc(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** The variable in the environment of a desktop's programs that says whose they are. */
export const MARK_VARIABLE = "PORTHOLE_DESKTOP";

/** How long programs have to end by themselves before they are made to. */
const TERM_GRACE_MS = 2_000;

/** How long the system has to end what was killed; a process that waits for a disk takes its time. */
const KILL_MS = 10_000;

const POLL_MS = 20;

/** Desktops that end at the same time share one look at what runs. */
const FRESH_MS = 10;

/** By what the processes of a desktop are known, also to an agent that did not start them. */
export type Owner = {
  /** Random, and in the environment of all that the agent starts for this desktop. */
  mark: string;
  /** The user that is this desktop's alone; null where the agent is not root. */
  uid: number | null;
};

/** Memory in bytes: its own, and what it shares. */
type Process = {
  pid: number;
  parent: number;
  session: number;
  uid: number;
  memory: number;
  /** The mark in its environment; null where there is none, or it is not looked for. */
  mark: string | null;
};

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

  /** @param maxAgeMs how old what is known of the machine may be */
  members(maxAgeMs = FRESH_MS): Process[] {
    const processes = runningProcesses(maxAgeMs);
    const { uid, mark } = this.#owner;
    if (uid !== null) return processes.filter((process) => process.uid === uid);
    const members = new Set(processes.filter((process) => process.mark === mark));
    const sessions = new Set(this.#sessions);
    for (let found = -1; found !== members.size; ) {
      found = members.size;
      for (const { session } of members) sessions.add(session);
      const pids = new Set([...members].map(({ pid }) => pid));
      for (const process of processes) {
        if (pids.has(process.parent) || sessions.has(process.session)) members.add(process);
      }
    }
    this.#sessions = new Set([...members].map(({ session }) => session));
    return [...members];
  }

  /** Memory of all of them in bytes; what they share is counted for each. */
  memory(maxAgeMs: number): number {
    return this.members(maxAgeMs).reduce((sum, { memory }) => sum + memory, 0);
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
    throw new Error(
      `the processes ${this.members()
        .map(({ pid }) => pid)
        .join(", ")} do not end`,
    );
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
    for (const { pid } of this.members()) {
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
  return runningProcesses(FRESH_MS).some((process) => process.uid === uid);
}

/** proc(5), /proc/pid/stat: what has ended and waits only for its parent to hear of it. */
const ENDED: ReadonlySet<string> = new Set(["Z", "X"]);

let latest: { at: number; processes: Process[] } = { at: Number.NEGATIVE_INFINITY, processes: [] };

/** All that runs on this machine. To read it takes some 50 us for each process. */
function runningProcesses(maxAgeMs: number): Process[] {
  if (performance.now() - latest.at > maxAgeMs) {
    const processes = readdirSync("/proc").flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      return readProcess(Number(name)) ?? [];
    });
    latest = { at: performance.now(), processes };
  }
  return latest.processes;
}

/**
 * The user whose environments are read: the agent's own. Another's can be made as large as they like
 * (prctl), and an agent that is root knows its desktops' programs by their users.
 */
function markedUid(): number | null {
  const uid = process.getuid?.() ?? 0;
  return uid === 0 ? null : uid;
}

/** @returns null if it has ended */
function readProcess(pid: number): Process | null {
  const stat = readProc(`/proc/${pid}/stat`);
  // The name before it is in brackets and may hold anything.
  const [state = "", parent, , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === "" || ENDED.has(state)) return null;
  const status = readProc(`/proc/${pid}/status`);
  const number = (key: string) =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0); // the kernel's own have no memory
  const uid = number("Uid");
  return {
    pid,
    parent: Number(parent),
    session: Number(session),
    uid,
    memory: (number("RssAnon") + number("RssShmem")) * 1024,
    mark: uid === markedUid() ? readMark(pid) : null,
  };
}

/** Empty for a process that has gone. What the kernel writes in these is short. */
function readProc(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

/** So much of an environment is looked at: that which the agent gives its programs is far smaller. */
const MAX_ENVIRON_BYTES = 128 * 1024;

/** A variable begins after a zero; before the first one this holds its own. */
const environ = Buffer.alloc(1 + MAX_ENVIRON_BYTES);

/** @returns null for a process without a mark, that has gone, or that may not be read */
function readMark(pid: number): string | null {
  let bytes: number;
  try {
    const file = openSync(`/proc/${pid}/environ`, "r");
    try {
      bytes = readSync(file, environ, 1, MAX_ENVIRON_BYTES, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
  const read = environ.subarray(0, 1 + bytes);
  const name = `\0${MARK_VARIABLE}=`;
  const at = read.indexOf(name, 0, "latin1");
  if (at === -1) return null;
  const end = read.indexOf(0, at + name.length);
  return read.toString("latin1", at + name.length, end === -1 ? undefined : end);
}

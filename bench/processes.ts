import { type ChildProcess, type ChildProcessByStdio, fork, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { poll } from "../scripts/poll.ts";
import { SentenceError } from "../scripts/sentence.ts";
import { isAlive, processTree } from "./process-tree.ts";

/** How long a process has to end by itself when it is asked to. */
const STOP_GRACE_MS = 5_000;

/** How much of what a child prints is kept to explain its failure. */
const KEPT_OUTPUT_CHARACTERS = 2_000;

/** A program that the bench started. */
export class Child {
  readonly name: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #lines = new Set<(line: string) => void>();
  #output = "";

  constructor(name: string, child: ChildProcessByStdio<null, Readable, Readable>) {
    this.name = name;
    this.#child = child;
    this.pid = child.pid ?? 0;
    for (const stream of [child.stdout, child.stderr]) {
      let rest = "";
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-KEPT_OUTPUT_CHARACTERS);
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) for (const listener of this.#lines) listener(line);
      });
    }
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /**
   * Waits until it shows a sign of life.
   * @throws {SentenceError} with what it printed, if it ends first or takes longer
   */
  async waitUntil(what: string, withinMs: number, holds: () => Promise<boolean> | boolean) {
    try {
      await poll(withinMs, what, () => {
        if (this.ended) throw new SentenceError(`${this.name} ended before its time.`);
        return holds();
      });
    } catch (error) {
      throw new SentenceError(
        `${(error as Error).message}\n${this.name} printed:\n${this.#output}`,
      );
    }
  }

  /** Waits for a line of its output that begins so. */
  async waitForLine(start: string, withinMs: number): Promise<void> {
    let seen = false;
    const listener = (line: string) => {
      seen ||= line.startsWith(start);
    };
    this.#lines.add(listener);
    await this.waitUntil(`"${start}" from ${this.name}`, withinMs, () => seen);
    this.#lines.delete(listener);
  }

  /** Waits until it ended with success. */
  async succeed(withinMs: number): Promise<void> {
    await poll(withinMs, `${this.name} to end`, () => this.ended);
    if (this.#child.exitCode !== 0) {
      throw new SentenceError(`${this.name} failed:\n${this.#output}`);
    }
  }
}

/** Everything that the bench started, to be ended by id whatever happens. */
export class Processes {
  readonly #pids = new Set<number>();
  #stopped = false;

  /**
   * Starts a program in a process group of its own, so that a Ctrl-C at the terminal reaches the
   * bench alone, which then ends the others in order.
   */
  start(name: string, command: string, args: string[], env: NodeJS.ProcessEnv = {}): Child {
    this.#assertRunning();
    const child = spawn(command, args, {
      detached: true,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.on("error", () => {}); // it has no pid then
    this.#add(name, child);
    return new Child(name, child);
  }

  /** Starts a script of ours that talks with the bench by messages. */
  fork(name: string, script: string): ChildProcess {
    this.#assertRunning();
    const child = fork(script, { detached: true });
    this.#add(name, child);
    return child;
  }

  /** Ends these and all that descends from them; by force what does not end in time. */
  async stop(pids: readonly number[]): Promise<void> {
    const tree = processTree(pids.filter((pid) => this.#pids.has(pid)));
    for (const pid of pids) {
      if (tree.some((member) => member.pid === pid)) kill(pid, "SIGTERM");
    }
    await poll(STOP_GRACE_MS, "processes to end", () => !tree.some(isAlive)).catch(() => {
      for (const member of tree.filter(isAlive)) kill(member.pid, "SIGKILL");
    });
  }

  /** Ends all of them and lets no more be started. */
  async stopAll(): Promise<void> {
    this.#stopped = true;
    await this.stop([...this.#pids]);
  }

  #add(name: string, child: ChildProcess): void {
    const { pid } = child;
    if (pid === undefined) throw new SentenceError(`${name} could not be started.`);
    this.#pids.add(pid);
    // Its id may become somebody else's.
    child.on("exit", () => this.#pids.delete(pid));
  }

  #assertRunning(): void {
    if (this.#stopped) throw new SentenceError("The bench is being stopped.");
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}

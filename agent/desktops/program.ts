import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Output } from "./output.ts";

/** As whom and within what a desktop's programs run. */
export type Confines = {
  /** The user; null leaves it to the agent's own. */
  uid: number | null;
  /** Of each process, in bytes; of all together the desktop looks itself. */
  memoryBytes: number;
  /** All that they get of an environment: nothing of the agent's own. */
  env: Record<string, string>;
  cwd: string;
};

/** Threads of a user of a desktop: a browser has some hundreds. */
const MAX_THREADS = 4096;

/** How long what a program printed may take to arrive after it is gone. */
const DRAIN_MS = 500;

/** A program of a desktop, in a session of its own. */
export class Program {
  readonly name: string;
  /** How it ended, as the end of a sentence: "ended with exit code 1". */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess & { stdout: Readable; stderr: Readable };
  readonly #lastLine: () => string;
  readonly #drained: Promise<unknown>;

  /** @param argv the program's path and its arguments; no shell sees them */
  constructor(argv: readonly string[], confines: Confines, output: Output) {
    const { uid, memoryBytes, env, cwd } = confines;
    this.name = basename(argv[0] ?? "");
    // Whatever it runs, sudo included, gains nothing; it leaves no core files, and malloc fails
    // before one process has all of the memory. Of address space a browser takes terabytes.
    const limits = [
      "--core=0",
      `--data=${memoryBytes}`,
      // Counted for each user: with a user of its own, a fork bomb is its own.
      ...(uid === null ? [] : [`--nproc=${MAX_THREADS}`]),
    ];
    this.#child = spawn("setpriv", ["--no-new-privs", "--", "prlimit", ...limits, "--", ...argv], {
      cwd,
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      ...(uid === null ? {} : { uid, gid: uid }),
    });
    const child = this.#child;
    this.ended = new Promise((resolve) => {
      child.on("error", (error) => resolve(`could not be started (${error.message})`));
      child.on("exit", (code, signal) =>
        resolve(signal ? `was ended by ${signal}` : `ended with exit code ${code}`),
      );
    });
    this.#drained = once(child, "close").catch(() => {}); // an error: nothing was started
    const lines = [output.follow(child.stdout), output.follow(child.stderr)];
    this.#lastLine = () => lines.map((line) => line()).findLast((line) => line !== "") ?? "";
  }

  /** The last line that it printed, once all has arrived; what it said of an error goes first. */
  async lastLine(): Promise<string> {
    await Promise.race([this.#drained, sleep(DRAIN_MS)]);
    return this.#lastLine();
  }
}

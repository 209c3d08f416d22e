import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { LOOPBACK, RFB_BASE_PORT } from "../../protocol/ids.ts";
import type { EndCause } from "../../protocol/link.ts";
import { ignoreAbort } from "../abort.ts";
import type { Limits } from "../config.ts";
import { listeningPorts } from "../listeners.ts";
import { describeError } from "../log.ts";
import { abandon, logIn } from "../rfb/log-in.ts";
import { LoginAttempts } from "../rfb/login-attempts.ts";
import { Output } from "./output.ts";
import { makeSocketFolder, xFiles } from "./places.ts";
import { MARK_VARIABLE, ProcessFamily } from "./processes.ts";
import { fillIn, type Plan } from "./profiles.ts";
import { Program } from "./program.ts";
import type { Record } from "./records.ts";
import { type DesktopFolder, makeFolder, xvncArguments } from "./screen.ts";

/** How often is looked whether a VNC server listens by now. */
const LISTEN_POLL_MS = 50;

/** How often is looked how much memory a desktop takes. */
const MEMORY_POLL_MS = 2_000;

const BYTES_PER_MB = 1024 * 1024;

export type Ending = { cause: EndCause; reason: string };

export type DesktopReport = {
  /** A viewer who connects now gets a picture. */
  ready(): void;
  /** Nothing of it is left. */
  ended(ending: Ending): void;
};

/** One desktop of a job, from its first program to the removal of its last file. */
export class Desktop {
  readonly record: Record;
  readonly output = new Output();
  /** Settles when nothing of it is left. Never rejects. */
  readonly finished: Promise<void>;
  readonly #plan: Plan;
  readonly #limits: Limits;
  readonly #family: ProcessFamily;
  readonly #over = new AbortController();
  #end: (ending: Ending | Promise<Ending>) => void = () => {};
  #folder: DesktopFolder | null = null;
  #ready = false;

  /** @param url normalised by `parseJobUrl` */
  constructor(record: Record, plan: Plan, url: string, limits: Limits, report: DesktopReport) {
    this.record = record;
    this.#plan = plan;
    this.#limits = limits;
    this.#family = new ProcessFamily(record);
    this.finished = this.#run(url, report);
  }

  get ready(): boolean {
    return this.#ready && !this.#over.signal.aborted;
  }

  /** The VNC server's; null before there is one, and where a command keeps its own. */
  get password(): string | null {
    return this.#folder?.password ?? null;
  }

  stop(reason: string): void {
    this.#end({ cause: "stopped", reason });
  }

  async #run(url: string, report: DesktopReport): Promise<void> {
    const ending = new Promise<Ending>((resolve) => {
      this.#end = resolve; // the first to say so; what follows from it is not the reason
    });
    const { max_minutes } = this.#limits;
    const timer = setTimeout(
      () => this.#limit(`It ran for ${max_minutes} minutes, which is this host's limit.`),
      max_minutes * 60_000,
    );
    this.#start(url, report).catch((error) =>
      this.#end({ cause: "failed", reason: `It could not be started: ${describeError(error)}` }),
    );
    const { cause, reason } = await ending;
    this.#over.abort();
    clearTimeout(timer);
    const left = await cleanUp(this.record, this.#family);
    report.ended({ cause, reason: left === null ? reason : `${reason} ${left}` });
  }

  async #start(url: string, report: DesktopReport): Promise<void> {
    const { port, uid, mark, folder: path } = this.record;
    const folder = makeFolder(path, uid);
    this.#folder = folder;
    const display = port - RFB_BASE_PORT;
    const confines = {
      uid,
      memoryBytes: this.#limits.max_memory_mb * BYTES_PER_MB,
      cwd: path,
      env: {
        PATH: process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin",
        LANG: "C.UTF-8",
        HOME: path,
        TMPDIR: folder.tmp,
        XDG_RUNTIME_DIR: folder.tmp,
        DISPLAY: `:${display}`,
        XAUTHORITY: folder.authorityFile,
        [MARK_VARIABLE]: mark,
      },
    };
    const command = fillIn(this.#plan.command, {
      url,
      display: String(display),
      port: String(port),
      password_file: folder.passwordFile,
    });
    const run = (argv: readonly string[]) => {
      const program = new Program(argv, confines, this.output);
      void program.ended.then((how) => this.#end(endingOf(program, how)));
    };
    void this.#watchMemory();
    makeSocketFolder();
    const { xvnc } = this.#plan;
    run(xvnc ? [xvnc, ...xvncArguments(port, folder, this.record.session)] : command);
    await this.#vncServer();
    if (this.#over.signal.aborted) return;
    if (xvnc) run(command);
    this.#ready = true;
    report.ready();
  }

  /** Waits until its VNC server lets the agent in. @throws {Error} with what is wrong with it */
  async #vncServer(): Promise<void> {
    const { port } = this.record;
    const { max_start_seconds } = this.#limits;
    const { signal } = this.#over;
    const deadline = Date.now() + max_start_seconds * 1000;
    // Only to look disturbs no VNC server; to connect again and again would.
    while (!listeningPorts()?.has(port)) {
      if (Date.now() > deadline) {
        throw new Error(`nothing listens on port ${port} after ${max_start_seconds} s.`);
      }
      await sleep(LISTEN_POLL_MS);
      if (signal.aborted) return;
    }
    const credentials = {
      target: { host: LOOPBACK, port },
      password: this.password,
      passwordOf: "host",
      mayPassThrough: true,
    } as const;
    const withinMs = Math.max(deadline - Date.now(), LISTEN_POLL_MS);
    const login = await logIn(credentials, new LoginAttempts(), withinMs, signal);
    abandon(login);
  }

  async #watchMemory(): Promise<void> {
    const { max_memory_mb } = this.#limits;
    while (!this.#over.signal.aborted) {
      const megabytes = Math.round(this.#family.memory(MEMORY_POLL_MS / 2) / BYTES_PER_MB);
      if (megabytes > max_memory_mb) {
        this.#limit(`It took ${megabytes} MB of memory; this host's limit is ${max_memory_mb} MB.`);
      }
      const { signal } = this.#over;
      await sleep(MEMORY_POLL_MS, undefined, { signal }).catch(ignoreAbort);
    }
  }

  #limit(reason: string): void {
    this.#end({ cause: "limit", reason });
  }
}

async function endingOf(program: Program, how: string): Promise<Ending> {
  const line = await program.lastLine();
  const words = line === "" ? "." : `; the last that it printed: ${line}`;
  return { cause: "exited", reason: `Its program ${program.name} ${how}${words}` };
}

/**
 * Ends the processes of a desktop and removes its files, whoever started it.
 * @returns a sentence if something is left
 */
export async function cleanUp(record: Record, family: ProcessFamily): Promise<string | null> {
  try {
    await family.end();
    await remove([record.folder, ...xFiles(record.port - RFB_BASE_PORT)]);
    return null;
  } catch (error) {
    return `Something of it is left on the host: ${describeError(error)}.`;
  }
}

/**
 * Removes files and folders, whatever a desktop's user made of them: by rm, which follows no link, not
 * even one that another desktop puts there meanwhile, and for which no path is too long. However
 * much it is, the agent goes on.
 * @throws {Error} if something is left
 */
async function remove(paths: readonly string[]): Promise<void> {
  const [code] = await once(spawn("rm", ["-rf", "--", ...paths], { stdio: "ignore" }), "exit");
  if (code !== 0) throw new Error(`not all of ${paths.join(", ")} could be removed`);
}

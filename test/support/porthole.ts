import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiClient } from "../../scripts/api-client.ts";
import { poll } from "../../scripts/poll.ts";
import { ROOT } from "../../scripts/tool.ts";
import { EventLog } from "./event-log.ts";
import { TcpServer } from "./tcp-server.ts";

/** How long the processes of a group have to be gone, once they are killed or their first ended. */
const GONE_MS = 10_000;

/** A process of the product, the head of a process group of its own, as a shell would start it. */
class Group {
  /** Its structured log, standard output's lines that are none as the event `line`. */
  readonly log = new EventLog();
  /** Everything that it wrote. */
  output = "";
  /** Its exit code; null if a signal ended it. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(args: string[], env: Record<string, string>) {
    // What a test runner adds to the environment is no part of a user's, but for where compiled
    // modules are kept: that only saves time.
    const { PATH = "", HOME = "", NODE_COMPILE_CACHE = "" } = process.env;
    this.#child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { PATH, HOME, NODE_COMPILE_CACHE, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      let rest = "";
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        this.output += chunk;
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          this.log.addLine(line);
          this.#lines.push(line);
        }
        for (const check of this.#waiting) check();
      });
    }
    this.exited = new Promise((resolve, reject) => {
      this.#child.on("error", reject);
      this.#child.on("close", resolve);
    });
  }

  /**
   * Waits for a line that begins so.
   * @param count the how-manieth of them
   */
  line(beginning: string, count = 1): Promise<string> {
    const found = new Promise<string>((resolve) => {
      const check = () => {
        const line = this.#lines.filter((line) => line.startsWith(beginning))[count - 1];
        if (line === undefined) return;
        this.#waiting.delete(check);
        resolve(line);
      };
      this.#waiting.add(check);
      check();
    });
    const ended = this.exited.then((code) => {
      throw new Error(`It ended with ${code} and never said "${beginning}":\n${this.output}`);
    });
    return Promise.race([found, ended]);
  }

  /** To all of its processes, as a terminal does. */
  signal(name: NodeJS.Signals): void {
    process.kill(-this.#pid, name);
  }

  /** SIGKILL to all of its processes; settles when they are gone. */
  async kill(): Promise<void> {
    if (!this.#isEmpty()) this.signal("SIGKILL");
    await this.gone();
  }

  /** Waits until none of its processes is left. */
  async gone(): Promise<void> {
    await poll(GONE_MS, "all processes of the group to be gone", () => this.#isEmpty());
    await this.exited;
  }

  #isEmpty(): boolean {
    try {
      process.kill(-this.#pid, 0);
      return false;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return true;
      throw error;
    }
  }

  get #pid(): number {
    if (this.#child.pid === undefined) throw new Error("The process could not be started.");
    return this.#child.pid;
  }
}

export type PortholeOptions = {
  /** What `npm start` or `npm run dev` runs. */
  script?: "start" | "dev";
  args?: string[];
  /** Over PORT and PORTHOLE_STATE, which are its own. */
  env?: Record<string, string>;
};

/** `npm start` or `npm run dev` as processes of their own, with a port and a state of their own. */
export class Porthole {
  readonly port: number;
  readonly stateDir: string;
  readonly #options: PortholeOptions;
  #group: Group | null = null;

  private constructor(port: number, options: PortholeOptions) {
    this.port = port;
    this.stateDir = mkdtempSync(join(tmpdir(), "porthole-e2e-"));
    this.#options = options;
  }

  static async create(options: PortholeOptions = {}): Promise<Porthole> {
    return new Porthole(await freePort(), options);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get log(): EventLog {
    return this.#running.log;
  }

  /** Waits for the how-manieth line that begins so. */
  line(beginning: string, count?: number): Promise<string> {
    return this.#running.line(beginning, count);
  }

  api(adminToken: string): ApiClient {
    return new ApiClient(this.url, adminToken);
  }

  /** Starts it, also again, and waits for its `ready` line. @returns the sign-in link */
  async start(): Promise<string> {
    const group = this.#launch({});
    const line = await group.line("ready ");
    return line.slice("ready ".length);
  }

  /** Runs it until it ends by itself, as it does when something is wrong. */
  async runToEnd(options: PortholeOptions = {}): Promise<{ code: number | null; output: string }> {
    const group = this.#launch(options);
    const code = await group.exited;
    return { code, output: group.output };
  }

  /** SIGKILL to all of it, workerd too. */
  kill(): Promise<void> {
    return this.#running.kill();
  }

  /** Ctrl-C. @returns the exit code */
  interrupt(): Promise<number | null> {
    this.#running.signal("SIGINT");
    return this.#running.exited;
  }

  /** Waits until none of its processes is left. */
  gone(): Promise<void> {
    return this.#running.gone();
  }

  /** Ends what still runs and forgets its state. */
  async dispose(): Promise<void> {
    await this.#group?.kill();
    rmSync(this.stateDir, { recursive: true, force: true });
  }

  #launch(options: PortholeOptions): Group {
    const { script = "start", args = [], env = {} } = { ...this.#options, ...options };
    this.#group = new Group(
      ["--import", "./scripts/require-node.mjs", `scripts/${script}.ts`, ...args],
      { PORT: String(this.port), PORTHOLE_STATE: this.stateDir, ...env },
    );
    return this.#group;
  }

  get #running(): Group {
    if (!this.#group) throw new Error("It was not started.");
    return this.#group;
  }
}

/** The agent as its owner runs it: one file, a process of its own. */
export class AgentProcess {
  readonly hostId: string;
  readonly name: string;
  readonly #stateDir: string;
  readonly #allow: string[];
  #group: Group | null = null;

  private constructor(hostId: string, name: string, stateDir: string, allow: string[]) {
    this.hostId = hostId;
    this.name = name;
    this.#stateDir = stateDir;
    this.#allow = allow;
  }

  /**
   * Enrols a machine with the agent's own command; `run` is to follow.
   * @param allow what its viewers may reach, as in 127.0.0.1:5900
   * @param config what its owner has written for it
   */
  static async join(
    api: ApiClient,
    name: string,
    allow: string[],
    config: object = {},
  ): Promise<AgentProcess> {
    const stateDir = mkdtempSync(join(tmpdir(), "porthole-e2e-agent-"));
    writeFileSync(join(stateDir, "config.json"), JSON.stringify(config));
    const { token } = await api.joinToken();
    const joining = agentGroup(["join", api.edge, token, "--name", name, "--state", stateDir]);
    const code = await joining.exited;
    if (code !== 0) throw new Error(`The agent could not join: ${joining.output}`);
    const { items } = await api.hosts();
    const host = items.find((candidate) => candidate.name === name);
    if (!host) throw new Error(`There is no host ${name}.`);
    return new AgentProcess(host.host_id, name, stateDir, allow);
  }

  get log(): EventLog {
    if (!this.#group) throw new Error("The agent was not started.");
    return this.#group.log;
  }

  /**
   * Starts it, also again, and waits until its link is up.
   * @param env more of its environment
   */
  async run(env: Record<string, string> = {}): Promise<void> {
    const allow = this.#allow.flatMap((target) => ["--allow", target]);
    this.#group = agentGroup(["run", "--state", this.#stateDir, ...allow], env);
    await Promise.race([
      this.#group.log.waitFor("link.up"),
      this.#group.exited.then(() => {
        throw new Error(`The agent ended: ${this.#group?.output}`);
      }),
    ]);
  }

  /** It stays connected and does nothing any more, as a machine that hangs. */
  freeze(): void {
    this.#group?.signal("SIGSTOP");
  }

  thaw(): void {
    this.#group?.signal("SIGCONT");
  }

  /** SIGKILL: it says goodbye to nobody. */
  async kill(): Promise<void> {
    await this.#group?.kill();
  }

  /** Waits until it has ended by itself, as one does whose host is removed. */
  async ended(): Promise<void> {
    await this.#group?.exited;
  }

  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.#stateDir, { recursive: true, force: true });
  }
}

function agentGroup(args: string[], env: Record<string, string> = {}): Group {
  return new Group(["dist/porthole-agent.mjs", ...args], env);
}

/** A TCP port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = await TcpServer.listen(() => {});
  await server.close();
  return server.port;
}

/** Whether a program could listen on this port of loopback now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(false) : reject(error),
    );
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

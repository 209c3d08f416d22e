import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { WebSocket } from "ws";
import { newKeyPair, writeIdentity } from "../../agent/identity.ts";
import type { AgentToEdge, EdgeToAgent } from "../../protocol/link.ts";
import { ROOT } from "../../scripts/tool.ts";
import { desktopLeftovers, desktopProcesses } from "./desktop-traces.ts";
import { EventLog, type LogEvent } from "./event-log.ts";
import { FakeEdge } from "./fake-edge.ts";
import { RfbViewer } from "./rfb-viewer.ts";

const AGENT = join(ROOT, "dist/porthole-agent.mjs");

/** Debian's user without rights, as whom an agent that is not root runs here. */
export const NOBODY = 65_534;

/** Whether a user can read the agent and the Node of this test. @param uid undefined is our own */
export function canRunAgentAs(uid: number | undefined): boolean {
  const options = uid === undefined ? {} : { uid, gid: uid };
  return spawnSync(process.execPath, [AGENT, "--version"], { cwd: "/", ...options }).status === 0;
}

export type JobHostOptions = {
  config: object;
  /** What the agent may use. */
  allow: string;
  /** As which user the agent runs; as this process's own if it is left out. */
  uid?: number;
};

/**
 * The agent as a program of its own, which a test can kill, with a configuration for jobs, and the
 * edge that it dials, which the test plays.
 */
export class JobHost {
  readonly edge: FakeEdge;
  /** What the agent said on its link, by type. */
  readonly said = new EventLog();
  readonly log = new EventLog();
  /** Where the agent puts the folders of desktops. */
  readonly tmp: string;
  readonly #folder: string;
  readonly #options: JobHostOptions;
  #agent: ChildProcess | null = null;
  #link: WebSocket | null = null;
  #streams = 0;

  private constructor(edge: FakeEdge, folder: string, options: JobHostOptions) {
    this.edge = edge;
    this.#folder = folder;
    this.#options = options;
    this.tmp = mkdtempSync(join(tmpdir(), "jobs-"));
    chmodSync(this.tmp, 0o1777);
  }

  static async start(options: JobHostOptions): Promise<JobHost> {
    const edge = await FakeEdge.start();
    const folder = mkdtempSync(join(tmpdir(), "porthole-job-host-"));
    const { privateKey } = newKeyPair();
    writeIdentity(folder, { edge: edge.url, host_id: "h1", name: "h1", private_key: privateKey });
    writeFileSync(join(folder, "config.json"), JSON.stringify(options.config));
    if (options.uid !== undefined) {
      for (const file of [folder, join(folder, "agent.json"), join(folder, "config.json")]) {
        chownSync(file, options.uid, options.uid);
      }
    }
    const host = new JobHost(edge, folder, options);
    await host.startAgent();
    return host;
  }

  /** Starts the agent, again. @returns its `hello` */
  async startAgent(): Promise<LogEvent> {
    const { uid, allow } = this.#options;
    const agent = spawn(
      process.execPath,
      [AGENT, "run", "--state", this.#folder, "--allow", allow],
      {
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, TMPDIR: this.tmp },
        ...(uid !== undefined && { uid, gid: uid }),
      },
    );
    this.#agent = agent;
    createInterface(agent.stdout).on("line", (line) => this.log.addLine(line));
    return this.acceptLink();
  }

  /** Lets the agent's link in. @returns its `hello` */
  async acceptLink(): Promise<LogEvent> {
    const hellos = this.said.events.filter(({ event }) => event === "hello").length;
    this.#link = await this.edge.accept();
    this.#link.on("message", (data) => {
      const text = String(data);
      if (text === "ping") return;
      const { type, ...fields } = JSON.parse(text) as AgentToEdge;
      this.said.add({ event: type, ...fields });
    });
    return this.said.waitFor("hello", {}, hellos + 1);
  }

  /** Ends the link as a network does. */
  cutLink(): void {
    this.#link?.terminate();
  }

  say(message: EdgeToAgent | { type: "open"; [field: string]: unknown }): void {
    this.#link?.send(JSON.stringify(message));
  }

  /** Has a desktop started. @returns its port, once it is there */
  async launch(session: string, profile: string, url: string): Promise<number> {
    this.say({ type: "launch", session, profile, url });
    const { port } = await this.said.waitFor("launched", { session });
    return Number(port);
  }

  ended(session: string, count = 1): Promise<LogEvent> {
    return this.said.waitFor("ended", { session }, count);
  }

  /** What the agent has of a desktop's log. */
  async logOf(session: string): Promise<{ text: string | null; truncated: boolean }> {
    const before = this.said.events.filter(({ event }) => event === "log").length;
    this.say({ type: "log", session });
    const { text, truncated } = await this.said.waitFor("log", {}, before + 1);
    return { text: text as string | null, truncated: truncated === true };
  }

  /** A viewer who comes by way of the edge. */
  async view(session: string, port: number): Promise<RfbViewer> {
    const stream = this.askForStream(session, port);
    const viewer = new RfbViewer(await this.edge.accept());
    await this.said.waitFor("opened", { stream });
    await viewer.join();
    return viewer;
  }

  /** Makes an empty file beside the folders of desktops, which their programs can see. */
  write(name: string): void {
    writeFileSync(join(this.tmp, name), "");
  }

  /** Has the agent asked for a stream. @returns its id */
  askForStream(session: string, port: number): string {
    const stream = `stream-${++this.#streams}`;
    const target = { host: "127.0.0.1", port };
    const token = "t".repeat(43);
    const rights = { role: "control", clipboard: "both" };
    this.say({ type: "open", stream, token, session, target, ...rights });
    return stream;
  }

  /** Ends the agent. SIGKILL leaves all that it had started. */
  async endAgent(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const agent = this.#agent;
    if (!agent || agent.exitCode !== null || agent.signalCode !== null) return;
    const ended = once(agent, "exit");
    agent.kill(signal);
    await ended;
  }

  async stop(): Promise<void> {
    await this.endAgent("SIGTERM");
    await this.edge.close();
    rmSync(this.#folder, { recursive: true });
    rmSync(this.tmp, { recursive: true });
  }

  /** The ids of the processes that a desktop's programs became. @param name of the program's file */
  processes(name = ""): string[] {
    return desktopProcesses(this.tmp, this.#agent?.pid, name);
  }

  /** What is left on this machine of its desktops: processes, files, listeners. */
  leftovers(ports: readonly number[]): string[] {
    return desktopLeftovers(this.tmp, this.#agent?.pid, ports);
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { writeIdentity } from "../../agent/identity.ts";
import { ROOT } from "../../scripts/tool.ts";
import { desktopLeftovers } from "./desktop-traces.ts";
import { EventLog } from "./event-log.ts";
import type { Rig } from "./rig.ts";

type Options = {
  name?: string;
  /** Its `config.json`. */
  config: object;
  /** What it may use, as in 127.0.0.1:5970-5979. */
  allow: string;
};

/** The agent as its owner runs it, at a real edge, with desktops that jobs may have. */
export class DesktopAgent {
  readonly hostId: string;
  readonly log = new EventLog();
  /** Where it puts the folders of desktops. */
  readonly #tmp: string;
  readonly #stateDir: string;
  readonly #process: ChildProcess;

  private constructor(hostId: string, tmp: string, stateDir: string, process: ChildProcess) {
    this.hostId = hostId;
    this.#tmp = tmp;
    this.#stateDir = stateDir;
    this.#process = process;
  }

  /** Enrols it and waits until its link is up. */
  static async start(rig: Rig, { name, config, allow }: Options): Promise<DesktopAgent> {
    const identity = await rig.enrol(name);
    const stateDir = mkdtempSync(join(tmpdir(), "porthole-desktop-agent-"));
    writeIdentity(stateDir, identity);
    writeFileSync(join(stateDir, "config.json"), JSON.stringify(config));
    // Each desktop is another user's.
    const tmp = mkdtempSync(join(tmpdir(), "desktops-"));
    chmodSync(tmp, 0o1777);
    const child = spawn(
      process.execPath,
      [join(ROOT, "dist/porthole-agent.mjs"), "run", "--state", stateDir, "--allow", allow],
      { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, TMPDIR: tmp } },
    );
    const agent = new DesktopAgent(identity.host_id, tmp, stateDir, child);
    createInterface(child.stdout).on("line", (line) => agent.log.addLine(line));
    await agent.log.waitFor("link.up");
    return agent;
  }

  /** What is left on this machine of its desktops. */
  leftovers(ports: readonly number[]): string[] {
    return desktopLeftovers(this.#tmp, this.#process.pid, ports);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, "exit");
      this.#process.kill("SIGTERM");
      await ended;
    }
    for (const folder of [this.#tmp, this.#stateDir]) rmSync(folder, { recursive: true });
  }
}

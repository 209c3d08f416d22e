import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { poll } from "../../scripts/poll.ts";
import { SentenceError } from "../../scripts/sentence.ts";
import type { Processes } from "../processes.ts";
import type { ServerReport } from "./load-server.ts";
import type { Security } from "./rfb.ts";

/** How long the last viewer's connection may outlive it. */
const QUIET_MS = 15_000;

type Progress = Extract<ServerReport, { type: "progress" }>;

/** The bench's side of the load server's process. */
export class LoadServer {
  readonly ports: Record<Security, number>;
  readonly #child: ChildProcess;
  readonly #stop: () => Promise<void>;

  private constructor(
    child: ChildProcess,
    ports: Record<Security, number>,
    stop: () => Promise<void>,
  ) {
    this.#child = child;
    this.#stop = stop;
    this.ports = ports;
  }

  static async start(processes: Processes): Promise<LoadServer> {
    const child = processes.fork("the load server", join(import.meta.dirname, "load-server.ts"));
    const { ports } = await nextReport(child, "listening");
    return new LoadServer(child, ports, () => processes.stop([child.pid ?? 0]));
  }

  /** How many bytes of the latest flood the kernel took, and how many connections are open. */
  async progress(): Promise<Progress> {
    // If the process has ended, the report that does not come says so.
    this.#child.send("progress", () => {});
    return nextReport(this.#child, "progress");
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  /** Waits until nobody is connected any more. */
  async quiet(): Promise<void> {
    await poll(QUIET_MS, "the last viewer's connection to end", async () => {
      return (await this.progress()).connections === 0;
    });
  }
}

/** @throws {SentenceError} if the process ends instead */
function nextReport<Type extends ServerReport["type"]>(
  child: ChildProcess,
  type: Type,
): Promise<Extract<ServerReport, { type: Type }>> {
  return new Promise((resolve, reject) => {
    if (!child.connected) return reject(new SentenceError("The load server has ended."));
    const onMessage = (report: ServerReport) => {
      if (!isOfType(report, type)) return;
      stop();
      resolve(report);
    };
    const onExit = () => {
      stop();
      reject(new SentenceError("The load server ended before its time."));
    };
    const stop = () => child.off("message", onMessage).off("exit", onExit);
    child.on("message", onMessage).on("exit", onExit);
  });
}

function isOfType<Type extends ServerReport["type"]>(
  report: ServerReport,
  type: Type,
): report is Extract<ServerReport, { type: Type }> {
  return report.type === type;
}

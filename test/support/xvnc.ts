import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { greet } from "../../agent/rfb/greeting.ts";
import { RFB_BASE_PORT } from "../../protocol/ids.ts";
import { poll } from "../../scripts/poll.ts";

const START_MS = 15_000;

export type XvncOptions = {
  width?: number;
  height?: number;
  /** What it calls itself in its ServerInit (RFC 6143, 7.3.2). */
  name?: string;
  /** More of Xvnc's own options; the last of a kind counts. */
  args?: string[];
};

/** Debian's VNC server on display n of this machine: the X server and the RFB server in one. */
export class Xvnc {
  readonly display: number;
  readonly port: number;
  readonly #child: ChildProcess;
  #said = "";

  constructor(display: number, options: XvncOptions) {
    const { width = 640, height = 480, name, args: more = [] } = options;
    this.display = display;
    this.port = RFB_BASE_PORT + display;
    const args = [
      `:${display}`,
      ...["-rfbport", String(this.port), "-localhost", "-SecurityTypes", "None", "-AlwaysShared"],
      ...["-geometry", `${width}x${height}`, "-depth", "24"],
      ...(name === undefined ? [] : ["-desktop", name]),
      ...more,
    ];
    this.#child = spawn("Xvnc", args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child.stderr?.on("data", (chunk) => {
      this.#said += chunk;
    });
    this.#child.on("error", (error) => {
      this.#said += error.message; // it could not be started: `greets` throws it
    });
  }

  /** Waits until it greets as RFB servers do. */
  async greets(): Promise<void> {
    await poll(START_MS, `Xvnc on display ${this.display}`, () => {
      if (!this.#isRunning()) throw new Error(`Xvnc :${this.display} ended: ${this.#said}`);
      return greets(this.port);
    });
  }

  /** SIGKILL: no goodbye to anyone, and its lock stays, which is cleared away here. */
  async kill(): Promise<void> {
    if (this.#isRunning()) {
      const ended = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await ended;
    }
    rmSync(`/tmp/.X${this.display}-lock`, { force: true });
    rmSync(`/tmp/.X11-unix/X${this.display}`, { force: true });
  }

  #isRunning(): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    return pid !== undefined && exitCode === null && signalCode === null;
  }
}

/** Starts one and waits until viewers can connect. */
export async function startXvnc(display: number, options: XvncOptions = {}): Promise<Xvnc> {
  const xvnc = new Xvnc(display, options);
  await xvnc.greets();
  return xvnc;
}

/** Whether a VNC server greets on a port of this machine. @param host the address to dial */
export async function greets(port: number, host = "127.0.0.1"): Promise<boolean> {
  try {
    const { socket } = await greet({ host, port }, START_MS);
    socket.destroy();
    return true;
  } catch {
    return false; // it does not listen yet
  }
}

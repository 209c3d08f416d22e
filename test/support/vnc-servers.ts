import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RFB_BASE_PORT } from "../../protocol/ids.ts";
import { poll } from "../../scripts/poll.ts";
import { greets } from "./xvnc.ts";

const START_MS = 15_000;

/** Why a server ended is in the last lines that it wrote. */
const LINES_OF_REASON = 5;

/** A VNC server that Debian has, beside TigerVNC's Xvnc: how it is started on a display. */
export type Kind = {
  program: string;
  /** Where it listens; loopback if not given. */
  address?: string;
  args(display: number, passwordFile: string | null): string[];
};

/** The X display that x11vnc shows. */
export const SHOWN_DISPLAY = 40;

export const KINDS = {
  TigerVNC: {
    program: "Xtigervnc",
    args: (display, passwordFile) => [
      `:${display}`,
      ...["-rfbport", String(RFB_BASE_PORT + display), "-localhost"],
      ...["-geometry", "640x480", "-depth", "24"],
      ...(passwordFile
        ? ["-SecurityTypes", "VncAuth", "-rfbauth", passwordFile]
        : ["-SecurityTypes", "None"]),
    ],
  },
  TightVNC: {
    program: "Xtightvnc",
    args: (display, passwordFile) => [
      `:${display}`,
      ...["-rfbport", String(RFB_BASE_PORT + display), "-localhost"],
      ...["-geometry", "640x480", "-depth", "24"],
      ...(passwordFile ? ["-rfbauth", passwordFile] : []),
    ],
  },
  x11vnc: {
    program: "x11vnc",
    args: (display, passwordFile) => [
      ...["-display", `:${SHOWN_DISPLAY}`, "-rfbport", String(RFB_BASE_PORT + display)],
      // Killed, it would leave its shared memory segments to the machine, which has few for all.
      ...["-localhost", "-forever", "-shared", "-noshm", "-noxdamage"],
      ...(passwordFile ? ["-rfbauth", passwordFile] : ["-nopw"]),
    ],
  },
  QEMU: {
    program: "qemu-system-x86_64",
    args: (display, passwordFile) => [
      ...["-machine", "none", "-nodefaults", "-display", "none"],
      ...(passwordFile
        ? [
            ...["-object", `secret,id=password,file=${passwordFile}.plain`],
            ...["-vnc", `127.0.0.1:${display},password-secret=password`],
          ]
        : ["-vnc", `127.0.0.1:${display}`]),
    ],
  },
} satisfies Record<string, Kind>;

/** TigerVNC that listens on one address of this machine and nowhere else, as a hypervisor's may. */
export function tigerVncOn(address: string): Kind {
  const { program, args } = KINDS.TigerVNC;
  const isNotLoopback = (arg: string) => arg !== "-localhost";
  return {
    program,
    address,
    args: (...where) => [...args(...where).filter(isNotLoopback), "-interface", address],
  };
}

/** A VNC server as Debian packages it, with a password or without. */
export class PackagedServer {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #display: number;
  #said = "";
  /** Of a process that had the same number before it, some may be left. */
  readonly #older = new Set(segments().map(({ id }) => id));

  static readonly #running = new Set<PackagedServer>();

  /** Ends those that a test left running because it failed. */
  static async killAll(): Promise<void> {
    for (const server of PackagedServer.#running) await server.kill();
  }

  private constructor(kind: Kind, display: number, password: string | null) {
    this.#display = display;
    this.port = RFB_BASE_PORT + display;
    this.#folder = mkdtempSync(join(tmpdir(), "porthole-vnc-"));
    const passwordFile = password === null ? null : join(this.#folder, "passwd");
    if (passwordFile && password !== null) {
      writeFileSync(passwordFile, vncpasswd(password), { mode: 0o600 });
      writeFileSync(`${passwordFile}.plain`, password, { mode: 0o600 });
    }
    this.#child = spawn(kind.program, kind.args(display, passwordFile), {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child.stderr?.on("data", (chunk) => {
      this.#said += chunk;
    });
    this.#child.on("error", (error) => {
      this.#said += error.message;
    });
  }

  /** Starts one and waits until it greets. */
  static async start(
    kind: Kind,
    display: number,
    password: string | null,
  ): Promise<PackagedServer> {
    const server = new PackagedServer(kind, display, password);
    PackagedServer.#running.add(server);
    await poll(START_MS, `${kind.program} on display ${display}`, () => {
      if (!server.#isRunning()) throw new Error(`${kind.program} ended: ${server.#lastSaid}`);
      return greets(server.port, kind.address);
    });
    return server;
  }

  /** What it wrote to its standard error so far. */
  get said(): string {
    return this.#said;
  }

  /** How many System V shared memory segments of its own the machine has. */
  get sharedMemorySegments(): number {
    const own = segments().filter(({ id, pid }) => pid === this.#child.pid && !this.#older.has(id));
    return own.length;
  }

  get #lastSaid(): string {
    return this.#said.trimEnd().split("\n").slice(-LINES_OF_REASON).join("\n");
  }

  /** Takes another password from now on; TigerVNC reads its file for each who comes. */
  setPassword(password: string): void {
    writeFileSync(join(this.#folder, "passwd"), vncpasswd(password));
  }

  async kill(): Promise<void> {
    if (this.#isRunning()) {
      const ended = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await ended;
    }
    PackagedServer.#running.delete(this);
    rmSync(this.#folder, { recursive: true, force: true });
    rmSync(`/tmp/.X${this.#display}-lock`, { force: true });
    rmSync(`/tmp/.X11-unix/X${this.#display}`, { force: true });
  }

  #isRunning(): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    return pid !== undefined && exitCode === null && signalCode === null;
  }
}

/** All System V shared memory segments, each with the process that made it (proc_sysvipc_shm(5)). */
function segments(): { id: number; pid: number }[] {
  const [, ...lines] = readFileSync("/proc/sysvipc/shm", "utf8").trim().split("\n");
  return lines.map((line) => {
    const [, id, , , pid] = line.trim().split(/\s+/).map(Number);
    return { id: id ?? 0, pid: pid ?? 0 };
  });
}

/** A password as VNC servers keep it in a file. */
export function vncpasswd(password: string): Buffer {
  return execFileSync("tigervncpasswd", ["-f"], { input: `${password}\n` });
}

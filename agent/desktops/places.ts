import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { LOOPBACK, RFB_BASE_PORT, RFB_LAST_PORT } from "../../protocol/ids.ts";
import { type AllowedTarget, isAllowed } from "../allow-list.ts";
import { listeningPorts } from "../listeners.ts";

/** Where X servers put what says that a display is taken (the X.Org server, os/utils.c, xtrans). */
const SOCKETS = "/tmp/.X11-unix";

/** Writable by all, and each one's own, as the system makes it. */
const SHARED_FOLDER = 0o1777;

/**
 * The lowest port from 5900 on that a desktop may have: on the agent's list, nobody listens on it or
 * has been promised it, and no X server has its display.
 * @returns null if there is none
 */
export function lowestFreePort(
  allowed: readonly AllowedTarget[],
  promised: ReadonlySet<number>,
): number | null {
  const listeners = listeningPorts();
  const bound = boundSockets();
  for (let port = RFB_BASE_PORT; port <= RFB_LAST_PORT; port++) {
    if (!isAllowed(allowed, LOOPBACK, port) || promised.has(port) || listeners?.has(port)) continue;
    const display = port - RFB_BASE_PORT;
    if (hasXServer(display, bound)) continue;
    try {
      removeXFiles(display);
      return port;
    } catch {
      // another user's leftovers: an X server would not come up there
    }
  }
  return null;
}

/** Makes the folder of X's sockets where no X server ran since the machine started. */
export function makeSocketFolder(): void {
  const before = process.umask(0);
  try {
    mkdirSync(SOCKETS, { recursive: true, mode: SHARED_FOLDER });
  } finally {
    process.umask(before);
  }
}

/**
 * Removes the lock and the socket that an X server left, unless another one has the display now.
 * @throws {Error} if they are another user's
 */
export function removeXFiles(display: number): void {
  if (hasXServer(display, boundSockets())) return;
  rmSync(lockOf(display), { force: true });
  rmSync(socketOf(display), { force: true });
}

function hasXServer(display: number, bound: string): boolean {
  const socket = socketOf(display);
  if (new RegExp(`[ @]${socket}$`, "m").test(bound)) return true;
  try {
    process.kill(Number.parseInt(readFileSync(lockOf(display), "latin1"), 10), 0);
    return true; // one that is just coming up
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // it is another user's, and runs
  }
}

/** The sockets of this machine with a name, one a line. */
function boundSockets(): string {
  try {
    return readFileSync("/proc/net/unix", "latin1");
  } catch {
    return ""; // not Linux
  }
}

const lockOf = (display: number) => `/tmp/.X${display}-lock`;
const socketOf = (display: number) => `${SOCKETS}/X${display}`;

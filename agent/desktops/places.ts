import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from "node:fs";
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
      for (const file of xFiles(display)) rmSync(file, { force: true });
      return port;
    } catch {
      // another user's leftovers: an X server would not come up there
    }
  }
  return null;
}

/**
 * Makes the folder of X's sockets where no X server ran since the machine started.
 * @throws {Error} if there is something else in its place
 */
export function makeSocketFolder(): void {
  const before = process.umask(0);
  try {
    mkdirSync(SOCKETS, { recursive: true, mode: SHARED_FOLDER });
  } finally {
    process.umask(before);
  }
  // Whoever was first could have laid a link there, to a folder that is theirs.
  if (!lstatSync(SOCKETS).isDirectory()) throw new Error(`${SOCKETS} is no folder`);
}

/** The lock and the socket that an X server left; none if one has the display now. */
export function xFiles(display: number): string[] {
  return hasXServer(display, boundSockets()) ? [] : [lockOf(display), socketOf(display)];
}

function hasXServer(display: number, bound: string): boolean {
  const socket = socketOf(display);
  if (new RegExp(`[ @]${socket}$`, "m").test(bound)) return true;
  try {
    process.kill(Number.parseInt(readLock(lockOf(display)), 10), 0);
    return true; // one that is just coming up
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // it is another user's, and runs
  }
}

/** A process's number in ten characters, and a newline. */
const LOCK_BYTES = 11;

/**
 * Reads a lock. Anybody on this machine could have laid something else there, which must not be
 * followed, waited for or read to its end.
 * @throws {Error} if there is none
 */
function readLock(path: string): string {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  const file = openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  try {
    if (!fstatSync(file).isFile()) throw new Error(`${path} is no file`);
    const lock = Buffer.alloc(LOCK_BYTES);
    return lock.toString("latin1", 0, readSync(file, lock));
  } finally {
    closeSync(file);
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

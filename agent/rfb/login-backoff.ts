import { CloseCode } from "../../protocol/close-codes.ts";
import { SecurityResult } from "./server-handshake.ts";
import { LoginError } from "./stream-error.ts";

/** The last of so many failed logins has a wait. TigerVNC shuts an address out after five. */
const FAILURES_BEFORE_WAIT = 3;

/** How long a server is left alone then; it doubles with each more. */
const FIRST_WAIT_MS = 30_000;
const LONGEST_WAIT_MS = 60 * 60_000;

type Failures = { count: number; openAt: number };

/**
 * Leaves a VNC server alone after failed logins. To the server all viewers come from the agent's
 * address: one who guesses, or a wrong password in the configuration, would shut out everybody,
 * the owner who sits at the machine included. So the wait is longer than a server's own.
 */
export class LoginBackoff {
  readonly #ports = new Map<number, Failures>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** @throws {LoginError} tooMany, with how long it takes, while a server is left alone */
  assertOpen(port: number): void {
    const waitMs = (this.#ports.get(port)?.openAt ?? 0) - this.#now();
    if (waitMs <= 0) return;
    const message = `The VNC server on port ${port} is left alone after failed logins; try again in ${inWords(waitMs)}.`;
    throw new LoginError(CloseCode.tooMany, message);
  }

  /**
   * A login failed, or was given up after the server had asked for the password.
   * @param result the server's SecurityResult
   */
  failed(port: number, result: number = SecurityResult.failed, words = ""): void {
    const count = (this.#ports.get(port)?.count ?? 0) + 1;
    this.#ports.set(port, { count, openAt: 0 });
    const isTold = result === SecurityResult.tooMany || isTooMany(words);
    if (isTold || count >= FAILURES_BEFORE_WAIT) this.#leaveAlone(port, count);
  }

  /** The server refused before it asked for anything. */
  refused(port: number, words: string): void {
    if (isTooMany(words)) this.#leaveAlone(port, (this.#ports.get(port)?.count ?? 0) + 1);
  }

  succeeded(port: number): void {
    this.#ports.delete(port);
  }

  #leaveAlone(port: number, count: number): void {
    const doublings = Math.max(0, count - FAILURES_BEFORE_WAIT);
    const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** doublings);
    this.#ports.set(port, { count, openAt: this.#now() + waitMs });
  }
}

/** "Too many security failures" (TigerVNC), "Too many authentication failures" (RealVNC). */
function isTooMany(words: string): boolean {
  return /too many/i.test(words);
}

function inWords(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}

import { CloseCode } from "../../protocol/close-codes.ts";
import { SecurityResult } from "./server-handshake.ts";
import { LoginError, StreamError } from "./stream-error.ts";

/**
 * So many connections may be at a server without having logged in: those that failed since the last
 * that did not, and those that wait for a viewer's password. TigerVNC shuts an address out at the
 * sixth; one is the owner's, and one the agent's when it looked for displays.
 */
const MAX_UNPROVEN = 3;

/** How long a server is left alone when so many failed; it doubles with each that fails after. */
const FIRST_WAIT_MS = 30_000;

type Target = { host: string; port: number };

/**
 * Every login of the agent at its VNC servers. To a server all viewers come from one address, the
 * agent's: one who guesses, or an old password in the configuration, would have it shut out
 * everybody, the owner who sits at the machine included. So every connection counts until it has
 * logged in, one is made at a time, and a server that some failed at is left alone for longer than
 * a server's own patience takes to come back.
 */
export class LoginAttempts {
  readonly #records = new Map<string, Unproven>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /**
   * Waits for the logins before it at this server, and counts one more.
   * @param password what will be tried; null if the viewer is to say it. One that is another than
   *   the last that failed need not wait: it may be the corrected one
   * @param withinMs how long to wait
   * @throws {LoginError} tooMany while the server is left alone, with how long it takes
   * @throws {StreamError} serverTimeout if the logins before it take too long
   */
  async begin(target: Target, password: string | null, withinMs: number): Promise<LoginAttempt> {
    const key = `${target.host}:${target.port}`;
    const unproven = this.#records.get(key) ?? new Unproven(this.#now);
    this.#records.set(key, unproven);
    const endTurn = await unproven.turn(target.port, withinMs);
    try {
      unproven.assertOpen(target.port, password);
    } catch (error) {
      endTurn();
      throw error;
    }
    return new LoginAttempt(unproven, password, endTurn);
  }
}

/** One connection to a VNC server, from before it is made. Its outcome counts once: the first. */
export class LoginAttempt {
  readonly #unproven: Unproven;
  readonly #password: string | null;
  readonly #endTurn: () => void;
  #isSettled = false;

  constructor(unproven: Unproven, password: string | null, endTurn: () => void) {
    this.#unproven = unproven;
    this.#password = password;
    this.#endTurn = endTurn;
    unproven.pending++;
  }

  /** The agent's own part is done; the next login may begin. */
  endTurn(): void {
    this.#endTurn();
  }

  /** The server let somebody in. */
  succeeded(): void {
    this.#settle(() => this.#unproven.clear());
  }

  /** It did not; or nobody went on with the login, which is the same to the server. */
  failed(result: number = SecurityResult.failed, words = ""): void {
    const isTold = result === SecurityResult.tooMany || isTooMany(words);
    this.#settle(() => this.#unproven.fail(this.#password, isTold));
  }

  /** The server refused before it asked for anything. */
  refused(words: string): void {
    this.#settle(() => isTooMany(words) && this.#unproven.fail(this.#password, true));
  }

  /** No VNC server was reached, or what becomes of it cannot be known. */
  missed(): void {
    this.#settle(() => this.#unproven.miss());
  }

  #settle(count: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#unproven.pending--;
    count();
  }
}

/** The connections to one server that have not logged in. */
class Unproven {
  pending = 0;
  readonly #now: () => number;
  #failures = 0;
  #openAt = 0;
  #failedPassword: string | null = null;
  /** Whether one did not wait for its time: two that are wrong by turns would else never wait. */
  #oneDidNotWait = false;
  #last: Promise<void> = Promise.resolve();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Waits until it is this one's turn. @returns what ends it */
  async turn(port: number, withinMs: number): Promise<() => void> {
    const before = this.#last;
    let resolve: () => void = () => {};
    this.#last = new Promise((over) => {
      resolve = over;
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `The VNC server on port ${port} is slow to let others in; try again.`;
      const error = new StreamError(CloseCode.serverTimeout, message);
      timer = setTimeout(() => reject(error), withinMs);
    });
    try {
      await Promise.race([before, late]);
      return resolve;
    } catch (error) {
      void before.then(resolve); // whoever comes next waits for the one before
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  assertOpen(port: number, password: string | null): void {
    const waitMs = this.#openAt - this.#now();
    const isWaiting = waitMs > 0;
    if (isWaiting && (password === this.#failedPassword || this.#oneDidNotWait)) {
      const what = `The VNC server on port ${port} is left alone after failed logins`;
      throw new LoginError(CloseCode.tooMany, `${what}; try again in ${inWords(waitMs)}.`);
    }
    if (this.pending > 0 && this.pending + this.#failures >= MAX_UNPROVEN) {
      const what = `Others are at the password of the VNC server on port ${port}`;
      throw new LoginError(CloseCode.tooMany, `${what}; try again when they are in.`);
    }
    this.#oneDidNotWait = isWaiting;
  }

  clear(): void {
    this.#failures = 0;
    this.#openAt = 0;
  }

  /** The password is as good as untried. */
  miss(): void {
    this.#oneDidNotWait = false;
  }

  fail(password: string | null, isTold: boolean): void {
    this.#failures++;
    this.#failedPassword = password;
    if (!isTold && this.#failures < MAX_UNPROVEN) return;
    // Without an end: a server's own wait doubles without one too, and ours must stay the longer.
    const doublings = Math.max(0, this.#failures - MAX_UNPROVEN);
    this.#openAt = this.#now() + FIRST_WAIT_MS * 2 ** doublings;
  }
}

/** "Too many security failures" (TigerVNC), "Too many authentication failures" (RealVNC). */
function isTooMany(words: string): boolean {
  return /too many/i.test(words);
}

function inWords(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`;
}

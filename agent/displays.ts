import { CloseCode } from "../protocol/close-codes.ts";
import { RFB_BASE_PORT, RFB_LAST_PORT } from "../protocol/ids.ts";
import type { Display } from "../protocol/link.ts";
import { type AllowedTarget, isAllowed, LOOPBACK } from "./allow-list.ts";
import { listeningPorts } from "./listeners.ts";
import { askSecurity } from "./rfb/security.ts";
import type { ServerInit } from "./rfb/server-init.ts";
import { StreamError } from "./rfb/stream-error.ts";

/** How long a local server has to answer while the machine is scanned. A live one takes 1 ms. */
const SCAN_ANSWER_MS = 1_500;

/** How many ports are tried at once: enough to be quick, few enough not to look like an attack. */
const SCAN_CONCURRENCY = 20;

/** A wide allow-list does not turn the agent into a port scanner. */
const MAX_PORTS = 200;

/** At most this many displays are told to the edge. */
const MAX_DISPLAYS = 100;

/** What was found on a port, and whose port it was then; null is no VNC server. */
type Finding = { listener: string; display: Display | null };

/**
 * Finds the VNC servers on loopback by their greeting, and remembers them. A server is asked once
 * and not again while the same socket listens: a connection that never authenticates counts as an
 * attack with TigerVNC, and some servers end after their first client. The name and the size of a
 * desktop come with the first viewer's stream: to ask for them would begin a session.
 */
export class DisplayFinder {
  readonly #allowed: readonly AllowedTarget[];
  readonly #found = new Map<number, Finding>();

  constructor(allowed: readonly AllowedTarget[]) {
    this.#allowed = allowed;
  }

  /** @returns at most 100 displays, by port */
  async find(signal?: AbortSignal): Promise<Display[]> {
    const candidates = this.#candidates(listeningPorts());
    for (const port of this.#found.keys()) if (!candidates.has(port)) this.#found.delete(port);
    const queue = [...candidates].filter(
      ([port, listener]) => this.#found.get(port)?.listener !== listener,
    );
    const ask = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const [port, listener] = next;
        const finding = await this.#ask(port, listener, signal);
        if (finding) this.#found.set(port, finding);
        else this.#found.delete(port);
      }
    };
    await Promise.all(Array.from({ length: SCAN_CONCURRENCY }, ask));
    return this.known();
  }

  /** What was found when it was last looked. @returns at most 100 displays, by port */
  known(): Display[] {
    return [...this.#found.values()]
      .flatMap(({ display }) => display ?? [])
      .sort((a, b) => a.port - b.port)
      .slice(0, MAX_DISPLAYS);
  }

  /** Remembers what a server said of its desktop, for as long as that server listens. */
  describe(port: number, desktop: ServerInit): void {
    const found = this.#found.get(port);
    if (!found?.display) return;
    this.#found.set(port, { ...found, display: { ...found.display, ...desktop } });
  }

  /** What was known of a port did not hold: it is asked again next time. */
  forget(port: number): void {
    this.#found.delete(port);
  }

  /** @returns null if it is worth asking again: nobody answered, or not yet */
  async #ask(port: number, listener: string, signal?: AbortSignal): Promise<Finding | null> {
    try {
      const security = await askSecurity({ host: LOOPBACK, port }, SCAN_ANSWER_MS, signal);
      return { listener, display: displayOn(port, security) };
    } catch (error) {
      const isOther = error instanceof StreamError && error.code === CloseCode.serverRefused;
      return isOther && listener !== UNTOLD ? { listener, display: null } : null;
    }
  }

  /**
   * The ports worth asking: allowed on loopback, and listened on where the system tells. Those of
   * displays come first, should there be too many.
   */
  #candidates(listeners: Map<number, string> | null): Map<number, string> {
    const ports = new Map<number, string>();
    for (const port of [...portsOf(DISPLAY_PORTS), ...this.#allowed.flatMap(portsOf)]) {
      // Where the system does not tell who listens, what was found stays until `forget`.
      const listener = listeners === null ? UNTOLD : listeners.get(port);
      if (listener === undefined || !isAllowed(this.#allowed, LOOPBACK, port)) continue;
      ports.set(port, listener);
      if (ports.size === MAX_PORTS) break;
    }
    return ports;
  }
}

const DISPLAY_PORTS: AllowedTarget = {
  address: LOOPBACK,
  firstPort: RFB_BASE_PORT,
  lastPort: RFB_LAST_PORT,
};

function portsOf({ address, firstPort, lastPort }: AllowedTarget): number[] {
  if (address !== LOOPBACK) return [];
  return Array.from({ length: lastPort - firstPort + 1 }, (_, n) => firstPort + n);
}

/** The listener of a port where the system does not tell. */
const UNTOLD = "";

function displayOn(port: number, security: string[]): Display {
  return { port, display: port - RFB_BASE_PORT, name: null, security, width: null, height: null };
}

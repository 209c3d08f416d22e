import { placeName } from "../protocol/addresses.ts";
import { CloseCode } from "../protocol/close-codes.ts";
import { ANY_ADDRESS, LOOPBACK, RFB_BASE_PORT, RFB_LAST_PORT } from "../protocol/ids.ts";
import { type Display, listensOn } from "../protocol/link.ts";
import { type AllowedTarget, interfaceAddresses, isAllowed } from "./allow-list.ts";
import { type Listener, listeners } from "./listeners.ts";
import { askSecurity } from "./rfb/security.ts";
import type { ServerInit } from "./rfb/server-init.ts";
import { StreamError } from "./rfb/stream-error.ts";

/** How long a local server has to answer while the machine is scanned. A live one takes 1 ms. */
const SCAN_ANSWER_MS = 1_500;

/** How many ports are tried at once: enough to be quick, few enough not to look like an attack. */
const SCAN_CONCURRENCY = 20;

/** A wide allow-list does not turn the agent into a port scanner. */
const MAX_PORTS = 200;

/** The other loopback. */
const LOOPBACK_6 = "::1";

/** At most this many displays are told to the edge. */
const MAX_DISPLAYS = 100;

type Target = { host: string; port: number };

/** A listening socket that may be a VNC server, and where the agent would dial it. */
type Candidate = { host: string; listener: Listener };

/** What was found there; null is no VNC server. */
type Finding = { listener: Listener; display: Display | null };

/**
 * Finds the VNC servers of this machine by their greeting, on loopback and on its other addresses,
 * and remembers them. A server is asked once and not again while the same socket listens: a
 * connection that never authenticates counts as an attack with TigerVNC, and some servers end after
 * their first client. The name and the size of a desktop come with the first viewer's stream: to ask
 * for them would begin a session.
 */
export class DisplayFinder {
  readonly #allowed: readonly AllowedTarget[];
  readonly #found = new Map<string, Finding>();

  constructor(allowed: readonly AllowedTarget[]) {
    this.#allowed = allowed;
  }

  /** @returns at most 100 displays, by port */
  async find(signal?: AbortSignal): Promise<Display[]> {
    const candidates = this.#candidates(listeners());
    for (const place of this.#found.keys()) if (!candidates.has(place)) this.#found.delete(place);
    const queue = [...candidates].filter(
      ([place, { listener }]) => this.#found.get(place)?.listener.socket !== listener.socket,
    );
    const ask = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const [place, candidate] = next;
        const finding = await this.#ask(candidate, signal);
        if (finding) this.#found.set(place, finding);
        else this.#found.delete(place);
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
  describe({ host, port }: Target, desktop: ServerInit): void {
    for (const place of placesOf(host, port)) {
      const found = this.#found.get(place);
      if (!found?.display || !listensOn(found.display, host)) continue;
      this.#found.set(place, { ...found, display: { ...found.display, ...desktop } });
      return;
    }
  }

  /** What was known of a place did not hold: it is asked again next time. */
  forget({ host, port }: Target): void {
    for (const place of placesOf(host, port)) this.#found.delete(place);
  }

  /** @returns null if it is worth asking again: nobody answered, or not yet */
  async #ask({ host, listener }: Candidate, signal?: AbortSignal): Promise<Finding | null> {
    try {
      const target = { host, port: listener.port };
      const security = await askSecurity(target, SCAN_ANSWER_MS, signal);
      return { listener, display: displayOf(listener, security) };
    } catch (error) {
      const isOther = error instanceof StreamError && error.code === CloseCode.serverRefused;
      return isOther && listener.socket !== UNTOLD ? { listener, display: null } : null;
    }
  }

  /**
   * The places worth asking: allowed, and listened on where the system tells. Those of displays
   * come first, should there be too many.
   */
  #candidates(told: Listener[] | null): Map<string, Candidate> {
    // Where the system does not tell who listens, what was found stays until `forget`.
    const all = told ?? this.#allowed.flatMap(untoldListeners);
    const own = interfaceAddresses();
    const candidates = new Map<string, Candidate>();
    const dialled = [...all].sort(displaysFirst).flatMap((each) => this.#dialled(each, own));
    for (const candidate of dialled) {
      candidates.set(placeName(candidate.host, candidate.listener.port), candidate);
      if (candidates.size === MAX_PORTS) break;
    }
    for (const { port } of all) {
      // A server that listens on both loopbacks, as TigerVNC's, is one.
      if (candidates.has(placeName(LOOPBACK, port))) candidates.delete(placeName(LOOPBACK_6, port));
    }
    return candidates;
  }

  /**
   * Where a listener is dialled. Who listens on every address is dialled on loopback; if that is not
   * allowed, where it is, and counts as one that listens there.
   */
  #dialled(listener: Listener, own: readonly string[]): Candidate[] {
    const { address, port } = listener;
    const allows = (host: string) => isAllowed(this.#allowed, host, port);
    if (address !== ANY_ADDRESS) return allows(address) ? [{ host: address, listener }] : [];
    if (allows(LOOPBACK)) return [{ host: LOOPBACK, listener }];
    return own.filter(allows).map((host) => ({ host, listener: { ...listener, address: host } }));
  }
}

/** Where a server was found that is dialled there: one that listens on every address, on loopback. */
function placesOf(host: string, port: number): string[] {
  return [placeName(host, port), placeName(LOOPBACK, port)];
}

function isDisplay(port: number): boolean {
  return port >= RFB_BASE_PORT && port <= RFB_LAST_PORT;
}

function displaysFirst(a: Listener, b: Listener): number {
  return Number(isDisplay(b.port)) - Number(isDisplay(a.port)) || a.port - b.port;
}

/** The socket of a listener where the system does not tell. */
const UNTOLD = "";

/** Every port of loopback that is allowed, where only asking tells who listens. */
function untoldListeners({ address, firstPort, lastPort }: AllowedTarget): Listener[] {
  if (address !== LOOPBACK) return [];
  return Array.from({ length: lastPort - firstPort + 1 }, (_, n) => ({
    address,
    port: firstPort + n,
    socket: UNTOLD,
  }));
}

function displayOf({ address, port }: Listener, security: string[]): Display {
  return {
    port,
    ...(address !== LOOPBACK && { address }),
    display: isDisplay(port) ? port - RFB_BASE_PORT : null,
    name: null,
    security,
    width: null,
    height: null,
  };
}

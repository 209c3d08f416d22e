import type { Env } from "../../env.ts";
import type { Connection } from "./connection.ts";
import type { Delivery } from "./delivery.ts";

/**
 * Who pinged once and is silent for longer is gone, unless CHAT_SILENCE_SECONDS says otherwise. A
 * browser runs the timers of a hidden tab once a minute, and our page needs two for each ping.
 */
const DEFAULT_SILENCE_S = 180;

/** How soon those are looked for again whom the last look could not let go. */
const LOOK_AGAIN_MS = 5_000;

/**
 * Which members are gone without a word: a lid was closed, a network went, and nothing closes their
 * sockets. The runtime answers pings and remembers the last one, so nothing of this wakes a room
 * that nobody looks at. A client that never pings says nothing by its silence.
 */
export class Silence {
  readonly #ctx: DurableObjectState;
  readonly #delivery: Delivery;
  readonly #boundMs: number;

  constructor(ctx: DurableObjectState, env: Env, delivery: Delivery) {
    this.#ctx = ctx;
    this.#delivery = delivery;
    this.#boundMs = (Number(env.CHAT_SILENCE_SECONDS) || DEFAULT_SILENCE_S) * 1000;
  }

  /** For how long one may be silent, in seconds. */
  get boundSeconds(): number {
    return this.#boundMs / 1000;
  }

  /** The sockets that are silent for too long, each with whether its person is here by another. */
  gone(): { connection: Connection; isHereToo: boolean }[] {
    const { connections } = this.#delivery;
    const silent = connections.filter((one) => this.#isGone(one));
    const here = new Set(
      connections.filter((one) => !silent.includes(one)).map(({ who }) => who.me.id),
    );
    return silent.map((connection) => ({ connection, isHereToo: here.has(connection.who.me.id) }));
  }

  /**
   * When to look next, in ms since the epoch; null while it does not matter: somebody alone is shown
   * to nobody, and whoever comes in has the room look.
   */
  nextLook(): number | null {
    const { connections } = this.#delivery;
    if (new Set(connections.map(({ who }) => who.me.id)).size < 2) return null;
    const now = Date.now();
    // Who has never pinged is waited for as if they had when they came, and then not any more.
    const ends = connections
      .filter((one) => this.#pinged(one) !== null || this.#silentAt(one) > now)
      .map((one) => Math.max(this.#silentAt(one), this.#isGone(one) ? now + LOOK_AGAIN_MS : 0));
    return ends.length === 0 ? null : Math.min(...ends);
  }

  #isGone(connection: Connection): boolean {
    if (this.#pinged(connection) === null) return false;
    return this.#silentAt(connection) <= Date.now();
  }

  #silentAt(connection: Connection): number {
    return Math.max(this.#pinged(connection) ?? 0, connection.heardAt) + this.#boundMs;
  }

  #pinged({ socket }: Connection): number | null {
    return this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null;
  }
}

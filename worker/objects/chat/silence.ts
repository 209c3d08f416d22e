import { CloseCode } from "../../../protocol/close-codes.ts";
import type { Env } from "../../env.ts";
import { log } from "../../log.ts";
import type { Connection } from "./connection.ts";
import type { Deeds } from "./deeds.ts";
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
  readonly #deeds: Deeds;
  readonly #boundMs: number;

  constructor(ctx: DurableObjectState, env: Env, delivery: Delivery, deeds: Deeds) {
    this.#ctx = ctx;
    this.#delivery = delivery;
    this.#deeds = deeds;
    this.#boundMs = (Number(env.CHAT_SILENCE_SECONDS) || DEFAULT_SILENCE_S) * 1000;
  }

  /**
   * Closes the sockets of those who are gone. Of whom nothing is left here the session hears first
   * that they neither control nor wait for that; if it cannot be reached, the next look tries again.
   */
  async letGo(): Promise<void> {
    const gone = this.#delivery.connections.filter((one) => this.#isGone(one));
    const rest = this.#delivery.connections.filter((one) => !gone.includes(one));
    const here = new Set(rest.map(({ who }) => who.me.id));
    for (const connection of gone) {
      const { who } = connection;
      if (!here.has(who.me.id) && !(await this.#deeds.releaseControl(who))) continue;
      if (!connection.isOpen) continue;
      log("chat.silent", { room: this.#ctx.id.name, member: who.me.id });
      const reason = `Nothing came from you for ${this.#boundMs / 1000} s; connect again.`;
      this.#delivery.close([connection], CloseCode.goingAway, reason);
    }
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

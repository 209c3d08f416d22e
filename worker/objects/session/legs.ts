import { CloseCode } from "../../../protocol/close-codes.ts";
import type { Env } from "../../env.ts";
import { closeQuietly } from "../../sockets.ts";

/** An agent's end of a stream: whose it is, what ends it, and the socket until it was fetched. */
type Leg = { via: string; ending: AbortController; kept: WebSocket | null };

/**
 * The agents' ends of the streams that were served since this object woke.
 *
 * Once an end is given away the runtime pumps it, and nothing here hears when it closes: that is known
 * from what the agent says, and an agent can lie. So each end leaves through a fetch of this object
 * from itself, and the signal of that fetch cuts this one stream, whatever its agent says and does.
 */
export class Legs {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #legs = new Map<string, Leg>();

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx;
    this.#env = env;
  }

  /** How many may be open, also such as are said to be closed. */
  get size(): number {
    return this.#legs.size;
  }

  /**
   * Makes an end that can be cut of one that was kept.
   * @throws {Error} if it was cut meanwhile
   */
  async lead(stream: string, via: string, kept: WebSocket): Promise<WebSocket> {
    const ending = new AbortController();
    this.#legs.set(stream, { via, ending, kept });
    const self = this.#env.VNC_SESSION.get(this.#ctx.id);
    const headers = { upgrade: "websocket" };
    const options = { headers, signal: ending.signal };
    const { webSocket } = await self.fetch(`https://session${LEG_PATH}${stream}`, options);
    if (!webSocket) throw new Error("the end of the stream was not there");
    return webSocket;
  }

  /** The answer to that fetch: the end that was kept, once. */
  answer(stream: string): Response {
    const leg = this.#legs.get(stream);
    const kept = leg?.kept;
    if (!kept) return new Response(null, { status: 404 });
    leg.kept = null;
    return new Response(null, { status: 101, webSocket: kept });
  }

  has(stream: string): boolean {
    return this.#legs.has(stream);
  }

  /** The streams that may be open; those of one credential, if it is named. */
  streams(via?: string): string[] {
    return [...this.#legs]
      .filter(([, leg]) => via === undefined || leg.via === via)
      .map(([stream]) => stream);
  }

  /** Cuts a stream, which both sides see as 1006. One that is closed already notices nothing. */
  cut(stream: string): void {
    const leg = this.#legs.get(stream);
    this.#legs.delete(stream);
    if (!leg) return;
    leg.ending.abort();
    if (!leg.kept) return;
    leg.kept.accept();
    closeQuietly(leg.kept, CloseCode.goingAway, "The desktop could not be brought; connect again.");
  }
}

/** Where this object fetches a stream's end from itself; the Worker asks for nothing there. */
export const LEG_PATH = "/leg/";

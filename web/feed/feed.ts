import { isRetryable } from "../../protocol/close-codes.ts";
import type { Change, EdgeEvent } from "../../protocol/events.ts";
import type { EdgeSocket, EdgeSocketEvents } from "./edge-socket.ts";
import { KeptSocket, type Loss, type SocketClock } from "./kept-socket.ts";

/** After so many changes the edge is told that they arrived; it gives up on who is 1,000 behind. */
export const SEEN_EVERY = 100;

/** `away` says that what is shown may be out of date. */
export type FeedLink = "joining" | "live" | "away";

/** What a {@link Feed} needs of a page. */
type Surroundings = SocketClock & {
  /** @param since the last change that was read; null for whatever comes from now on */
  openSocket(since: number | null, events: EdgeSocketEvents): EdgeSocket;
  onLink(link: FeedLink): void;
  /** What was read before may be out of date: read it all, now that nothing is missed any more. */
  onReset(): void;
  onChange(change: Change): void;
  /** The edge let us in no more, or cannot be reached: a call over HTTP is told which. */
  onRefused(): void;
};

/** Keeps a page told of every change: notices each kind of loss, and goes on where it was. */
export class Feed {
  readonly #around: Surroundings;
  readonly #socket: KeptSocket;
  /** The last change that was heard of; null before the first `ready`. */
  #seq: number | null = null;
  #acknowledged = 0;

  constructor(around: Surroundings) {
    this.#around = around;
    const { isHidden, random, now, setTimer, clearTimer } = around;
    this.#socket = new KeptSocket({
      ...{ isHidden, random, now, setTimer, clearTimer },
      openSocket: (events) => around.openSocket(this.#seq, events),
      onText: (text) => this.#heard(JSON.parse(text)),
      onLost: (loss) => this.#lost(loss),
      comesBackFrom: () => true,
    });
  }

  join(): void {
    this.#socket.join();
  }

  /** The network came back, or someone looks at the tab again. */
  wake(): void {
    this.#socket.wake();
  }

  stop(): void {
    this.#socket.stop();
  }

  #heard(event: EdgeEvent): void {
    switch (event.kind) {
      case "ready":
      case "reset": {
        const isAnew = event.kind === "reset" || this.#seq === null;
        this.#seq = event.seq;
        this.#acknowledged = event.seq;
        this.#socket.letIn();
        this.#around.onLink("live");
        if (isAnew) this.#around.onReset();
        return;
      }
      case "host":
      case "session":
      case "batch":
      case "room":
        this.#take(event.seq);
        return this.#around.onChange(event);
      default:
        // A kind that is newer than this page still counts as read.
        return this.#take((event as Change).seq);
    }
  }

  #take(seq: number): void {
    // The same change can be told twice.
    this.#seq = Math.max(this.#seq ?? 0, seq);
    if (this.#seq - this.#acknowledged < SEEN_EVERY) return;
    this.#acknowledged = this.#seq;
    this.#socket.send(JSON.stringify({ seen: this.#seq }));
  }

  #lost({ code, wasIn }: Loss): void {
    this.#around.onLink("away");
    const isPutOut = code !== null && !isRetryable(code);
    if (!wasIn || isPutOut) this.#around.onRefused();
  }
}

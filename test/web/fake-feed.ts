import type { Change, EdgeEvent } from "../../protocol/events.ts";
import type { EdgeSocketEvents } from "../../web/feed/edge-socket.ts";
import { Feed, type FeedLink } from "../../web/feed/feed.ts";

/** One dialled feed, with what the page said to it. */
class FakeFeedSocket {
  readonly since: number | null;
  readonly events: EdgeSocketEvents;
  readonly sent: string[] = [];
  closed = false;
  constructor(since: number | null, events: EdgeSocketEvents) {
    this.since = since;
    this.events = events;
  }
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.closed = true;
    // As a WebSocket does: its own goodbye comes after ours.
    this.events.closed(1005, "");
  }
  says(event: EdgeEvent): void {
    this.events.heard(JSON.stringify(event));
  }
}

/** An edge, a clock and a page for a {@link Feed}; nothing happens by itself. */
export class FakeFeedSurroundings {
  readonly feed: Feed;
  readonly sockets: FakeFeedSocket[] = [];
  /** What the page was told, in order: a state of the link, `reset`, `refused`, or a change's seq. */
  readonly told: (FeedLink | "reset" | "refused" | number)[] = [];
  hidden = false;
  random = 0;
  #time = 1_000_000;
  #timer: { due: number; run: () => void } | null = null;

  constructor() {
    this.feed = new Feed({
      openSocket: (since, events) => {
        const socket = new FakeFeedSocket(since, events);
        this.sockets.push(socket);
        return socket;
      },
      onLink: (link) => this.told.push(link),
      onReset: () => this.told.push("reset"),
      onChange: ({ seq }: Change) => this.told.push(seq),
      onRefused: () => this.told.push("refused"),
      isHidden: () => this.hidden,
      random: () => this.random,
      now: () => this.#time,
      setTimer: (run, ms) => {
        if (this.#timer) throw new Error("There is a second timer.");
        this.#timer = { due: this.#time + ms, run };
        return 1;
      },
      clearTimer: () => {
        this.#timer = null;
      },
    });
  }

  get socket(): FakeFeedSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no feed was dialled");
    return socket;
  }

  /** How long from now something happens by itself; null if nothing does. */
  get nextIn(): number | null {
    return this.#timer && this.#timer.due - this.#time;
  }

  advance(ms: number): void {
    const end = this.#time + ms;
    while (this.#timer && this.#timer.due <= end) {
      const { due, run } = this.#timer;
      this.#timer = null;
      this.#time = due;
      run();
    }
    this.#time = end;
  }
}

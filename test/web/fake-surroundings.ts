import { ViewerConnection } from "../../web/viewer/connection.ts";
import type { Credentials, Stream, StreamEvents, ViewerState } from "../../web/viewer/states.ts";

type Timer = { id: number; due: number; run: () => void };
type Asked = {
  signal: AbortSignal;
  grant(): Promise<void>;
  refuse(error: unknown): Promise<void>;
};

/** One dialled stream, with what the connection did to it. */
export class FakeStream implements Stream {
  readonly url: string;
  readonly events: StreamEvents;
  hungUp = false;
  approved = 0;
  readonly credentials: Credentials[] = [];
  constructor(url: string, events: StreamEvents) {
    this.url = url;
    this.events = events;
  }
  hangUp(): void {
    this.hungUp = true;
    // As noVNC does: its own goodbye comes after ours.
    this.events.closed(1005, "");
    this.events.broken();
  }
  sendCredentials(credentials: Credentials): void {
    this.credentials.push(credentials);
  }
  approveServer(): void {
    this.approved += 1;
  }
}

/** A network, a clock and a page for a {@link ViewerConnection}; nothing happens by itself. */
export class FakeSurroundings {
  readonly connection: ViewerConnection;
  readonly states: ViewerState[] = [];
  readonly tickets: Asked[] = [];
  readonly streams: FakeStream[] = [];
  hidden = false;
  random = 0;
  time = 1_000_000;
  #timers: Timer[] = [];
  #lastTimer = 0;

  constructor() {
    this.connection = new ViewerConnection({
      getTicket: (signal) => {
        const { promise, resolve, reject } = Promise.withResolvers<{ websocket_url: string }>();
        const number = this.tickets.length + 1;
        this.tickets.push({
          signal,
          grant: () => {
            resolve({ websocket_url: `wss://edge.test/vnc-stream/s?ticket=${number}` });
            return settled();
          },
          refuse: (error) => {
            reject(error);
            return settled();
          },
        });
        return promise;
      },
      openStream: (url, events) => {
        const stream = new FakeStream(url, events);
        this.streams.push(stream);
        return stream;
      },
      onState: (state) => this.states.push(state),
      isHidden: () => this.hidden,
      random: () => this.random,
      now: () => this.time,
      setTimer: (run, ms) => {
        this.#lastTimer += 1;
        this.#timers.push({ id: this.#lastTimer, due: this.time + ms, run });
        return this.#lastTimer;
      },
      clearTimer: (id) => {
        this.#timers = this.#timers.filter((timer) => timer.id !== id);
      },
    });
  }

  get state(): ViewerState {
    return last(this.states);
  }

  get stream(): FakeStream {
    return last(this.streams);
  }

  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Lets time pass and runs every timer at its own moment. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.#timers.filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0];
      if (!next) break;
      this.time = Math.max(this.time, next.due);
      this.#fire(next);
    }
    this.time = end;
  }

  /** The machine sleeps: time passes without timers, and those that are due all run at its end. */
  sleep(ms: number): void {
    this.time += ms;
    for (const timer of this.#timers.filter(({ due }) => due <= this.time)) this.#fire(timer);
  }

  /** Grants the ticket that was asked for last, and returns the stream opened with it. */
  async grant(): Promise<FakeStream> {
    await last(this.tickets).grant();
    return this.stream;
  }

  async refuse(error: unknown): Promise<void> {
    await last(this.tickets).refuse(error);
  }

  /** Dials until a picture is there. */
  async connect(): Promise<FakeStream> {
    const stream = await this.grant();
    stream.events.opened();
    stream.events.heard();
    stream.events.connected();
    return stream;
  }

  #fire(timer: Timer): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
    timer.run();
  }
}

function last<Item>(items: readonly Item[]): Item {
  const item = items.at(-1);
  if (item === undefined) throw new Error("nothing has happened yet");
  return item;
}

/** Promise reactions have all run when a task of the event loop begins. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

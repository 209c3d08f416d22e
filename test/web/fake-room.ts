import type { RoomToClient } from "../../protocol/chat.ts";
import type { EdgeSocketEvents } from "../../web/feed/edge-socket.ts";
import { RoomConnection, type RoomState } from "../../web/viewer/room.ts";

/** One dialled room, with what the page said to it. */
export class FakeRoomSocket {
  readonly events: EdgeSocketEvents;
  readonly sent: string[] = [];
  closed = false;
  constructor(events: EdgeSocketEvents) {
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
  says(message: RoomToClient | RoomToClient[]): void {
    this.events.heard(JSON.stringify(message));
  }
}

/** A room, a clock and a page for a {@link RoomConnection}; nothing happens by itself. */
export class FakeRoomSurroundings {
  readonly connection: RoomConnection;
  readonly states: RoomState[] = [];
  readonly sockets: FakeRoomSocket[] = [];
  readonly heard: RoomToClient[] = [];
  hidden = false;
  random = 0;
  #time = 1_000_000;
  #timer: { due: number; run: () => void } | null = null;

  constructor() {
    this.connection = new RoomConnection({
      openSocket: (events) => {
        const socket = new FakeRoomSocket(events);
        this.sockets.push(socket);
        return socket;
      },
      onState: (state) => this.states.push(state),
      onHeard: (messages) => this.heard.push(...messages),
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

  get state(): RoomState | undefined {
    return this.states.at(-1);
  }

  get socket(): FakeRoomSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no room was dialled");
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

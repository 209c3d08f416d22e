import type {
  ClientToRoom,
  Control,
  ControlRequest,
  Member,
  PresentMember,
  RoomToClient,
} from "../../protocol/chat.ts";
import { isRetryable } from "../../protocol/close-codes.ts";
import { LINK_PING, LINK_PING_MS, LINK_PONG } from "../../protocol/limits.ts";
import { backoffMs } from "./backoff.ts";
import { LASTING_MS } from "./connection.ts";

/** The edge answers an upgrade and a ping at once: longer than this is no answer. */
export const ROOM_ANSWER_MS = 10_000;

/** Who is in a room, and who controls its session. Nothing is forgotten while it is away. */
export type RoomState = {
  /** `joining` until it let this page in; `away` says that the rest may be out of date. */
  link: "joining" | "here" | "away";
  /** Why it lets this page in no more, as a sentence; null while it is dialled again by itself. */
  refused: string | null;
  me: Member | null;
  members: readonly PresentMember[];
  /** null until the room said it; that of a shared session says nothing of it. */
  control: Control | null;
};

const NOT_LET_IN = "This chat does not let you in.";

export type RoomSocket = { send(text: string): void; close(): void };
export type RoomEvents = { heard(text: string): void; closed(code: number, reason: string): void };

type Surroundings = {
  openSocket(events: RoomEvents): RoomSocket;
  onState(state: RoomState): void;
  /** All that the room said, in its order, after what it says of its state was taken. */
  onHeard(messages: readonly RoomToClient[]): void;
  isHidden(): boolean;
  random(): number;
  now(): number;
  setTimer(run: () => void, ms: number): number;
  clearTimer(timer: number): void;
};

/** One dial. What a dropped one still says is ignored. */
type Attempt = {
  socket: RoomSocket | null;
  heard: boolean;
  /** A ping waits for its answer. */
  asked: boolean;
  hereSince: number | null;
};

/** Keeps a page in a chat room: joins, notices every kind of loss, and joins again. */
export class RoomConnection {
  readonly #around: Surroundings;
  #state: RoomState = {
    link: "joining",
    refused: null,
    me: null,
    members: [],
    control: null,
  };
  #attempt: Attempt | null = null;
  #timer: number | null = null;
  #failures = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  join(): void {
    this.#drop();
    const attempt: Attempt = { socket: null, heard: false, asked: false, hereSince: null };
    this.#attempt = attempt;
    this.#expectAnswer(attempt);
    attempt.socket = this.#around.openSocket({
      heard: (text) => {
        if (this.#attempt === attempt) this.#heard(attempt, text);
      },
      closed: (code, reason) => {
        if (this.#attempt === attempt) this.#lost(attempt, code, reason);
      },
    });
  }

  /** The network came back, someone looks at the tab again, or the desktop is here. */
  wake(): void {
    if (!this.#attempt) return this.join();
    // It may be long dead: only an answer tells.
    if (this.#attempt.hereSince !== null) this.#ping(this.#attempt);
  }

  /** Says something to the room. @returns false if the room is away: then it is not said */
  say(message: ClientToRoom): boolean {
    const attempt = this.#attempt;
    if (this.#state.link !== "here" || !attempt) return false;
    attempt.socket?.send(JSON.stringify(message));
    // Somebody waits for what comes of it: a dead socket should be found out soon.
    if (message.type === "send" && !attempt.asked) this.#ping(attempt);
    return true;
  }

  /** Asks for something about control; what comes of it is news, or an error. */
  request(op: ControlRequest["op"], to?: string): void {
    this.say({ type: "control", op, to });
  }

  stop(): void {
    this.#drop();
  }

  #heard(attempt: Attempt, text: string): void {
    attempt.heard = true;
    if (text === LINK_PONG) return;
    const frame = JSON.parse(text) as RoomToClient | RoomToClient[];
    const messages = Array.isArray(frame) ? frame : [frame];
    for (const message of messages) this.#take(attempt, message);
    this.#around.onHeard(messages);
  }

  #take(attempt: Attempt, message: RoomToClient): void {
    switch (message.type) {
      case "welcome": {
        attempt.hereSince = this.#around.now();
        this.#rest(attempt);
        const { me, members } = message;
        return this.#show({ link: "here", refused: null, me, members });
      }
      case "presence":
        return this.#show({ members: message.members });
      case "control":
        return this.#show({ control: { holder: message.holder, asking: message.asking } });
      case "sync":
        attempt.socket?.send(JSON.stringify(message));
    }
  }

  /** A ping now and then, as long as each is answered. */
  #rest(attempt: Attempt): void {
    attempt.asked = false;
    this.#setTimer(() => this.#ping(attempt), LINK_PING_MS);
  }

  #ping(attempt: Attempt): void {
    attempt.heard = false;
    attempt.asked = true;
    this.#expectAnswer(attempt);
    attempt.socket?.send(LINK_PING);
  }

  #expectAnswer(attempt: Attempt): void {
    this.#setTimer(() => {
      if (attempt.heard && attempt.hereSince !== null) this.#rest(attempt);
      else this.#lost(attempt, null, "");
    }, ROOM_ANSWER_MS);
  }

  /** @param code null if it fell silent */
  #lost(attempt: Attempt, code: number | null, reason: string): void {
    const { hereSince } = attempt;
    const { now, random, isHidden } = this.#around;
    if (hereSince !== null && now() - hereSince >= LASTING_MS) this.#failures = 0;
    this.#drop();
    const goesOn = code === null || isRetryable(code);
    if (goesOn) {
      this.#setTimer(() => this.join(), backoffMs(this.#failures, random(), isHidden()));
      this.#failures += 1;
    }
    this.#show({ link: "away", refused: goesOn ? null : reason || NOT_LET_IN });
  }

  #show(news: Partial<RoomState>): void {
    this.#state = { ...this.#state, ...news };
    this.#around.onState(this.#state);
  }

  #setTimer(run: () => void, ms: number): void {
    if (this.#timer !== null) this.#around.clearTimer(this.#timer);
    this.#timer = this.#around.setTimer(() => {
      this.#timer = null;
      run();
    }, ms);
  }

  #drop(): void {
    if (this.#timer !== null) this.#around.clearTimer(this.#timer);
    this.#timer = null;
    const attempt = this.#attempt;
    // Forgotten first: closing makes the socket speak once more.
    this.#attempt = null;
    attempt?.socket?.close();
  }
}

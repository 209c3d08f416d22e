import type { Control, ControlRequest, Member, RoomToClient } from "../../protocol/chat.ts";
import { isRetryable } from "../../protocol/close-codes.ts";
import { LINK_PING, LINK_PING_MS, LINK_PONG } from "../../protocol/limits.ts";
import { backoffMs } from "./backoff.ts";
import { LASTING_MS } from "./connection.ts";

/** The edge answers an upgrade and a ping at once: longer than this is no answer. */
export const ROOM_ANSWER_MS = 10_000;

/** What the session's room says of who controls. Nothing of it is forgotten while it is away. */
export type RoomState = {
  /** `joining` until it first said who controls; `away` says that the rest may be out of date. */
  link: "joining" | "here" | "away";
  me: Member | null;
  members: readonly Member[];
  control: Control | null;
};

export type RoomSocket = { send(text: string): void; close(): void };
export type RoomEvents = { heard(text: string): void; closed(code: number): void };

type Surroundings = {
  openSocket(events: RoomEvents): RoomSocket;
  onState(state: RoomState): void;
  /** The room did not do what was asked, in a sentence. */
  onRefusal(sentence: string): void;
  isHidden(): boolean;
  random(): number;
  now(): number;
  setTimer(run: () => void, ms: number): number;
  clearTimer(timer: number): void;
};

/** One dial. What a dropped one still says is ignored. */
type Attempt = { socket: RoomSocket | null; heard: boolean; hereSince: number | null };

/** Keeps a page in the room of its session: joins, notices every kind of loss, and joins again. */
export class RoomConnection {
  readonly #around: Surroundings;
  #state: RoomState = { link: "joining", me: null, members: [], control: null };
  #attempt: Attempt | null = null;
  #timer: number | null = null;
  #failures = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  join(): void {
    this.#drop();
    const attempt: Attempt = { socket: null, heard: false, hereSince: null };
    this.#attempt = attempt;
    this.#expectAnswer(attempt);
    attempt.socket = this.#around.openSocket({
      heard: (text) => {
        if (this.#attempt === attempt) this.#heard(attempt, text);
      },
      closed: (code) => {
        if (this.#attempt === attempt) this.#lost(attempt, code);
      },
    });
  }

  /** The network came back, someone looks at the tab again, or the desktop is here. */
  wake(): void {
    if (!this.#attempt) return this.join();
    // It may be long dead: only an answer tells.
    if (this.#attempt.hereSince !== null) this.#ping(this.#attempt);
  }

  /** Asks the room for something; what comes of it is news, or a refusal. */
  request(op: ControlRequest["op"], to?: string): void {
    if (this.#state.link !== "here") return;
    this.#attempt?.socket?.send(JSON.stringify({ type: "control", op, to }));
  }

  stop(): void {
    this.#drop();
  }

  #heard(attempt: Attempt, text: string): void {
    attempt.heard = true;
    if (text === LINK_PONG) return;
    const message = JSON.parse(text) as RoomToClient;
    switch (message.type) {
      case "welcome":
        return this.#show({ me: message.me, members: message.members });
      case "presence":
        return this.#show({ members: message.members });
      case "control": {
        const { holder, asking } = message;
        if (attempt.hereSince === null) {
          attempt.hereSince = this.#around.now();
          this.#rest(attempt);
        }
        return this.#show({ link: "here", control: { holder, asking } });
      }
      case "error":
        return this.#around.onRefusal(message.message);
    }
  }

  /** A ping now and then, as long as each is answered. */
  #rest(attempt: Attempt): void {
    this.#setTimer(() => this.#ping(attempt), LINK_PING_MS);
  }

  #ping(attempt: Attempt): void {
    attempt.heard = false;
    this.#expectAnswer(attempt);
    attempt.socket?.send(LINK_PING);
  }

  #expectAnswer(attempt: Attempt): void {
    this.#setTimer(() => {
      if (attempt.heard && attempt.hereSince !== null) this.#rest(attempt);
      else this.#lost(attempt, null);
    }, ROOM_ANSWER_MS);
  }

  /** @param code null if it fell silent */
  #lost(attempt: Attempt, code: number | null): void {
    const { hereSince } = attempt;
    const { now, random, isHidden } = this.#around;
    if (hereSince !== null && now() - hereSince >= LASTING_MS) this.#failures = 0;
    this.#drop();
    // Whoever may not come in is told why by the desktop, which needs the same right.
    if (code === null || isRetryable(code)) {
      this.#setTimer(() => this.join(), backoffMs(this.#failures, random(), isHidden()));
      this.#failures += 1;
    }
    this.#show({ link: "away" });
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

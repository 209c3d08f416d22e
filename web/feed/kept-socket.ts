import { LINK_PING, LINK_PING_MS, LINK_PONG } from "../../protocol/limits.ts";
import { backoffMs } from "../viewer/backoff.ts";
import { LASTING_MS } from "../viewer/connection.ts";
import type { EdgeSocket, EdgeSocketEvents } from "./edge-socket.ts";

/** The edge answers an upgrade and a ping at once: longer than this is no answer. */
export const ANSWER_MS = 10_000;

/** What a page lends to what keeps a socket. */
export type SocketClock = {
  isHidden(): boolean;
  random(): number;
  now(): number;
  setTimer(run: () => void, ms: number): number;
  clearTimer(timer: number): void;
};

export type Loss = {
  /** null if it fell silent. */
  code: number | null;
  reason: string;
  /** Whether it had let this page in. */
  wasIn: boolean;
};

type Surroundings = SocketClock & {
  openSocket(events: EdgeSocketEvents): EdgeSocket;
  /** What it said, but for answers to a ping. */
  onText(text: string): void;
  onLost(loss: Loss): void;
  /** Whether it is dialled again by itself after that. */
  comesBackFrom(loss: Loss): boolean;
};

/** One dial. What a dropped one still says is ignored. */
type Attempt = {
  socket: EdgeSocket | null;
  heard: boolean;
  /** A ping was sent, and its time is not over. */
  asked: boolean;
  inSince: number | null;
};

/** A WebSocket to the edge that is dialled again: it notices every kind of loss. */
export class KeptSocket {
  readonly #around: Surroundings;
  #attempt: Attempt | null = null;
  #timer: number | null = null;
  #failures = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  join(): void {
    this.stop();
    const attempt: Attempt = { socket: null, heard: false, asked: false, inSince: null };
    this.#attempt = attempt;
    this.#expectAnswer(attempt);
    attempt.socket = this.#around.openSocket({
      heard: (text) => {
        if (this.#attempt !== attempt) return;
        attempt.heard = true;
        if (text !== LINK_PONG) this.#around.onText(text);
      },
      closed: (code, reason) => {
        if (this.#attempt === attempt) this.#lost(attempt, code, reason);
      },
    });
  }

  /** What it said lets this page in: from here on it is asked now and then whether it lives. */
  letIn(): void {
    const attempt = this.#attempt;
    if (!attempt) return;
    attempt.inSince = this.#around.now();
    this.#rest(attempt);
  }

  /** Waiting became pointless: the network came back, or someone looks at the tab again. */
  wake(): void {
    if (!this.#attempt) return this.join();
    // It may be long dead: only an answer tells.
    if (this.#attempt.inSince !== null) this.#ping(this.#attempt);
  }

  /** @returns false if there is none: then it is not sent */
  send(text: string): boolean {
    this.#attempt?.socket?.send(text);
    return this.#attempt !== null;
  }

  /** Somebody waits for what comes of what was sent: a dead socket should be found out soon. */
  probe(): void {
    const attempt = this.#attempt;
    // A ping that was answered says nothing of what was sent after it; one that was not is enough.
    const isAsked = attempt?.asked && !attempt.heard;
    if (attempt && !isAsked) this.#ping(attempt);
  }

  stop(): void {
    this.#clearTimer();
    const attempt = this.#attempt;
    // Forgotten first: closing makes the socket speak once more.
    this.#attempt = null;
    attempt?.socket?.close();
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
      if (attempt.heard && attempt.inSince !== null) this.#rest(attempt);
      else this.#lost(attempt, null, "");
    }, ANSWER_MS);
  }

  #lost({ inSince }: Attempt, code: number | null, reason: string): void {
    const { now, random, isHidden } = this.#around;
    const loss = { code, reason, wasIn: inSince !== null };
    if (inSince !== null && now() - inSince >= LASTING_MS) this.#failures = 0;
    this.stop();
    if (this.#around.comesBackFrom(loss)) {
      this.#setTimer(() => this.join(), backoffMs(this.#failures, random(), isHidden()));
      this.#failures += 1;
    }
    this.#around.onLost(loss);
  }

  #setTimer(run: () => void, ms: number): void {
    this.#clearTimer();
    this.#timer = this.#around.setTimer(() => {
      this.#timer = null;
      run();
    }, ms);
  }

  #clearTimer(): void {
    if (this.#timer !== null) this.#around.clearTimer(this.#timer);
    this.#timer = null;
  }
}

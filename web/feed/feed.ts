import { isRetryable } from "../../protocol/close-codes.ts";
import type { Change, EdgeEvent } from "../../protocol/events.ts";
import { LINK_PING, LINK_PING_MS, LINK_PONG } from "../../protocol/limits.ts";
import { backoffMs } from "../viewer/backoff.ts";
import { LASTING_MS } from "../viewer/connection.ts";

/** The edge answers an upgrade and a ping at once: longer than this is no answer. */
export const FEED_ANSWER_MS = 10_000;

/** After so many changes the edge is told that they arrived; it gives up on who is 1,000 behind. */
export const SEEN_EVERY = 100;

/** `away` says that what is shown may be out of date. */
export type FeedLink = "joining" | "live" | "away";

export type FeedSocket = { send(text: string): void; close(): void };
export type FeedSocketEvents = { heard(text: string): void; closed(code: number): void };

/** What a {@link Feed} needs of a page. */
export type FeedSurroundings = {
  /** @param since the last change that was read; null for whatever comes from now on */
  openSocket(since: number | null, events: FeedSocketEvents): FeedSocket;
  onLink(link: FeedLink): void;
  /** What was read before may be out of date: read it all, now that nothing is missed any more. */
  onReset(): void;
  onChange(change: Change): void;
  /** The edge let us in no more, or cannot be reached: a call over HTTP is told which. */
  onRefused(): void;
  isHidden(): boolean;
  random(): number;
  now(): number;
  setTimer(run: () => void, ms: number): number;
  clearTimer(timer: number): void;
};

/** One dial. What a dropped one still says is ignored. */
type Attempt = { socket: FeedSocket | null; heard: boolean; liveSince: number | null };

/** Keeps a page told of every change: notices each kind of loss, and goes on where it was. */
export class Feed {
  readonly #around: FeedSurroundings;
  #attempt: Attempt | null = null;
  #timer: number | null = null;
  #failures = 0;
  /** The last change that was heard of; null before the first `ready`. */
  #seq: number | null = null;
  #acknowledged = 0;

  constructor(around: FeedSurroundings) {
    this.#around = around;
  }

  join(): void {
    this.#drop();
    const attempt: Attempt = { socket: null, heard: false, liveSince: null };
    this.#attempt = attempt;
    this.#expectAnswer(attempt);
    attempt.socket = this.#around.openSocket(this.#seq, {
      heard: (text) => {
        if (this.#attempt === attempt) this.#heard(attempt, text);
      },
      closed: (code) => {
        if (this.#attempt === attempt) this.#lost(attempt, code);
      },
    });
  }

  /** The network came back, or someone looks at the tab again. */
  wake(): void {
    if (!this.#attempt) return this.join();
    // It may be long dead: only an answer tells.
    if (this.#attempt.liveSince !== null) this.#ping(this.#attempt);
  }

  stop(): void {
    this.#drop();
  }

  #heard(attempt: Attempt, text: string): void {
    attempt.heard = true;
    if (text === LINK_PONG) return;
    const event = JSON.parse(text) as EdgeEvent;
    switch (event.kind) {
      case "ready":
      case "reset": {
        const isAnew = event.kind === "reset" || this.#seq === null;
        this.#seq = event.seq;
        this.#acknowledged = event.seq;
        attempt.liveSince = this.#around.now();
        this.#rest(attempt);
        this.#around.onLink("live");
        if (isAnew) this.#around.onReset();
        return;
      }
      case "host":
      case "session":
      case "batch":
      case "room":
        this.#take(attempt, event.seq);
        return this.#around.onChange(event);
      default:
        // A kind that is newer than this page still counts as read.
        return this.#take(attempt, (event as Change).seq);
    }
  }

  #take(attempt: Attempt, seq: number): void {
    // The same change can be told twice.
    this.#seq = Math.max(this.#seq ?? 0, seq);
    if (this.#seq - this.#acknowledged < SEEN_EVERY) return;
    this.#acknowledged = this.#seq;
    attempt.socket?.send(JSON.stringify({ seen: this.#seq }));
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
      if (attempt.heard && attempt.liveSince !== null) this.#rest(attempt);
      else this.#lost(attempt, null);
    }, FEED_ANSWER_MS);
  }

  /** @param code null if it fell silent */
  #lost({ liveSince }: Attempt, code: number | null): void {
    const { now, random, isHidden } = this.#around;
    if (liveSince !== null && now() - liveSince >= LASTING_MS) this.#failures = 0;
    this.#drop();
    this.#setTimer(() => this.join(), backoffMs(this.#failures, random(), isHidden()));
    this.#failures += 1;
    this.#around.onLink("away");
    const isPutOut = code !== null && !isRetryable(code);
    if (liveSince === null || isPutOut) this.#around.onRefused();
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

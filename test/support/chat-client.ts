import type { ChatChange, RoomToClient } from "../../protocol/chat.ts";
import { CHAT_BURST, CHAT_RATE_PER_S } from "../../protocol/limits.ts";
import type { RoomMember } from "./room-member.ts";
import type { Closing } from "./viewer.ts";

/** A little below what a room allows in the long run. */
const SEND_EVERY_MS = 1000 / (CHAT_RATE_PER_S * 0.9);

/** So many that all of them may arrive at once, as they do after an edge was held up for seconds. */
const MAX_UNACKED = CHAT_BURST / 2;

/**
 * A client as a page would be: it dials again whenever it is cut, resumes with `since`, sends again
 * what was not acknowledged, and answers `sync`. Remembers all that it was told, in its order.
 */
export class ChatClient {
  readonly changes: ChatChange[] = [];
  /** The `seq` that each message of its own was acknowledged with, every time that it was. */
  readonly acks = new Map<string, Set<number>>();
  #unsent: { cid: string; text: string }[] = [];
  #unacked = new Map<string, string>();
  #member: RoomMember | null = null;
  #lastRev = 0;
  #stopped = false;
  readonly #checks = new Set<() => void>();
  readonly #dial: (since: number) => RoomMember;
  /** How each of its connections ended, but the last one. */
  readonly closings: Closing[] = [];

  /** @param dial opens a socket with `batch=1` and that `since` */
  constructor(dial: (since: number) => RoomMember) {
    this.#dial = dial;
    void this.#run();
    void this.#send();
  }

  say(cid: string, text: string): void {
    this.#unsent.push({ cid, text });
  }

  /** Cuts the connection, as a network does. */
  cut(): void {
    this.#member?.socket.terminate();
  }

  /** Waits until it has been told of so many changes. */
  reached(changes: number): Promise<void> {
    return this.#until(() => this.changes.length >= changes);
  }

  /** Waits until all it says is acknowledged, too. */
  settled(changes: number): Promise<void> {
    const isSaid = () => this.#unsent.length === 0 && this.#unacked.size === 0;
    return this.#until(() => isSaid() && this.changes.length >= changes);
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!holds()) return;
        this.#checks.delete(check);
        resolve();
      };
      this.#checks.add(check);
      check();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#member?.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const member = this.#dial(this.#lastRev);
      this.#member = member;
      member.onMessage = (message) => this.#take(message);
      const closing = await member.closed;
      if (!this.#stopped) this.closings.push(closing);
      this.#member = null;
      // What was on its way may or may not have been stored: it is sent again.
      const again = [...this.#unacked].map(([cid, text]) => ({ cid, text }));
      this.#unacked.clear();
      this.#unsent.unshift(...again);
    }
  }

  /** Sends no faster than a room allows. */
  async #send(): Promise<void> {
    while (!this.#stopped) {
      const mayNow = this.#member?.socket.readyState === 1 && this.#unacked.size < MAX_UNACKED;
      const next = mayNow ? this.#unsent.shift() : undefined;
      if (next) {
        this.#unacked.set(next.cid, next.text);
        this.#member?.say(next.cid, next.text);
      }
      await new Promise((resolve) => setTimeout(resolve, SEND_EVERY_MS));
    }
  }

  #take(message: RoomToClient): void {
    if (message.type === "message" || message.type === "deleted") {
      this.changes.push(message);
      this.#lastRev = message.rev;
    }
    if (message.type === "ack") {
      this.#unacked.delete(message.cid);
      this.acks.set(message.cid, (this.acks.get(message.cid) ?? new Set()).add(message.seq));
    }
    if (message.type === "error") throw new Error(message.message);
    for (const check of this.#checks) check();
  }
}

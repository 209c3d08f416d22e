import type { RoomToClient } from "../../../protocol/chat.ts";
import { randomId } from "../../../protocol/ids.ts";
import type { RoomEntry } from "../session/control.ts";

/** Who a socket's person is here, their credential, and what it allows. */
export type Who = Omit<RoomEntry, "control">;

/** Some messages as text, made once for all the sockets that get them. */
export class Parcel {
  readonly texts: readonly string[];
  /** All of them, for who understands that. */
  readonly frame: string;
  readonly bytes: number;

  constructor(messages: readonly RoomToClient[]) {
    this.texts = messages.map((message) => JSON.stringify(message));
    this.frame = frameOf(this.texts);
    this.bytes = bytesOf(this.frame);
  }
}

function frameOf(texts: readonly string[]): string {
  return texts.length === 1 ? (texts[0] as string) : `[${texts.join(",")}]`;
}

/**
 * One socket of a member. `send()` queues without bound and nothing tells whether the other end
 * reads, so this counts what it sent (in bytes: a character can be three) and, towards a client that said
 * it would (`?batch=1`), asks by a `sync` now and then: its answer says that all before has
 * arrived. The marks are random, so nobody can answer without having read.
 */
export class Connection {
  readonly socket: WebSocket;
  readonly who: Who;
  readonly batched: boolean;
  /** When it came, or last said anything but a ping, in ms since the epoch. */
  #heardAt: number;
  /** Behind the others: the last change that it was sent. Null for one that is not. */
  #behind: number | null;
  /** Sent and not known to have arrived, up to each mark, and after the last one. */
  #marks: Mark[];
  #unmarked: number;
  #unheard: number;
  /** Since when all that may be on its way is, in ms since the epoch. */
  #fullSince: number | null = null;
  #dirty = false;

  constructor(socket: WebSocket, attached: Attached) {
    this.socket = socket;
    this.who = attached.who;
    this.batched = attached.batched;
    this.#heardAt = attached.heardAt;
    this.#behind = attached.behind;
    this.#marks = attached.marks;
    this.#unmarked = attached.unmarked;
    this.#unheard = attached.marks.reduce((sum, { size }) => sum + size, attached.unmarked);
  }

  /** Takes a new socket in. */
  static open(socket: WebSocket, who: Who, batched: boolean): Connection {
    const connection = new Connection(socket, {
      who,
      batched,
      heardAt: Date.now(),
      behind: null,
      marks: [],
      unmarked: 0,
    });
    connection.#save();
    return connection;
  }

  /** The same socket after the object has slept. */
  static restore(socket: WebSocket): Connection {
    return new Connection(socket, socket.deserializeAttachment() as Attached);
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  get heardAt(): number {
    return this.#heardAt;
  }

  /** It says something. */
  spoke(): void {
    this.#heardAt = Date.now();
    this.#dirty = true;
  }

  get behind(): number | null {
    return this.#behind;
  }

  /** Stored at once: after a sleep, whoever is not behind has had everything. */
  setBehind(rev: number | null): void {
    this.#behind = rev;
    this.#save();
  }

  /** How much was sent that is not known to have arrived. */
  get unheard(): number {
    return this.#unheard;
  }

  /** Whether all that was asked is answered: then no answer comes that would make room. */
  get isAnswered(): boolean {
    return this.batched ? this.#marks.length === 0 : this.unheard === 0;
  }

  /** More would not fit now. @returns for how long it has been so, in ms */
  fullFor(): number {
    this.#fullSince ??= Date.now();
    return Date.now() - this.#fullSince;
  }

  /**
   * Sends messages, in one frame to who understands that.
   * @param own for this socket alone, before the others
   * @param markEvery after how much of what was sent to ask whether it arrived
   */
  send(parcel: Parcel, markEvery: number, own: readonly string[] = NOTHING): void {
    if (parcel.texts.length + own.length === 0) return;
    const bytes = parcel.bytes + (own.length === 0 ? 0 : bytesOf(frameOf(own)));
    this.#unmarked += bytes;
    this.#unheard += bytes;
    this.#dirty = true;
    try {
      if (this.batched) this.socket.send(this.#frame(parcel, markEvery, own));
      else for (const text of [...own, ...parcel.texts]) this.socket.send(text);
    } catch {
      // It closed in this moment; webSocketClose tells the others.
    }
  }

  #frame(parcel: Parcel, markEvery: number, own: readonly string[]): string {
    const asks = this.#unmarked >= markEvery;
    if (!asks && own.length === 0) return parcel.frame;
    const texts = [...own, ...parcel.texts];
    if (asks) {
      const mark = randomId(6);
      this.#marks.push({ mark, size: this.#unmarked });
      this.#unmarked = 0;
      texts.push(JSON.stringify({ type: "sync", mark } satisfies RoomToClient));
    }
    return frameOf(texts);
  }

  /**
   * The client says that all before a mark has arrived.
   * @returns false for a mark that it was not sent, or has answered: it says nothing
   */
  heard(mark: string): boolean {
    const index = this.#marks.findIndex((sent) => sent.mark === mark);
    if (index < 0) return false;
    for (const { size } of this.#marks.splice(0, index + 1)) this.#unheard -= size;
    this.#fullSince = null;
    this.#dirty = true;
    return true;
  }

  /** Stores the counts, if they changed, for when the object sleeps. */
  saveIfDirty(): void {
    if (this.#dirty && this.isOpen) this.#save();
  }

  #save(): void {
    this.#dirty = false;
    const { who, batched } = this;
    const attached = {
      who,
      batched,
      heardAt: this.#heardAt,
      behind: this.#behind,
      marks: this.#marks,
      unmarked: this.#unmarked,
    };
    this.socket.serializeAttachment(attached satisfies Attached);
  }
}

/** In UTF-8. What most people write needs no counting. */
function bytesOf(text: string): number {
  return ASCII.test(text) ? text.length : ENCODER.encode(text).length;
}

const ASCII = /^\p{ASCII}*$/u;
const ENCODER = new TextEncoder();
const NOTHING: readonly string[] = [];

type Mark = { mark: string; size: number };

/** What a socket carries through a sleep of its object: far below the 16 KiB that it may. */
type Attached = {
  who: Who;
  batched: boolean;
  heardAt: number;
  behind: number | null;
  marks: Mark[];
  unmarked: number;
};

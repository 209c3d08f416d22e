import { performance } from "node:perf_hooks";
import { type RawData, WebSocket } from "ws";
import { SentenceError } from "../../scripts/sentence.ts";

/** How a contender's clients speak: what they send, and what they look for in what they get. */
export type Dialect = {
  /** What is sent when the socket is open, if anything. */
  greeting: string | null;
  /** Hears what is no message: whether somebody is in, and what has to be answered. */
  hear(frame: string): { ready?: true; answer?: string };
  /** One message of the chat. @param id the sender's own, of this message */
  encode(text: string, id: number): string;
};

/** Where a member dials, and with which headers. */
export type Address = { url: string; headers?: Record<string, string> };

/** How long somebody may take to come in. */
const READY_MS = 30_000;

/** Stands before and after what a message of the bench carries, and nowhere else in any frame. */
const MARK = "~";
const SENDER_END = "|";
/** About as long as what people write. */
const WORDS = " has been looked at, and it works again since this morning.";

/** @param sender which member says it */
export function textOf(sender: number, sentAt: number): string {
  return `${MARK}${sender}${SENDER_END}${sentAt.toFixed(3)}${MARK}${WORDS}`;
}

/**
 * A member's socket, the same for every contender. It finds messages by their marks and parses
 * nothing else: 200 members of a busy room are one process, which must not be what is measured.
 */
export class Wire {
  /** Hears each message of the chat, from whom and when it was sent. */
  onMessage: (sender: number, sentAt: number) => void = () => {};
  /** Hears that the socket is over, unless it was closed from here. */
  onLost: (error: Error) => void = () => {};
  readonly #socket: WebSocket;
  readonly #dialect: Dialect;
  readonly #gone: Promise<void>;
  #onReady: () => void = () => {};
  #said = 0;
  #leaving = false;

  private constructor(socket: WebSocket, dialect: Dialect) {
    this.#socket = socket;
    this.#dialect = dialect;
    const gone = Promise.withResolvers<void>();
    this.#gone = gone.promise;
    socket.on("message", (data) => this.#take(data));
    socket.on("open", () => {
      if (dialect.greeting !== null) socket.send(dialect.greeting);
    });
    socket.on("error", () => {}); // `close` follows
    socket.on("close", (code, reason) => {
      gone.resolve();
      const why = `A member of the chat was closed with ${code} ${String(reason)}`;
      if (!this.#leaving) this.onLost(new SentenceError(why));
    });
  }

  /** Comes in. @throws {SentenceError} if that fails */
  static async enter({ url, headers = {} }: Address, dialect: Dialect): Promise<Wire> {
    const options = { perMessageDeflate: false, skipUTF8Validation: true, headers };
    const wire = new Wire(new WebSocket(url, options), dialect);
    await new Promise<void>((resolve, reject) => {
      const late = new SentenceError(`A member was not in after ${READY_MS / 1000} s.`);
      const timer = setTimeout(() => reject(late), READY_MS);
      wire.#onReady = () => {
        clearTimeout(timer);
        resolve();
      };
      wire.onLost = (error) => {
        clearTimeout(timer);
        reject(error);
      };
    });
    wire.onLost = () => {};
    return wire;
  }

  /** @param sender which member this is */
  say(sender: number): void {
    const text = textOf(sender, performance.now());
    this.#socket.send(this.#dialect.encode(text, ++this.#said));
  }

  async leave(): Promise<void> {
    this.#leaving = true;
    this.#socket.terminate();
    await this.#gone;
  }

  #take(data: RawData): void {
    const frame = (data as Buffer).toString("latin1");
    const { ready, answer } = this.#dialect.hear(frame);
    if (answer !== undefined) this.#socket.send(answer);
    if (ready) this.#onReady();
    let at = frame.indexOf(MARK);
    while (at >= 0) {
      const bar = frame.indexOf(SENDER_END, at);
      const end = frame.indexOf(MARK, bar);
      this.onMessage(Number(frame.slice(at + 1, bar)), Number(frame.slice(bar + 1, end)));
      at = frame.indexOf(MARK, end + 1);
    }
  }
}

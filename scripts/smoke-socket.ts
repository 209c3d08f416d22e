import { WebSocket } from "ws";
import { SentenceError } from "./sentence.ts";

/** A WebSocket that is read in exact lengths or by message type, each within a time. */
export class SmokeSocket {
  /** Settles when it is closed; rejects if that does not come in time once it is asked for. */
  readonly #closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  readonly #timeoutMs: number;
  readonly #messages: Array<Record<string, unknown>> = [];
  #bytes = Buffer.alloc(0);
  #wake: () => void = () => {};

  constructor(url: string, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#socket = new WebSocket(url, { perMessageDeflate: false });
    this.#socket.on("message", (data: Buffer, isBinary: boolean) => {
      if (isBinary) this.#bytes = Buffer.concat([this.#bytes, data]);
      else this.#messages.push(JSON.parse(data.toString()));
      this.#wake();
    });
    this.#socket.on("error", () => this.#wake()); // `close` follows and says more
    this.#closed = new Promise((resolve) => {
      this.#socket.on("close", (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.#wake();
      });
    });
  }

  get closed(): Promise<{ code: number; reason: string }> {
    return this.#within("the socket to be closed", this.#closed);
  }

  send(data: string | Buffer): void {
    this.#socket.send(data);
  }

  pause(): void {
    this.#socket.pause();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  close(): Promise<{ code: number; reason: string }> {
    this.#socket.close();
    return this.closed;
  }

  /** @returns exactly that many bytes of the binary messages */
  async read(bytes: number): Promise<Buffer> {
    await this.#until(`${bytes} bytes`, () => this.#bytes.length >= bytes);
    const read = this.#bytes.subarray(0, bytes);
    this.#bytes = this.#bytes.subarray(bytes);
    return read;
  }

  /** @returns the next text message of that type; others before it are passed over */
  async readJson(type: string): Promise<Record<string, unknown>> {
    const index = () => this.#messages.findIndex((message) => message.type === type);
    await this.#until(`a message of the type ${type}`, () => index() >= 0);
    return this.#messages.splice(0, index() + 1).at(-1) ?? {};
  }

  async #until(what: string, holds: () => boolean): Promise<void> {
    const waiting = new Promise<void>((resolve, reject) => {
      this.#wake = () => {
        if (holds()) resolve();
        else if (this.#socket.readyState >= WebSocket.CLOSING) {
          this.#closed.then(({ code, reason }) =>
            reject(
              new SentenceError(`the socket was closed (${code} ${reason}) before ${what} came`),
            ),
          );
        }
      };
      this.#wake();
    });
    await this.#within(what, waiting);
  }

  async #within<Value>(what: string, promise: Promise<Value>): Promise<Value> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new SentenceError(`waited ${this.#timeoutMs / 1000} s in vain for ${what}`));
      }, this.#timeoutMs);
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

import { once } from "node:events";
import { type ClientOptions, WebSocket } from "ws";
import { RAW_OFFER, RFB_GREETING } from "./tcp-server.ts";

export type Closing = { code: number; reason: string };

/**
 * A viewer without a browser: a plain WebSocket client that remembers what it received. It answers
 * the greeting of a VNC server; of the handshake of `greetRaw` nothing else is seen.
 */
export class Viewer {
  readonly socket: WebSocket;
  /** Settles when the socket is closed, however it came to that. */
  readonly closed: Promise<Closing>;
  readonly #failed: Promise<string>;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #offered = false;
  #changed = new Set<() => void>();

  constructor(url: string, options: ClientOptions = {}, protocols: string[] = []) {
    // workerd keeps the TCP connection of a closed hibernating socket for 10 s; nobody needs to wait.
    const defaults = { perMessageDeflate: false, closeTimeout: 100 };
    this.socket = new WebSocket(url, protocols, { ...defaults, ...options });
    this.socket.on("message", (message: Buffer) => {
      const data = this.#withoutHandshake(message);
      this.#chunks.push(data);
      this.#bytes += data.length;
      for (const check of this.#changed) check();
    });
    this.#failed = new Promise((resolve) => {
      this.socket.on("error", (error) => resolve(`${url}: ${error.message}`));
    });
    this.closed = new Promise((resolve) => {
      this.socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  /** @throws {Error} if the upgrade is refused, or fails */
  async opened(): Promise<this> {
    if (this.socket.readyState === WebSocket.CONNECTING) {
      const failed = this.#failed.then((why) => Promise.reject(new Error(why)));
      await Promise.race([once(this.socket, "open"), failed]);
    }
    return this;
  }

  /** Waits until that many bytes have come. @returns all that came so far */
  receive(bytes: number): Promise<Buffer> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.#bytes < bytes) return;
        this.#changed.delete(check);
        this.#chunks = [Buffer.concat(this.#chunks)];
        resolve(this.#chunks[0] ?? Buffer.alloc(0));
      };
      this.#changed.add(check);
      check();
    });
  }

  #withoutHandshake(message: Buffer): Buffer {
    if (this.#bytes === 0 && message.toString("latin1") === RFB_GREETING) {
      this.socket.send(message);
      return message;
    }
    const isOffer = this.#bytes === RFB_GREETING.length && !this.#offered;
    if (!isOffer || !message.subarray(0, RAW_OFFER.length).equals(RAW_OFFER)) return message;
    this.#offered = true;
    return message.subarray(RAW_OFFER.length);
  }

  send(data: string | Buffer): void {
    this.socket.send(data);
  }

  close(): Promise<Closing> {
    this.socket.close();
    return this.closed;
  }
}

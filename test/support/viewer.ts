import { once } from "node:events";
import { type ClientOptions, WebSocket } from "ws";

export type Closing = { code: number; reason: string };

/** A viewer without a browser: a plain WebSocket client that remembers what it received. */
export class Viewer {
  readonly socket: WebSocket;
  /** Settles when the socket is closed, however it came to that. */
  readonly closed: Promise<Closing>;
  readonly #failed: Promise<string>;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #changed = new Set<() => void>();

  constructor(url: string, options: ClientOptions = {}, protocols: string[] = []) {
    // workerd keeps the TCP connection of a closed hibernating socket for 10 s; nobody needs to wait.
    const defaults = { perMessageDeflate: false, closeTimeout: 100 };
    this.socket = new WebSocket(url, protocols, { ...defaults, ...options });
    this.socket.on("message", (data: Buffer) => {
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

  send(data: string | Buffer): void {
    this.socket.send(data);
  }

  close(): Promise<Closing> {
    this.socket.close();
    return this.closed;
  }
}

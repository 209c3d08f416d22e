import type { Socket } from "node:net";

/**
 * Reads a socket by lengths instead of by events. What has arrived and is not yet asked for stays
 * in the socket's own buffer, which stops taking from the network when it is full.
 */
export class SocketReader {
  readonly #socket: Socket;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    for (const event of ["readable", "end", "close"]) socket.on(event, () => this.#wake());
  }

  /** The next `count` bytes, 1 or more. Throws if the connection ends before them. */
  async read(count: number): Promise<Buffer> {
    for (;;) {
      const bytes: Buffer | null = this.#socket.read(count);
      // At its end a stream hands out what is left, though it is less than was asked for.
      if (bytes?.length === count) return bytes;
      if (this.#socket.readableEnded || this.#socket.destroyed)
        throw new Error("the client has gone");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

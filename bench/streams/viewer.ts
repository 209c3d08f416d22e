import { performance } from "node:perf_hooks";
import { SentenceError } from "../../scripts/sentence.ts";
import {
  CLIENT_INIT,
  choiceOf,
  ECHO_REQUEST,
  encodeRequest,
  floodRequest,
  GREETING,
  offerOf,
  pixelBytes,
  SECURITY_OK,
  SERVER_INIT,
  type Security,
  UPDATE_HEADER_BYTES,
} from "./rfb.ts";
import { ViewerSocket } from "./viewer-socket.ts";

/** How long a dial, an echo or a whole download may take before the bench gives up. */
const ANSWER_TIMEOUT_MS = 60_000;

/** How long the other side has to answer a close. */
const CLOSE_GRACE_MS = 1_000;

const ECHO = encodeRequest(ECHO_REQUEST);
const ECHO_ANSWER_BYTES = UPDATE_HEADER_BYTES + pixelBytes(ECHO_REQUEST);

/** The viewer, the same for every contender: a WebSocket client that counts what it gets. */
export class Viewer {
  readonly #socket: ViewerSocket;
  readonly #closed: Promise<void>;
  #received = 0;
  #wanted = 0;
  #arrived: () => void = () => {};
  #failed: (error: Error) => void = () => {};

  private constructor(url: string) {
    const closed = Promise.withResolvers<void>();
    this.#closed = closed.promise;
    this.#socket = new ViewerSocket(url, {
      received: (bytes) => {
        this.#received += bytes;
        if (this.#received >= this.#wanted) this.#arrived();
      },
      closed: (why) => {
        closed.resolve();
        this.#failed(new SentenceError(`The viewer was closed ${why}.`));
      },
    });
  }

  /**
   * Connects and shakes hands with the server.
   * @returns the viewer, and the milliseconds from the dial to the first byte of RFB
   */
  static async dial(
    url: string,
    security: Security,
  ): Promise<{ viewer: Viewer; firstByteMs: number }> {
    const startedAt = performance.now();
    const viewer = new Viewer(url);
    await viewer.#receive(1);
    const firstByteMs = performance.now() - startedAt;
    await viewer.#receive(GREETING.length - 1);
    await viewer.#ask(Buffer.from(GREETING), offerOf(security).length);
    await viewer.#ask(choiceOf(security), SECURITY_OK.length);
    await viewer.#ask(CLIENT_INIT, SERVER_INIT.length);
    return { viewer, firstByteMs };
  }

  /** A small request and its answer. @returns milliseconds */
  async echo(): Promise<number> {
    const startedAt = performance.now();
    await this.#ask(ECHO, ECHO_ANSWER_BYTES);
    return performance.now() - startedAt;
  }

  /**
   * Has the server send that many bytes, in writes of that many, and takes them all.
   * @returns milliseconds from the request to the last byte
   */
  async download(bytes: number, writeBytes: number): Promise<number> {
    const startedAt = performance.now();
    const request = encodeRequest(floodRequest(bytes, writeBytes));
    await this.#ask(request, UPDATE_HEADER_BYTES + bytes);
    return performance.now() - startedAt;
  }

  /** Asks for as much and reads nothing of it. */
  stall(bytes: number, writeBytes: number): void {
    this.#socket.pause();
    this.#socket.send(encodeRequest(floodRequest(bytes, writeBytes)));
  }

  /** Says goodbye, or just leaves if nobody answers. */
  async close(): Promise<void> {
    this.#failed = () => {};
    if (this.#socket.isPaused) this.#socket.terminate();
    else this.#socket.close();
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS);
    await this.#closed;
    clearTimeout(timer);
  }

  #ask(request: Buffer, answerBytes: number): Promise<void> {
    this.#socket.send(request);
    return this.#receive(answerBytes);
  }

  /** Waits until so many more bytes have come than were waited for before. */
  #receive(bytes: number): Promise<void> {
    this.#wanted += bytes;
    if (this.#received >= this.#wanted) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const seconds = ANSWER_TIMEOUT_MS / 1000;
        reject(
          new SentenceError(
            `${this.#received} of ${this.#wanted} bytes came to the viewer in ${seconds} s.`,
          ),
        );
      }, ANSWER_TIMEOUT_MS);
      this.#arrived = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#failed = (error) => {
        clearTimeout(timer);
        reject(error);
      };
    });
  }
}

import type { WebSocket } from "ws";
import { ByteReader } from "../../agent/rfb/byte-reader.ts";
import { answerChallenge } from "../../agent/rfb/vnc-auth.ts";

/** RFC 6143, 7.1.1. */
const VERSION = "RFB 003.008\n";

/** A viewer that speaks RFB by hand, over a WebSocket: it says what a test wants, also what no viewer may. */
export class RfbViewer {
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #reader = new ByteReader();

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data: Buffer) => this.#reader.push(data));
    this.closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        this.#reader.end(new Error(`closed with ${code} ${reason}`));
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  /** Sends a message of its own for each. */
  send(...messages: (Buffer | number[] | string)[]): void {
    for (const message of messages) {
      this.socket.send(typeof message === "string" ? Buffer.from(message) : Buffer.from(message));
    }
  }

  /** @throws {Error} if it is closed before that many bytes came */
  read(bytes: number): Promise<Buffer> {
    return this.#reader.read(bytes);
  }

  /** Agrees on RFB 3.8. @returns the security types that are offered */
  async agree(): Promise<number[]> {
    const version = (await this.read(VERSION.length)).toString("latin1");
    if (version !== VERSION) throw new Error(`greeted with ${version}`);
    this.send(VERSION);
    return [...(await this.read((await this.read(1)).readUInt8()))];
  }

  /** Chooses VNC authentication and answers its challenge. @returns the SecurityResult */
  async answerWith(password: string): Promise<number> {
    this.send([2]);
    this.send(answerChallenge(password, await this.read(16)));
    return (await this.read(4)).readUInt32BE();
  }

  /** The words of a refused SecurityResult. */
  async reason(): Promise<string> {
    return (await this.read((await this.read(4)).readUInt32BE())).toString();
  }

  /** Chooses None, which must be all that is offered. */
  async enter(): Promise<void> {
    const types = await this.agree();
    if (types.length !== 1 || types[0] !== 1) throw new Error(`offered the types ${types}`);
    this.send([1]);
    const result = (await this.read(4)).readUInt32BE();
    if (result !== 0) throw new Error(`refused: ${await this.reason()}`);
  }

  /** Says ClientInit. @returns what the ServerInit tells (RFC 6143, 7.3.2) */
  async init(shared = 1): Promise<{ width: number; height: number; name: string }> {
    this.send([shared]);
    const head = await this.read(24);
    const name = (await this.read(head.readUInt32BE(20))).toString();
    return { width: head.readUInt16BE(0), height: head.readUInt16BE(2), name };
  }

  /** The whole handshake without a password. */
  async join(): Promise<{ width: number; height: number; name: string }> {
    await this.enter();
    return this.init();
  }
}

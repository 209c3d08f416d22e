import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/**
 * How much is read at a time, into one buffer for all of a socket's life: it stays in the
 * processor's cache.
 */
const READ_BYTES = 256 * 1024;

/** The end of an HTTP response's head. */
const HEAD_END = "\r\n\r\n";
/** A head is far smaller. */
const MAX_HEAD_BYTES = 16 * 1024;

/** RFC 6455, section 5.2: the opcodes that a viewer meets. */
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const FINAL = 0x80;
const MASKED = 0x80;
/** Before that many bytes of payload a length is one byte; up to it two more follow, then eight. */
const LENGTH_OF_2 = 126;
const LENGTH_OF_8 = 127;
const MASK_BYTES = 4;
/** What a viewer says in one frame is smaller. */
const MAX_SENT_BYTES = 125;

export type ViewerSocketEvents = {
  /** So many bytes of payload came. */
  received(bytes: number): void;
  /** It is over; why, as a sentence part. */
  closed(why: string): void;
};

/**
 * The WebSocket of the bench's viewer: it counts what comes and keeps nothing of it. A general
 * client takes 0.8 s of processor per GB, more than any one process of what is measured; this takes
 * a third of that, the same for every contender.
 */
export class ViewerSocket {
  readonly #socket: Socket;
  readonly #events: ViewerSocketEvents;
  /** The response's head until it is whole; null from then on. */
  #head: Buffer | null = Buffer.alloc(0);
  /** A frame's header as far as it has come. */
  readonly #header = Buffer.alloc(2 + 8);
  #headerBytes = 0;
  #payloadLeft = 0;
  #opcode = 0;
  #why = "without a word";

  /** @param url of scheme `ws:` */
  constructor(url: string, events: ViewerSocketEvents) {
    const { hostname, port, host, pathname, search } = new URL(url);
    this.#events = events;
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const callback = (bytes: number) => {
      this.#read(buffer, bytes);
      return true;
    };
    const onread = { buffer, callback };
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true, onread });
    this.#socket.on("error", (error) => {
      this.#why = error.message;
    });
    this.#socket.on("close", () => events.closed(this.#why));
    const key = randomBytes(16).toString("base64");
    this.#socket.write(
      [
        `GET ${pathname}${search} HTTP/1.1`,
        `Host: ${host}`,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        `Sec-WebSocket-Key: ${key}${HEAD_END}`,
      ].join("\r\n"),
    );
  }

  /** @param payload at most 125 bytes */
  send(payload: Buffer): void {
    this.#sendFrame(BINARY, payload);
  }

  pause(): void {
    this.#socket.pause();
  }

  get isPaused(): boolean {
    return this.#socket.isPaused();
  }

  close(): void {
    const code = Buffer.alloc(2);
    code.writeUInt16BE(1000);
    this.#sendFrame(CLOSE, code);
  }

  terminate(): void {
    this.#socket.destroy();
  }

  #sendFrame(opcode: number, payload: Buffer): void {
    if (payload.length > MAX_SENT_BYTES) throw new RangeError("A viewer says little at a time.");
    // A mask of zeros changes nothing (RFC 6455, 5.3 asks for one of every client).
    const header = Buffer.alloc(2 + MASK_BYTES);
    header[0] = FINAL | opcode;
    header[1] = MASKED | payload.length;
    this.#socket.write(Buffer.concat([header, payload]));
  }

  #read(buffer: Buffer, bytes: number): void {
    let at = 0;
    if (this.#head) {
      at = this.#readHead(buffer.subarray(0, bytes));
      if (this.#head) return;
    }
    let payload = 0;
    while (at < bytes) {
      if (this.#payloadLeft > 0) {
        const part = Math.min(this.#payloadLeft, bytes - at);
        if (this.#opcode < CLOSE) payload += part;
        this.#payloadLeft -= part;
        at += part;
        continue;
      }
      this.#header[this.#headerBytes++] = buffer[at++] ?? 0;
      if (this.#headerBytes < this.#headerSize()) continue;
      this.#headerBytes = 0;
      this.#startFrame();
    }
    if (payload > 0) this.#events.received(payload);
  }

  /** @returns where the frames begin, in the bytes that just came */
  #readHead(came: Buffer): number {
    const before = this.#head?.length ?? 0;
    const head = Buffer.concat([this.#head ?? came, came]);
    const end = head.indexOf(HEAD_END);
    this.#head = head;
    if (end === -1) {
      if (head.length > MAX_HEAD_BYTES) this.#fail("an answer without an end");
      return 0;
    }
    const [status = ""] = head.toString("latin1", 0, end).split("\r\n");
    if (!status.startsWith("HTTP/1.1 101 ")) {
      this.#fail(`"${status}" in answer to the upgrade`);
      return 0;
    }
    this.#head = null;
    return end + HEAD_END.length - before;
  }

  #headerSize(): number {
    if (this.#headerBytes < 2) return 2;
    const length = this.#header[1] ?? 0;
    if (length === LENGTH_OF_2) return 2 + 2;
    return length === LENGTH_OF_8 ? 2 + 8 : 2;
  }

  #startFrame(): void {
    const [first = 0, length = 0] = this.#header;
    this.#opcode = first & 0x0f;
    this.#payloadLeft = length;
    if (length === LENGTH_OF_2) this.#payloadLeft = this.#header.readUInt16BE(2);
    if (length === LENGTH_OF_8) this.#payloadLeft = Number(this.#header.readBigUInt64BE(2));
    // What a ping carries need not come back: nobody here looks at it.
    if (this.#opcode === PING) this.#sendFrame(PONG, Buffer.alloc(0));
    if (this.#opcode === CLOSE) this.#fail("a close");
  }

  #fail(why: string): void {
    this.#why = `with ${why}`;
    this.#socket.destroySoon();
  }
}

import type { Socket } from "node:net";
import type { Viewer } from "./desktop.ts";
import { cursorRect, ENCODING, rectHeader, ZlibStream } from "./encodings.ts";
import type { Framebuffer } from "./framebuffer.ts";
import { type PixelFormat, pixelWriter, SERVER_FORMAT } from "./pixel-format.ts";
import { intersect, type Rect, Region, union } from "./rect.ts";

const FRAMEBUFFER_UPDATE = 0;
const SERVER_CUT_TEXT = 3;

/** What one FramebufferUpdate is made of, with its pixels as they were when it was decided on. */
interface Update {
  encoding: number;
  /** The rectangle of the Cursor pseudo-encoding, where it is due. */
  cursor: Buffer | undefined;
  rects: { rect: Rect; pixels: Buffer }[];
}

/**
 * Sends one client what it asks for, never more: an update goes out when the client has requested
 * one, something has changed, and all that was sent before has left for the network. A client that
 * does not read thus costs at most one update's bytes, however long it stays.
 */
export class UpdateSender implements Viewer {
  readonly #socket: Socket;
  readonly #framebuffer: Framebuffer;
  readonly #zlib = new ZlibStream();
  readonly #damage = new Region();
  #write = pixelWriter(SERVER_FORMAT);
  #encoding: number = ENCODING.raw;
  #takesCursor = false;
  #cursorDue = false;
  /** The area of the requests that are not answered yet. */
  #requested: Rect | undefined;
  /** A full request is answered even where nothing has changed. */
  #answerDue = false;
  #copied: string | undefined;
  #sending = false;

  constructor(socket: Socket, framebuffer: Framebuffer) {
    this.#socket = socket;
    this.#framebuffer = framebuffer;
  }

  setFormat(format: PixelFormat): void {
    this.#write = pixelWriter(format);
    this.#cursorDue = this.#takesCursor;
    this.#pump();
  }

  /** `encoding` is the client's choice; Raw, which every client takes, if it made none. */
  setEncodings(encoding: number | undefined, takesCursor: boolean): void {
    this.#encoding = encoding ?? ENCODING.raw;
    this.#takesCursor = takesCursor;
    this.#cursorDue = takesCursor;
    this.#pump();
  }

  /** A FramebufferUpdateRequest (RFC 6143, 7.5.3). Several unanswered ones are answered as one. */
  request(area: Rect, incremental: boolean): void {
    const inside = intersect(area, this.#framebuffer.bounds);
    if (inside !== undefined) {
      this.#requested = this.#requested === undefined ? inside : union(this.#requested, inside);
      if (!incremental) this.#damage.add(inside);
    }
    if (!incremental) this.#answerDue = true;
    this.#pump();
  }

  damaged(rects: readonly Rect[]): void {
    for (const rect of rects) this.#damage.add(rect);
    this.#pump();
  }

  /** Puts text on the client's clipboard; only the latest is kept for one that does not read. */
  copied(text: string): void {
    this.#copied = text;
    this.#pump();
  }

  close(): void {
    this.#zlib.close();
  }

  #pump(): void {
    if (this.#sending) return;
    // Whatever goes wrong here, the connection is of no more use; its reading ends with it.
    this.#sendAll().catch((error: Error) => this.#socket.destroy(error));
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    while (!this.#socket.destroyed) {
      const message = this.#takeCutText() ?? this.#takeUpdate();
      // Nothing is awaited between seeing that there is nothing to send and saying so.
      if (message === undefined) break;
      const bytes = "rects" in message ? await this.#encode(message) : message;
      await new Promise<unknown>((resolve) => this.#socket.write(bytes, resolve));
    }
    this.#sending = false;
  }

  #takeCutText(): Buffer | undefined {
    if (this.#copied === undefined) return undefined;
    const text = Buffer.from(this.#copied, "latin1");
    this.#copied = undefined;
    const header = Buffer.from([SERVER_CUT_TEXT, 0, 0, 0, 0, 0, 0, 0]);
    header.writeUInt32BE(text.length, 4);
    return Buffer.concat([header, text]);
  }

  #takeUpdate(): Update | undefined {
    const area = this.#requested;
    const changed = area !== undefined && (this.#cursorDue || this.#damage.touches(area));
    if (!changed && !this.#answerDue) return undefined;
    const rects = area === undefined ? [] : this.#damage.take(area);
    const cursor = this.#cursorDue ? cursorRect(this.#write) : undefined;
    this.#requested = undefined;
    this.#answerDue = false;
    this.#cursorDue = false;
    return {
      encoding: this.#encoding,
      cursor,
      rects: rects.map((rect) => ({ rect, pixels: this.#write(this.#framebuffer, rect) })),
    };
  }

  async #encode({ encoding, cursor, rects }: Update): Promise<Buffer> {
    const header = Buffer.from([FRAMEBUFFER_UPDATE, 0, 0, 0]);
    header.writeUInt16BE(rects.length + (cursor === undefined ? 0 : 1), 2);
    const parts = cursor === undefined ? [header] : [header, cursor];
    for (const { rect, pixels } of rects) {
      const body = encoding === ENCODING.zlib ? await this.#zlib.compress(pixels) : pixels;
      parts.push(rectHeader(rect, encoding), body);
    }
    return Buffer.concat(parts);
  }
}

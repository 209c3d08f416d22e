import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { constants, inflateSync } from "node:zlib";
import { SocketReader } from "../../demo/socket-reader.ts";

export const RAW = 0;
export const ZLIB = 6;
export const CURSOR = -239;

interface ReceivedRect {
  x: number;
  y: number;
  width: number;
  height: number;
  encoding: number;
  /** The rectangle's pixels in the client's format; of a cursor, its mask after them. */
  pixels: Buffer;
}

/** An RFB client that writes what it is told to and understands Raw, zlib and Cursor. */
export class TestClient {
  readonly socket: Socket;
  width = 0;
  height = 0;
  bytesPerPixel = 4;
  /** The picture as received so far, in the client's format. */
  picture: Buffer = Buffer.alloc(0);
  readonly #reader: SocketReader;
  #compressed = Buffer.alloc(0);
  #inflated = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.#reader = new SocketReader(socket);
    socket.setNoDelay(true);
    // A connection that the server ends may show as a reset; its "close" is what tests wait for.
    socket.on("error", () => undefined);
  }

  /** A connection before its first byte. */
  static async dial(port: number): Promise<TestClient> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new TestClient(socket);
  }

  /** A connection after its handshake, as RFB 3.8. */
  static async join(port: number): Promise<TestClient> {
    const client = await TestClient.dial(port);
    client.send("RFB 003.008\n", [1], [1]);
    await client.read(12 + 2 + 4);
    const init = await client.read(24);
    await client.read(init.readUInt32BE(20));
    client.width = init.readUInt16BE(0);
    client.height = init.readUInt16BE(2);
    client.picture = Buffer.alloc(client.width * client.height * 4);
    return client;
  }

  send(...parts: (string | readonly number[] | Buffer)[]): void {
    const bytes = parts.map((part) =>
      typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part),
    );
    this.socket.write(Buffer.concat(bytes));
  }

  read(count: number): Promise<Buffer> {
    return this.#reader.read(count);
  }

  /** Resolves when the connection has ended, whatever is still unread. */
  async ended(): Promise<void> {
    // While someone listens for "readable", resume() does nothing.
    this.socket.removeAllListeners("readable").resume();
    if (!this.socket.closed) await once(this.socket, "close");
  }

  async leave(): Promise<void> {
    this.socket.destroy();
    await this.ended();
  }

  setEncodings(...encodings: number[]): void {
    this.send(setEncodings(...encodings));
  }

  request(incremental: boolean, x = 0, y = 0, width = this.width, height = this.height): void {
    this.send(updateRequest(incremental, x, y, width, height));
  }

  /** Asks for the whole picture and takes it. */
  async refresh(): Promise<ReceivedRect[]> {
    this.request(false);
    return this.update();
  }

  /** The next update's rectangles, already in {@link picture}. Other messages fail. */
  async update(): Promise<ReceivedRect[]> {
    const header = await this.read(4);
    if (header[0] !== 0) throw new Error(`message type ${header[0]}, not a FramebufferUpdate`);
    const rects: ReceivedRect[] = [];
    for (let i = 0; i < header.readUInt16BE(2); i++) rects.push(await this.#rect());
    return rects;
  }

  async #rect(): Promise<ReceivedRect> {
    const header = await this.read(12);
    const [x, y] = [header.readUInt16BE(0), header.readUInt16BE(2)];
    const [width, height] = [header.readUInt16BE(4), header.readUInt16BE(6)];
    const encoding = header.readInt32BE(8);
    const length = width * height * this.bytesPerPixel;
    if (encoding === CURSOR) {
      const pixels = await this.read(length + Math.ceil(width / 8) * height);
      return { x, y, width, height, encoding, pixels };
    }
    const pixels = encoding === ZLIB ? await this.#inflate(length) : await this.read(length);
    const rowBytes = width * this.bytesPerPixel;
    for (let row = 0; row < height; row++) {
      const to = ((y + row) * this.width + x) * this.bytesPerPixel;
      pixels.copy(this.picture, to, row * rowBytes, (row + 1) * rowBytes);
    }
    return { x, y, width, height, encoding, pixels };
  }

  /** Inflates the stream from its very beginning each time, so that nothing in it can be wrong. */
  async #inflate(length: number): Promise<Buffer> {
    const chunk = await this.read((await this.read(4)).readUInt32BE());
    this.#compressed = Buffer.concat([this.#compressed, chunk]);
    const all = inflateSync(this.#compressed, { finishFlush: constants.Z_SYNC_FLUSH });
    const fresh = all.subarray(this.#inflated);
    if (fresh.length !== length) throw new Error(`${fresh.length} bytes of pixels, not ${length}`);
    this.#inflated = all.length;
    return fresh;
  }

  /** The pixel as received, in the server's own format. */
  pixel(x: number, y: number): number[] {
    const at = (y * this.width + x) * 4;
    return [...this.picture.subarray(at, at + 3)];
  }
}

export function setEncodings(...encodings: number[]): Buffer {
  const bytes = Buffer.alloc(4 + 4 * encodings.length, 0);
  bytes[0] = 2;
  bytes.writeUInt16BE(encodings.length, 2);
  encodings.forEach((encoding, i) => {
    bytes.writeInt32BE(encoding, 4 + 4 * i);
  });
  return bytes;
}

export function updateRequest(
  incremental: boolean,
  x: number,
  y: number,
  width: number,
  height: number,
): Buffer {
  const bytes = Buffer.from([3, incremental ? 1 : 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  [x, y, width, height].forEach((value, i) => {
    bytes.writeUInt16BE(value, 2 + 2 * i);
  });
  return bytes;
}

export function pointerEvent(buttons: number, x: number, y: number): Buffer {
  return Buffer.from([5, buttons, x >> 8, x & 255, y >> 8, y & 255]);
}

export function keyEvent(down: boolean, keysym: number): Buffer {
  const bytes = Buffer.from([4, down ? 1 : 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeUInt32BE(keysym, 4);
  return bytes;
}

/** A press and release of the key for each character. */
export function typing(text: string): Buffer {
  const keys = Array.from(text, (character) => {
    const keysym = character === "\n" ? 0xff0d : (character.codePointAt(0) ?? 0);
    return [keyEvent(true, keysym), keyEvent(false, keysym)];
  });
  return Buffer.concat(keys.flat());
}

export function cutText(text: string, length = text.length): Buffer {
  const bytes = Buffer.from([6, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeUInt32BE(length, 4);
  return Buffer.concat([bytes, Buffer.from(text, "latin1")]);
}

/** A SetPixelFormat message: bits, endianness, then each colour's bits and shift, red first. */
export function setPixelFormat(
  bitsPerPixel: number,
  bigEndian: boolean,
  bits: readonly [number, number, number],
  shifts: readonly [number, number, number],
): Buffer {
  const bytes = Buffer.alloc(20);
  const depth = bits[0] + bits[1] + bits[2];
  bytes.set([bitsPerPixel, depth, bigEndian ? 1 : 0, 1], 4);
  bits.forEach((count, i) => {
    bytes.writeUInt16BE(2 ** count - 1, 8 + 2 * i);
  });
  bytes.set(shifts, 14);
  return bytes;
}

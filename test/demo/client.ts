import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { constants, inflateSync } from "node:zlib";
import { SocketReader } from "../../demo/socket-reader.ts";
import { setEncodings, updateRequest } from "../support/client-messages.ts";

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

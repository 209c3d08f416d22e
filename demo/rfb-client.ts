import type { Socket } from "node:net";
import type { Desktop, Seat } from "./desktop.ts";
import { ENCODING } from "./encodings.ts";
import { PIXEL_FORMAT_BYTES, readPixelFormat } from "./pixel-format.ts";
import { shakeHands } from "./rfb-handshake.ts";
import { SocketReader } from "./socket-reader.ts";
import { UpdateSender } from "./updates.ts";

/** Longest ClientCutText, in bytes: what TigerVNC takes by default. */
const MAX_CUT_TEXT_BYTES = 256 * 1024;
/** How long a client may take from its connection to the end of the handshake. */
const HANDSHAKE_MS = 10_000;
/** Silence after which the operating system begins to probe whether the client is still there. */
const KEEPALIVE_MS = 30_000;

/** Message types of clients (RFC 6143, 7.5). */
const MESSAGE = {
  setPixelFormat: 0,
  setEncodings: 2,
  framebufferUpdateRequest: 3,
  keyEvent: 4,
  pointerEvent: 5,
  clientCutText: 6,
} as const;

/** Serves one connection until it ends. Resolves, with a sentence on why, when nothing is left of it. */
export async function serveClient(socket: Socket, desktop: Desktop, name: string): Promise<string> {
  const reader = new SocketReader(socket);
  const sender = new UpdateSender(socket, desktop.framebuffer);
  let seat: Seat | undefined;
  // An error closes the socket, which ends the reading; it is looked at there.
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEPALIVE_MS);
  const tooSlow = setTimeout(() => {
    socket.destroy(new Error(`the handshake took longer than ${HANDSHAKE_MS} ms`));
  }, HANDSHAKE_MS);
  try {
    await shakeHands(socket, reader, desktop.framebuffer, name);
    clearTimeout(tooSlow);
    seat = desktop.join(sender);
    for (;;) await takeMessage(reader, sender, seat);
  } catch (error) {
    return (socket.errored ?? (error as Error)).message;
  } finally {
    clearTimeout(tooSlow);
    seat?.leave();
    sender.close();
    // A refused handshake's reason still has to leave; a client that does not read gets no such time.
    if (seat === undefined) socket.destroySoon();
    else socket.destroy();
    await closed;
  }
}

/** Reads one message and does what it says. */
async function takeMessage(reader: SocketReader, sender: UpdateSender, seat: Seat): Promise<void> {
  const type = (await reader.read(1)).readUInt8();
  switch (type) {
    case MESSAGE.setPixelFormat: {
      const body = await reader.read(3 + PIXEL_FORMAT_BYTES);
      const format = readPixelFormat(body.subarray(3));
      if (format === undefined) {
        throw new Error("it asked for a pixel format other than true colour in 8, 16 or 32 bits");
      }
      return sender.setFormat(format);
    }
    case MESSAGE.setEncodings: {
      const count = (await reader.read(3)).readUInt16BE(1);
      let preferred: number | undefined;
      let cursor = false;
      for (let i = 0; i < count; i++) {
        const encoding = (await reader.read(4)).readInt32BE();
        // They come in the client's order of preference.
        if (encoding === ENCODING.raw || encoding === ENCODING.zlib) preferred ??= encoding;
        if (encoding === ENCODING.cursor) cursor = true;
      }
      return sender.setEncodings(preferred, cursor);
    }
    case MESSAGE.framebufferUpdateRequest: {
      const body = await reader.read(9);
      const [x, y] = [body.readUInt16BE(1), body.readUInt16BE(3)];
      const [width, height] = [body.readUInt16BE(5), body.readUInt16BE(7)];
      return sender.request({ x, y, width, height }, body.readUInt8(0) !== 0);
    }
    case MESSAGE.keyEvent: {
      const body = await reader.read(7);
      return seat.key(body.readUInt8(0) !== 0, body.readUInt32BE(3));
    }
    case MESSAGE.pointerEvent: {
      const body = await reader.read(5);
      return seat.pointer(body.readUInt16BE(1), body.readUInt16BE(3), body.readUInt8(0));
    }
    case MESSAGE.clientCutText: {
      const length = (await reader.read(7)).readUInt32BE(3);
      if (length > MAX_CUT_TEXT_BYTES) {
        throw new Error(`its cut text of ${length} bytes is longer than ${MAX_CUT_TEXT_BYTES}`);
      }
      const text = length === 0 ? "" : (await reader.read(length)).toString("latin1");
      return seat.clipboard(text);
    }
    default:
      throw new Error(`it sent a message of type ${type}, which is unknown here`);
  }
}

/**
 * What the bench's viewer and its server say to each other, through whatever lies between: RFB 3.8
 * (RFC 6143), since what lies between may look into it. Every request of the viewer is a
 * FramebufferUpdateRequest; the server answers with an update of one raw rectangle.
 */

/** Section 7.1.1. */
export const GREETING = "RFB 003.008\n";

/**
 * Section 7.1.2: one security type is offered, and the viewer picks it: None, or one that nobody
 * speaks, which Porthole's agent passes through unseen.
 */
export type Security = "none" | "unknown";
const SECURITY_TYPES: Record<Security, number> = { none: 1, unknown: 200 };
export const offerOf = (security: Security) => Buffer.from([1, SECURITY_TYPES[security]]);
export const choiceOf = (security: Security) => Buffer.from([SECURITY_TYPES[security]]);

/** Section 7.1.3. */
export const SECURITY_OK = Buffer.alloc(4);

/** Section 7.3.1: share the desktop with others. */
export const CLIENT_INIT = Buffer.from([1]);

/** Section 7.3.2: a screen of 1x1 pixel of 32 bits, without a name. The requests do not heed it. */
export const SERVER_INIT = Buffer.from(
  "0001000120180001" + "00ff00ff00ff" + "100800" + "000000" + "00000000",
  "hex",
);

const FRAMEBUFFER_UPDATE_REQUEST = 3;

/** Bytes of a FramebufferUpdateRequest (section 7.5.3). */
export const REQUEST_BYTES = 10;

/** Bytes before the pixels of an update with one rectangle (sections 7.6.1 and 7.7). */
export const UPDATE_HEADER_BYTES = 16;

const PIXEL_BYTES = 4;

/** A wide line, so that the 16 bits of a height are enough for a flood. */
const LINE_PIXELS = 10_000;

/** A flood's size is a multiple of this. */
export const LINE_BYTES = LINE_PIXELS * PIXEL_BYTES;

/** The most that the server writes at a time. */
export const MAX_WRITE_BYTES = 64 * 1024;

/** A rectangle of so many pixels is wanted, in writes of `writeBytes`, a multiple of 4. */
export type UpdateRequest = { width: number; height: number; writeBytes: number };

/** The request for a small update: 4 pixels, 32 bytes with its header. */
export const ECHO_REQUEST: UpdateRequest = { width: 2, height: 2, writeBytes: 16 };

/**
 * The request for a big update.
 * @param bytes of pixels, a multiple of {@link LINE_BYTES}
 * @param writeBytes how much the server hands to the kernel at a time, a multiple of 4
 */
export function floodRequest(bytes: number, writeBytes: number): UpdateRequest {
  return { width: LINE_PIXELS, height: bytes / LINE_BYTES, writeBytes };
}

/** Bytes of a request's pixels. */
export function pixelBytes({ width, height }: UpdateRequest): number {
  return width * height * PIXEL_BYTES;
}

/** The size of the writes travels as the rectangle's x, in pixels. */
export function encodeRequest({ width, height, writeBytes }: UpdateRequest): Buffer {
  const encoded = Buffer.alloc(REQUEST_BYTES);
  encoded[0] = FRAMEBUFFER_UPDATE_REQUEST;
  encoded.writeUInt16BE(writeBytes / PIXEL_BYTES, 2);
  encoded.writeUInt16BE(width, 6);
  encoded.writeUInt16BE(height, 8);
  return encoded;
}

/** @throws {Error} on bytes that are no request: something between the two changed them */
export function decodeRequest(encoded: Buffer): UpdateRequest {
  const writeBytes = encoded.readUInt16BE(2) * PIXEL_BYTES;
  if (encoded[0] !== FRAMEBUFFER_UPDATE_REQUEST || writeBytes < 1 || writeBytes > MAX_WRITE_BYTES) {
    throw new Error(`The load server got bytes that are no request: ${encoded.toString("hex")}.`);
  }
  return { width: encoded.readUInt16BE(6), height: encoded.readUInt16BE(8), writeBytes };
}

/** The header of the update that answers a request: one rectangle in the encoding Raw, 0. */
export function updateHeader({ width, height, writeBytes }: UpdateRequest): Buffer {
  const header = Buffer.alloc(UPDATE_HEADER_BYTES);
  header.writeUInt16BE(1, 2);
  header.writeUInt16BE(writeBytes / PIXEL_BYTES, 4);
  header.writeUInt16BE(width, 8);
  header.writeUInt16BE(height, 10);
  return header;
}

import type { Framebuffer } from "./framebuffer.ts";
import type { Rect } from "./rect.ts";

/** Bytes of a PIXEL_FORMAT (RFC 6143, 7.4). */
export const PIXEL_FORMAT_BYTES = 16;

/** How a client wants its pixels: a PIXEL_FORMAT of RFC 6143, 7.4, always with true colour. */
export interface PixelFormat {
  bitsPerPixel: 8 | 16 | 32;
  depth: number;
  bigEndian: boolean;
  /** The largest value of each colour: 2^n - 1. */
  max: Channels;
  /** How far each colour's value is shifted to the left. */
  shift: Channels;
}

interface Channels {
  red: number;
  green: number;
  blue: number;
}

/** The server's own format, the same bytes as a framebuffer's: red, green, blue, 0. */
export const SERVER_FORMAT: PixelFormat = {
  bitsPerPixel: 32,
  depth: 24,
  bigEndian: false,
  max: { red: 255, green: 255, blue: 255 },
  shift: { red: 0, green: 8, blue: 16 },
};

/** The format's 16 bytes. */
export function writePixelFormat(format: PixelFormat): Buffer {
  const bytes = Buffer.alloc(PIXEL_FORMAT_BYTES);
  const { max, shift } = format;
  bytes.set([format.bitsPerPixel, format.depth, format.bigEndian ? 1 : 0, 1]);
  bytes.writeUInt16BE(max.red, 4);
  bytes.writeUInt16BE(max.green, 6);
  bytes.writeUInt16BE(max.blue, 8);
  bytes.set([shift.red, shift.green, shift.blue], 10);
  return bytes;
}

/** Reads a format's 16 bytes. Undefined for a colour map, and for what no pixel can be written in. */
export function readPixelFormat(bytes: Buffer): PixelFormat | undefined {
  const bitsPerPixel = bytes.readUInt8(0);
  if (bitsPerPixel !== 8 && bitsPerPixel !== 16 && bitsPerPixel !== 32) return undefined;
  const trueColor = bytes.readUInt8(3) !== 0;
  const max = {
    red: bytes.readUInt16BE(4),
    green: bytes.readUInt16BE(6),
    blue: bytes.readUInt16BE(8),
  };
  const shift = { red: bytes.readUInt8(10), green: bytes.readUInt8(11), blue: bytes.readUInt8(12) };
  const fits = (["red", "green", "blue"] as const).every((channel) => {
    const bits = Math.log2(max[channel] + 1);
    return bits > 0 && Number.isInteger(bits) && shift[channel] + bits <= bitsPerPixel;
  });
  if (!trueColor || !fits) return undefined;
  const bigEndian = bytes.readUInt8(2) !== 0;
  return { bitsPerPixel, depth: bytes.readUInt8(1), bigEndian, max, shift };
}

/** Writes a rectangle's pixels in some format, row by row without gaps. */
export type PixelWriter = (source: Framebuffer, rect: Rect) => Buffer;

/** A writer for this format. The rectangle must lie within the framebuffer. */
export function pixelWriter(format: PixelFormat): PixelWriter {
  if (writePixelFormat(format).equals(writePixelFormat(SERVER_FORMAT))) return copyPixels;

  const { bitsPerPixel, bigEndian, max, shift } = format;
  const bytesPerPixel = bitsPerPixel / 8;
  const values = (channel: keyof Channels) =>
    Uint32Array.from({ length: 256 }, (_, value) => {
      return Math.round((value * max[channel]) / 255) << shift[channel];
    });
  const [red, green, blue] = [values("red"), values("green"), values("blue")];

  return (source, rect) => {
    const bytes = Buffer.alloc(rect.width * rect.height * bytesPerPixel);
    let to = 0;
    for (let y = rect.y; y < rect.y + rect.height; y++) {
      let from = (y * source.width + rect.x) * 4;
      for (let x = 0; x < rect.width; x++) {
        const [r = 0, g = 0, b = 0] = [
          source.pixels[from],
          source.pixels[from + 1],
          source.pixels[from + 2],
        ];
        from += 4;
        const value = (red[r] ?? 0) | (green[g] ?? 0) | (blue[b] ?? 0);
        for (let i = 0; i < bytesPerPixel; i++) {
          bytes[to++] = value >>> (8 * (bigEndian ? bytesPerPixel - 1 - i : i));
        }
      }
    }
    return bytes;
  };
}

function copyPixels(source: Framebuffer, rect: Rect): Buffer {
  const bytes = Buffer.alloc(rect.width * rect.height * 4);
  for (let row = 0; row < rect.height; row++) {
    const from = ((rect.y + row) * source.width + rect.x) * 4;
    bytes.set(source.pixels.subarray(from, from + rect.width * 4), row * rect.width * 4);
  }
  return bytes;
}

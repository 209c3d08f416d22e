/** Client messages of RFB as a test says them (RFC 6143, 7.5, and rfbproto). */

export function setEncodings(...encodings: number[]): Buffer {
  const bytes = Buffer.alloc(4 + 4 * encodings.length);
  bytes.writeUInt8(2, 0);
  bytes.writeUInt16BE(encodings.length, 2);
  for (const [n, encoding] of encodings.entries()) bytes.writeInt32BE(encoding, 4 + 4 * n);
  return bytes;
}

export function updateRequest(incremental: boolean, x = 0, y = 0, width = 64, height = 48): Buffer {
  const bytes = Buffer.from([3, incremental ? 1 : 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  for (const [n, value] of [x, y, width, height].entries()) bytes.writeUInt16BE(value, 2 + 2 * n);
  return bytes;
}

export function keyEvent(down: boolean, keysym: number): Buffer {
  const bytes = Buffer.from([4, down ? 1 : 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeUInt32BE(keysym, 4);
  return bytes;
}

export function qemuKeyEvent(down: boolean, keysym: number, keycode: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.set([255, 0, 0, down ? 1 : 0]);
  bytes.writeUInt32BE(keysym, 4);
  bytes.writeUInt32BE(keycode, 8);
  return bytes;
}

export function pointerEvent(buttons: number, x: number, y: number): Buffer {
  return Buffer.from([5, buttons, x >> 8, x & 255, y >> 8, y & 255]);
}

/** A press and release of the key for each character. */
export function typing(text: string): Buffer {
  const keys = Array.from(text, (character) => {
    const keysym = character === "\n" ? 0xff0d : (character.codePointAt(0) ?? 0);
    return [keyEvent(true, keysym), keyEvent(false, keysym)];
  });
  return Buffer.concat(keys.flat());
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

/** @param length the length that it claims, in place of the text's own */
export function cutText(text: string | Buffer, length = text.length): Buffer {
  const head = Buffer.from([6, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(length >>> 0, 4);
  return Buffer.concat([head, typeof text === "string" ? Buffer.from(text, "latin1") : text]);
}

/** Extended clipboard: a negative length, then flags, then data. */
export function extendedCutText(flags: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const body = Buffer.alloc(4);
  body.writeUInt32BE(flags >>> 0);
  return cutText(Buffer.concat([body, data]), -(4 + data.length));
}

export function fence(payload: Buffer, length = payload.length): Buffer {
  return Buffer.concat([Buffer.from([248, 0, 0, 0, 0, 0, 0, 0, length]), payload]);
}

export function setDesktopSize(screens: number): Buffer {
  return Buffer.concat([Buffer.from([251, 0, 2, 0, 1, 0, screens, 0]), Buffer.alloc(16 * screens)]);
}

export const enableContinuousUpdates = Buffer.from([150, 1, 0, 0, 0, 0, 0, 64, 0, 48]);
export const xvp = Buffer.from([250, 0, 1, 2]);

/** Pseudo-encodings (rfbproto). */
export const PSEUDO = {
  extendedMouseButtons: -316,
  extendedClipboard: 0xc0a1e5ce | 0,
  qemuKey: -258,
  extendedDesktopSize: -308,
  xvp: -309,
  fence: -312,
  continuousUpdates: -313,
  desktopSize: -223,
} as const;

/** Pseudo-encodings by which a client offers what changes its messages (rfbproto). */
export const Encoding = {
  /** A PointerEvent whose mask has bit 7 set is one byte longer. */
  extendedMouseButtons: -316,
  /** A ClientCutText can have a negative length. */
  extendedClipboard: 0xc0a1e5ce | 0,
  qemuExtendedKey: -258,
  xvp: -309,
} as const;

/**
 * Encodings, from and to, that say how a picture comes or what else the server tells. None gives a
 * client's message another length or meaning (RFC 6143, 7.7 and 7.8, and rfbproto).
 */
const HARMLESS: readonly (readonly [from: number, to: number])[] = [
  [0, 8], // Raw, CopyRect, RRE, CoRRE, Hextile, zlib, Tight, zlibhex
  [15, 24], // TRLE, ZRLE, JPEG and others
  [50, 50], // H.264
  [-32, -23], // quality of JPEG
  [-224, -223], // the last rectangle; the desktop's size
  [-232, -232], // where the pointer is
  [-240, -239], // cursors
  [-256, -247], // compression
  [-261, -260], // LEDs of the keyboard; Tight with PNG
  [-307, -307], // the desktop's name
  [-314, -312], // fence and continuous updates, whose messages have one form; cursors
  [-512, -412], // quality in finer steps
  [-768, -763], // subsampling
  [0x574d5664, 0x574d5664], // VMware's cursor
];

/** Whether an encoding is known to leave the client's messages as they are. */
export function isHarmless(encoding: number): boolean {
  return HARMLESS.some(([from, to]) => encoding >= from && encoding <= to);
}

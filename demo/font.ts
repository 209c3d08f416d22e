import { inflateRawSync } from "node:zlib";
import { FONT_ATLAS } from "./font-atlas.ts";
import type { Color, Framebuffer } from "./framebuffer.ts";

interface Glyph {
  /** How far the pen moves, in pixels. */
  advance: number;
  /** From the pen on the baseline to the mask's top left pixel. */
  left: number;
  top: number;
  width: number;
  height: number;
  /** One byte a pixel, 255 is opaque. */
  mask: Uint8Array;
}

/** Glyphs of one font at one size, by character code. */
export type Face = ReadonlyMap<number, Glyph>;

/** Reads the format that demo/font-atlas.ts describes. */
function readFace(base64: string): Face {
  const bytes = new Uint8Array(inflateRawSync(Buffer.from(base64, "base64")));
  const face = new Map<number, Glyph>();
  for (let at = 0; at < bytes.length; ) {
    const [code = 0, advance = 0, left = 0, top = 0, width = 0, height = 0] = bytes.subarray(at);
    const mask = bytes.subarray(at + 6, at + 6 + width * height);
    face.set(code, { advance, left: left - 128, top: top - 128, width, height, mask });
    at += 6 + mask.length;
  }
  return face;
}

/** The faces there are: `large` has only the digits, the colon and the letters of "Porthole". */
export const FACES = {
  ui: readFace(FONT_ATLAS.ui),
  bold: readFace(FONT_ATLAS.bold),
  note: readFace(FONT_ATLAS.note),
  large: readFace(FONT_ATLAS.large),
};

/** The text's width in pixels. Characters that the face lacks have none. */
export function textWidth(face: Face, text: string): number {
  let width = 0;
  for (const character of text) width += face.get(character.codePointAt(0) ?? 0)?.advance ?? 0;
  return width;
}

/** Draws one line of text, from `x` to the right, on the baseline above pixel row `y`. */
export function drawText(
  target: Framebuffer,
  face: Face,
  x: number,
  y: number,
  text: string,
  color: Color,
): void {
  let pen = x;
  for (const character of text) {
    const glyph = face.get(character.codePointAt(0) ?? 0);
    if (glyph === undefined) continue;
    const { width, height, mask } = glyph;
    target.fillMask({ x: pen + glyph.left, y: y + glyph.top, width, height }, mask, color);
    pen += glyph.advance;
  }
}

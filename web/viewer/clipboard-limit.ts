import { MAX_CLIPBOARD_BYTES } from "../../protocol/limits.ts";

/**
 * Why a text is too long to be sent, in a sentence; null if it is not. The host would skip it, and
 * say nothing. Measured as noVNC sends it where the server takes Unicode: UTF-8 with CR LF, and a
 * zero at its end.
 */
export function tooLongSentence(text: string): string | null {
  const bytes = new TextEncoder().encode(text.replace(/\r?\n/g, "\r\n")).length + 1;
  if (bytes <= MAX_CLIPBOARD_BYTES) return null;
  const [is, may] = [bytes, MAX_CLIPBOARD_BYTES].map((size) => Math.ceil(size / 1024));
  return `This text has ${is} KiB; ${may} KiB can be sent at once. Send it in parts.`;
}

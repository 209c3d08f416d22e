import { type Face, textWidth } from "./font.ts";

/** A line as it is shown: characters `start` to `end` of the text, the line break not included. */
export interface Line {
  start: number;
  end: number;
}

/** Breaks the text into lines of at most `width` pixels: after a space where there is one. */
export function layOut(face: Face, text: string, width: number): Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (const paragraph of text.split("\n")) {
    const end = start + paragraph.length;
    let lineStart = start;
    let used = 0;
    let breakAt = start;
    for (let i = start; i < end; i++) {
      const character = text.charAt(i);
      used += textWidth(face, character);
      if (character === " ") {
        // A space at the end of a full line hangs over the margin unseen.
        breakAt = i + 1;
      } else if (used > width && i > lineStart) {
        const lineEnd = breakAt > lineStart ? breakAt : i;
        lines.push({ start: lineStart, end: lineEnd });
        lineStart = lineEnd;
        used = textWidth(face, text.slice(lineStart, i + 1));
      }
    }
    lines.push({ start: lineStart, end });
    start = end + 1;
  }
  return lines;
}

/** The number of the line that shows the caret before character `index`. */
export function lineOf(lines: readonly Line[], index: number): number {
  const after = lines.findIndex((line) => line.start > index);
  return (after < 0 ? lines.length : after) - 1;
}

/** The caret position on a line that is nearest to `x` pixels from the line's left. */
export function indexAt(face: Face, text: string, line: Line, x: number): number {
  let left = 0;
  for (let i = line.start; i < line.end; i++) {
    const advance = textWidth(face, text.charAt(i));
    if (x < left + advance / 2) return i;
    left += advance;
  }
  return line.end;
}

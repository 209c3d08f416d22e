import { drawText, FACES, textWidth } from "./font.ts";
import type { Framebuffer } from "./framebuffer.ts";
import { KEY, keysymCharacter } from "./keysyms.ts";
import type { Rect } from "./rect.ts";
import { indexAt, type Line, layOut, lineOf } from "./text-layout.ts";
import { THEME } from "./theme.ts";
import { DesktopWindow, type Gesture } from "./window.ts";

/** Longest text that the notepad takes; what is typed beyond it is ignored. */
const MAX_NOTE_CHARACTERS = 4_000;

const LINE_HEIGHT = 24;
const BASELINE = 17;
const PADDING = 18;
const HINT = "Type here. Everyone who watches will see it.";
const FACE = FACES.note;

/** Type into it: one text and one caret, which everyone shares. */
export class NotepadWindow extends DesktopWindow {
  #text = "";
  #caret = 0;
  #lines: Line[] = [{ start: 0, end: 0 }];
  /** The first line that is shown. */
  #scroll = 0;

  constructor(bounds: Rect, invalidate: (rect: Rect) => void) {
    super("Notepad", THEME.paper, bounds, invalidate);
  }

  get text(): string {
    return this.#text;
  }

  /** Where on the desktop the text is. */
  get paper(): Rect {
    const { x, y, width, height } = this.content;
    const rows = Math.max(1, Math.floor((height - PADDING) / LINE_HEIGHT));
    return { x: x + PADDING, y: y + 8, width: width - 2 * PADDING, height: rows * LINE_HEIGHT };
  }

  /** A click sets the caret. */
  override press(x: number, y: number): Gesture | undefined {
    const row = this.#scroll + Math.floor((y - this.paper.y) / LINE_HEIGHT);
    const line = this.#lines[Math.min(Math.max(row, 0), this.#lines.length - 1)];
    if (line !== undefined) this.#change(this.#text, this.#caretAt(line, x - this.paper.x));
    return undefined;
  }

  /** Types or moves as the key says; other keys do nothing. */
  key(keysym: number): void {
    const line = lineOf(this.#lines, this.#caret);
    switch (keysym) {
      case KEY.backspace:
        return this.#replace(this.#caret - 1, this.#caret, "");
      case KEY.delete:
        return this.#replace(this.#caret, this.#caret + 1, "");
      case KEY.enter:
      case KEY.keypadEnter:
        return this.insert("\n");
      case KEY.tab:
        return this.insert("  ");
      case KEY.left:
        return this.#change(this.#text, this.#caret - 1);
      case KEY.right:
        return this.#change(this.#text, this.#caret + 1);
      case KEY.up:
        return this.#toLine(line - 1);
      case KEY.down:
        return this.#toLine(line + 1);
      case KEY.home:
        return this.#change(this.#text, this.#lines[line]?.start ?? 0);
      case KEY.end:
        return this.#change(this.#text, this.#endOf(this.#lines[line]));
    }
    const character = keysymCharacter(keysym);
    if (character !== undefined) this.insert(character);
  }

  /** Puts text in at the caret: line breaks and what the font can show, as far as there is room. */
  insert(text: string): void {
    const room = MAX_NOTE_CHARACTERS - this.#text.length;
    const shown = Array.from(text.slice(0, MAX_NOTE_CHARACTERS))
      .filter((character) => character === "\n" || FACE.has(character.codePointAt(0) ?? 0))
      .slice(0, room);
    this.#replace(this.#caret, this.#caret, shown.join(""));
  }

  #replace(from: number, to: number, text: string): void {
    const before = this.#text.slice(0, Math.max(0, from));
    this.#change(before + text + this.#text.slice(to), before.length + text.length);
  }

  /** The last caret position that is shown on this line: a wrapped line's end is the next's start. */
  #endOf(line: Line | undefined): number {
    if (line === undefined) return 0;
    const wrapped = line.end < this.#text.length && this.#text.charAt(line.end) !== "\n";
    return wrapped ? line.end - 1 : line.end;
  }

  #caretAt(line: Line, x: number): number {
    return Math.min(indexAt(FACE, this.#text, line, x), this.#endOf(line));
  }

  #toLine(number: number): void {
    const line = this.#lines[number];
    const from = this.#lines[lineOf(this.#lines, this.#caret)]?.start ?? 0;
    const x = textWidth(FACE, this.#text.slice(from, this.#caret));
    if (line !== undefined) this.#change(this.#text, this.#caretAt(line, x));
  }

  /** Sets text and caret, and asks for the rows that look different to be drawn again. */
  #change(text: string, caret: number): void {
    const before = this.#rows();
    if (text !== this.#text) this.#lines = layOut(FACE, text, this.paper.width);
    this.#text = text;
    this.#caret = Math.min(Math.max(caret, 0), text.length);
    const rows = this.paper.height / LINE_HEIGHT;
    const line = lineOf(this.#lines, this.#caret);
    const lowest = Math.min(line, Math.max(0, this.#lines.length - rows));
    this.#scroll = Math.max(line - rows + 1, Math.min(this.#scroll, lowest));
    this.#rows().forEach((row, i) => {
      if (row === before[i]) return;
      const { x, y } = this.content;
      const top = this.paper.y - y + i * LINE_HEIGHT;
      this.invalidate({ x, y: y + top, width: this.content.width, height: LINE_HEIGHT });
    });
  }

  /** What each row shows, as text that differs when the row looks different. */
  #rows(): string[] {
    const caretLine = lineOf(this.#lines, this.#caret);
    return Array.from({ length: this.paper.height / LINE_HEIGHT }, (_, row) => {
      const number = this.#scroll + row;
      const line = this.#lines[number];
      if (line === undefined) return "";
      const text = this.#text.slice(line.start, line.end);
      const hint = this.#text === "" ? HINT : "";
      return `${text}|${number === caretLine ? this.#caret - line.start : ""}|${hint}`;
    });
  }

  protected override drawContent(target: Framebuffer): void {
    const { x, y, width, height } = this.paper;
    for (let row = LINE_HEIGHT; row <= height; row += LINE_HEIGHT) {
      target.fillRect({ x, y: y + row - 2, width, height: 1 }, 0xe6e9e6);
    }
    const last = this.#scroll + height / LINE_HEIGHT;
    this.#lines.slice(this.#scroll, last).forEach((line, row) => {
      const text = this.#text.slice(line.start, line.end);
      drawText(target, FACE, x, y + row * LINE_HEIGHT + BASELINE, text, THEME.ink);
    });
    if (this.#text === "") drawText(target, FACE, x + 4, y + BASELINE, HINT, THEME.muted);
    this.#drawCaret(target);
  }

  #drawCaret(target: Framebuffer): void {
    const { x, y, width } = this.paper;
    const number = lineOf(this.#lines, this.#caret);
    const before = this.#text.slice(this.#lines[number]?.start ?? 0, this.#caret);
    const left = Math.min(textWidth(FACE, before), width);
    const top = y + (number - this.#scroll) * LINE_HEIGHT + 2;
    target.fillRect({ x: x + left - 1, y: top, width: 2, height: LINE_HEIGHT - 5 }, THEME.accent);
  }
}

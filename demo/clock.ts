import { drawText, FACES, textWidth } from "./font.ts";
import type { Color, Framebuffer, Point } from "./framebuffer.ts";
import { intersect, type Rect } from "./rect.ts";
import { THEME } from "./theme.ts";

const PANEL = { width: 392, height: 148 };
const FACE_RADIUS = 52;
const CORNER_RADIUS = 14;

const dateFormat = new Intl.DateTimeFormat("en-GB", { dateStyle: "full" });
const timeFormat = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** The title panel: the desktop's name and the time of day, as digits and as a clock face. */
export class ClockPanel {
  readonly bounds: Rect;
  readonly #name: string;
  readonly #invalidate: (rect: Rect) => void;
  #date = new Date(0);
  #time = "";

  constructor(x: number, y: number, name: string, invalidate: (rect: Rect) => void) {
    this.bounds = { x, y, ...PANEL };
    this.#name = name;
    this.#invalidate = invalidate;
  }

  get #face(): Point {
    return { x: this.bounds.x + 74, y: this.bounds.y + PANEL.height / 2 };
  }

  get #textX(): number {
    return this.bounds.x + 152;
  }

  /** Shows this time, in the machine's own time zone. Nothing changes within one second. */
  show(date: Date): void {
    const time = timeFormat.format(date);
    if (time === this.#time && date.getDate() === this.#date.getDate()) return;
    const sameDay = dateFormat.format(date) === dateFormat.format(this.#date);
    const same = Array.from(time).findIndex((digit, i) => digit !== this.#time[i]);
    const kept = textWidth(FACES.large, time.slice(0, Math.max(0, same)));
    this.#date = date;
    this.#time = time;
    if (!sameDay) return this.#invalidate(this.bounds);

    const { x, y, width } = this.bounds;
    const left = this.#textX + kept;
    this.#invalidate({ x: left, y: y + 48, width: x + width - left, height: 44 });
    const side = FACE_RADIUS * 2;
    const { x: faceX, y: faceY } = this.#face;
    this.#invalidate({ x: faceX - FACE_RADIUS, y: faceY - FACE_RADIUS, width: side, height: side });
  }

  draw(target: Framebuffer, area: Rect): void {
    if (intersect(area, this.bounds) === undefined) return;
    const { y } = this.bounds;
    target.fillRoundedRect(this.bounds, CORNER_RADIUS, THEME.night, 0.55);
    drawText(target, FACES.bold, this.#textX + 2, y + 38, this.#name, THEME.brass);
    drawText(target, FACES.large, this.#textX, y + 87, this.#time, THEME.onDark);
    const date = dateFormat.format(this.#date);
    drawText(target, FACES.ui, this.#textX + 2, y + 114, date, THEME.onDarkMuted);
    this.#drawFace(target);
  }

  #drawFace(target: Framebuffer): void {
    const center = this.#face;
    target.fillCircle(center, FACE_RADIUS - 1, THEME.paper);
    target.strokeCircle(center, FACE_RADIUS - 2.5, 3, THEME.brass);
    for (let hour = 0; hour < 12; hour++) {
      const length = hour % 3 === 0 ? 7 : 3;
      const from = onDial(center, hour / 12, FACE_RADIUS - 8 - length);
      const to = onDial(center, hour / 12, FACE_RADIUS - 8);
      target.strokePath([from, to], hour % 3 === 0 ? 1.1 : 0.8, THEME.ink);
    }
    const seconds = this.#date.getSeconds() / 60;
    const minutes = (this.#date.getMinutes() + seconds) / 60;
    const hours = (this.#date.getHours() + minutes) / 12;
    hand(target, center, hours, 26, 2, THEME.ink);
    hand(target, center, minutes, 37, 1.4, THEME.ink);
    hand(target, center, seconds, 40, 0.7, THEME.accent);
    target.fillCircle(center, 3, THEME.accent);
  }
}

/** The place at a part of the way round the dial, clockwise from the top. */
function onDial(center: Point, turn: number, radius: number): Point {
  const angle = turn * 2 * Math.PI;
  return { x: center.x + radius * Math.sin(angle), y: center.y - radius * Math.cos(angle) };
}

function hand(
  target: Framebuffer,
  center: Point,
  turn: number,
  length: number,
  radius: number,
  color: Color,
): void {
  target.strokePath([onDial(center, turn, -7), onDial(center, turn, length)], radius, color);
}

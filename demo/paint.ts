import { drawText, FACES, textWidth } from "./font.ts";
import { type Color, Framebuffer, length, type Point, pathBounds } from "./framebuffer.ts";
import { contains, intersect, type Rect } from "./rect.ts";
import { THEME } from "./theme.ts";
import { DesktopWindow, type Gesture } from "./window.ts";

const TOOLBAR_HEIGHT = 46;
const MARGIN = 10;
const COLORS: readonly Color[] = [
  0x20323f, 0x1f6f8f, 0x3fa7a0, 0x6aa84f, 0xf0b93a, 0xe8804a, 0xd9573f, 0x8c5aa8,
];
const SWATCH_STEP = 30;
/** Radii of the brushes, in pixels. */
const BRUSHES = [1.2, 3, 7];
const BRUSH_STEP = 30;
const CLEAR = { label: "Clear", width: 62, height: 26 };
/** Straight pieces that a curve between two pointer positions is drawn with. */
const CURVE_PIECES = 8;

/** A sketch to begin with, in parts of the canvas's size: colour, then a curve's points. */
const SKETCH: readonly { color: Color; points: readonly (readonly [number, number])[] }[] = [
  { color: 0x1f6f8f, points: wave(0.8) },
  { color: 0x3fa7a0, points: wave(0.87) },
  {
    color: 0x20323f,
    points: [
      [0.36, 0.67],
      [0.39, 0.77],
      [0.48, 0.77],
      [0.57, 0.77],
      [0.6, 0.67],
    ],
  },
  {
    color: 0x20323f,
    points: [
      [0.36, 0.67],
      [0.48, 0.665],
      [0.6, 0.67],
    ],
  },
  {
    color: 0x20323f,
    points: [
      [0.48, 0.66],
      [0.48, 0.45],
      [0.48, 0.24],
    ],
  },
  {
    color: 0xd9573f,
    points: [
      [0.49, 0.26],
      [0.55, 0.42],
      [0.6, 0.6],
      [0.55, 0.6],
      [0.49, 0.61],
    ],
  },
  {
    color: 0xf0b93a,
    points: [
      [0.47, 0.32],
      [0.42, 0.46],
      [0.37, 0.59],
      [0.42, 0.6],
      [0.47, 0.61],
    ],
  },
];

function wave(level: number): [number, number][] {
  const crest = (i: number) => level + (i % 2 === 0 ? -0.012 : 0.022);
  return Array.from({ length: 23 }, (_, i) => [0.06 + i * 0.04, crest(i)]);
}

function middle(a: Point, b: Point): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

/** The quadratic Bézier curve from one point to another, bent towards `control`. */
function curve(from: Point, control: Point, to: Point): Point[] {
  return Array.from({ length: CURVE_PIECES + 1 }, (_, i) => {
    const t = i / CURVE_PIECES;
    const [a, b, c] = [(1 - t) ** 2, 2 * t * (1 - t), t ** 2];
    return { x: a * from.x + b * control.x + c * to.x, y: a * from.y + b * control.y + c * to.y };
  });
}

/** Draw with the pointer: colours, three brushes, a canvas that everyone shares. */
export class PaintWindow extends DesktopWindow {
  readonly #picture: Framebuffer;
  #color = 1;
  #brush = 1;

  constructor(bounds: Rect, invalidate: (rect: Rect) => void) {
    super("Paint", THEME.bar, bounds, invalidate);
    this.#picture = new Framebuffer(this.canvas.width, this.canvas.height);
    this.#clear();
    this.#sketch();
  }

  /** Where on the desktop one draws. */
  get canvas(): Rect {
    const { x, y, width, height } = this.content;
    return {
      x: x + MARGIN,
      y: y + TOOLBAR_HEIGHT,
      width: Math.max(1, width - 2 * MARGIN),
      height: Math.max(1, height - TOOLBAR_HEIGHT - MARGIN),
    };
  }

  get #toolbar(): Rect {
    return { ...this.content, height: TOOLBAR_HEIGHT };
  }

  get #clearButton(): Rect {
    const { x, y, width } = this.#toolbar;
    const { width: w, height: h } = CLEAR;
    return { x: x + width - MARGIN - w, y: y + (TOOLBAR_HEIGHT - h) / 2, width: w, height: h };
  }

  #swatch(i: number): Point {
    return { x: this.content.x + 24 + i * SWATCH_STEP, y: this.content.y + TOOLBAR_HEIGHT / 2 };
  }

  #brushSpot(i: number): Point {
    const { x, y } = this.#swatch(COLORS.length);
    return { x: x + 20 + i * BRUSH_STEP, y };
  }

  override press(x: number, y: number): Gesture | undefined {
    if (contains(this.canvas, x, y)) return this.#stroke({ x, y });
    const near = (spot: Point) => length(x - spot.x, y - spot.y) <= SWATCH_STEP / 2;
    const color = COLORS.findIndex((_, i) => near(this.#swatch(i)));
    const brush = BRUSHES.findIndex((_, i) => near(this.#brushSpot(i)));
    if (color >= 0) this.#color = color;
    if (brush >= 0) this.#brush = brush;
    if (contains(this.#clearButton, x, y)) this.#clear();
    if (color >= 0 || brush >= 0) this.invalidate(this.#toolbar);
    return undefined;
  }

  /**
   * A line that follows the pointer. Its positions are only the controls of curves between the
   * middles of each two, so the line has no corners however far apart they come; on release it
   * reaches the last one.
   */
  #stroke(start: Point): Gesture {
    const color = COLORS[this.#color] ?? THEME.ink;
    const radius = BRUSHES[this.#brush] ?? 1;
    // The window may be moved by someone else meanwhile: positions are kept within the canvas.
    const local = (x: number, y: number) => ({
      x: x - this.canvas.x + 0.5,
      y: y - this.canvas.y + 0.5,
    });
    let last = local(start.x, start.y);
    let drawn = last;
    this.#ink([last], radius, color);
    return {
      move: (x, y) => {
        const next = local(x, y);
        const to = middle(last, next);
        this.#ink(curve(drawn, last, to), radius, color);
        [last, drawn] = [next, to];
      },
      end: () => this.#ink([drawn, last], radius, color),
    };
  }

  #ink(points: readonly Point[], radius: number, color: Color): void {
    this.#picture.strokePath(points, radius, color);
    const { x, y } = this.canvas;
    const area = intersect(pathBounds(points, radius), this.#picture.bounds);
    if (area !== undefined) this.invalidate({ ...area, x: area.x + x, y: area.y + y });
  }

  #clear(): void {
    this.#picture.fillRect(this.#picture.bounds, 0xffffff);
    this.invalidate(this.canvas);
  }

  #sketch(): void {
    const { width, height } = this.#picture;
    for (const { color, points } of SKETCH) {
      const path = points.map(([x, y]) => ({ x: x * width, y: y * height }));
      let from = path[0] ?? { x: 0, y: 0 };
      path.slice(1, -1).forEach((control, i) => {
        const next = path[i + 2] ?? control;
        const to = i + 3 === path.length ? next : middle(control, next);
        this.#picture.strokePath(curve(from, control, to), 2.2, color);
        from = to;
      });
    }
  }

  protected override drawContent(target: Framebuffer): void {
    COLORS.forEach((color, i) => {
      target.fillCircle(this.#swatch(i), 10, color);
      if (i === this.#color) target.strokeCircle(this.#swatch(i), 13, 1.6, color);
    });
    BRUSHES.forEach((radius, i) => {
      const chosen = i === this.#brush;
      if (chosen) target.fillCircle(this.#brushSpot(i), 13, 0xffffff);
      if (chosen) target.strokeCircle(this.#brushSpot(i), 13, 1.2, THEME.line);
      target.fillCircle(this.#brushSpot(i), radius, THEME.ink);
    });
    const button = this.#clearButton;
    target.fillRoundedRect(button, 6, THEME.line);
    const inner = {
      x: button.x + 1,
      y: button.y + 1,
      width: button.width - 2,
      height: button.height - 2,
    };
    target.fillRoundedRect(inner, 5, 0xffffff);
    const labelX = button.x + Math.round((button.width - textWidth(FACES.ui, CLEAR.label)) / 2);
    drawText(target, FACES.ui, labelX, button.y + 18, CLEAR.label, THEME.ink);
    target.copyFrom(this.#picture, this.canvas.x, this.canvas.y);
  }
}

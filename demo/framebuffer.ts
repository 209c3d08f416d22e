import { grow, intersect, type Rect, without } from "./rect.ts";

/** 0xRRGGBB. */
export type Color = number;

export interface Point {
  x: number;
  y: number;
}

/** The length of a vector. Math.hypot guards against overflow, and is several times slower. */
export function length(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}

/** How much of a pixel a shape covers, 0 to 1, from the shape's distance to the pixel's centre. */
export function coverage(distance: number): number {
  return distance <= -0.5 ? 1 : distance >= 0.5 ? 0 : 0.5 - distance;
}

/** Distance from a point to the edge of a rounded rectangle: negative inside. */
function roundedRectDistance(rect: Rect, radius: number, x: number, y: number): number {
  const dx = Math.abs(x - rect.x - rect.width / 2) - rect.width / 2 + radius;
  const dy = Math.abs(y - rect.y - rect.height / 2) - rect.height / 2 + radius;
  const outside = length(Math.max(dx, 0), Math.max(dy, 0));
  return outside + Math.min(Math.max(dx, dy), 0) - radius;
}

/** Distance from a point to the line from `a` to `b`. */
function segmentDistance(a: Point, b: Point, x: number, y: number): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const squared = dx * dx + dy * dy;
  const along = squared === 0 ? 0 : ((x - a.x) * dx + (y - a.y) * dy) / squared;
  const t = Math.min(1, Math.max(0, along));
  return length(x - a.x - t * dx, y - a.y - t * dy);
}

/** The bounds, in whole pixels, of a line of this radius through the points, its soft edge included. */
export function pathBounds(points: readonly Point[], radius: number): Rect {
  const left = Math.floor(Math.min(...points.map((p) => p.x)) - radius - 1);
  const top = Math.floor(Math.min(...points.map((p) => p.y)) - radius - 1);
  const right = Math.ceil(Math.max(...points.map((p) => p.x)) + radius + 1);
  const bottom = Math.ceil(Math.max(...points.map((p) => p.y)) + radius + 1);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** A picture that can be drawn on. Shapes have soft edges; everything outside the clip stays. */
export class Framebuffer {
  readonly width: number;
  readonly height: number;
  /** Rows from the top, four bytes a pixel: red, green, blue, 0. */
  readonly pixels: Uint8Array;
  #clip: Rect;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint8Array(width * height * 4);
    this.#clip = this.bounds;
  }

  get bounds(): Rect {
    return { x: 0, y: 0, width: this.width, height: this.height };
  }

  /** Runs `draw` with drawing confined to the rectangle, within the present clip. */
  clipped(rect: Rect, draw: () => void): void {
    const before = this.#clip;
    const inside = intersect(before, rect);
    if (inside === undefined) return;
    this.#clip = inside;
    draw();
    this.#clip = before;
  }

  /** The pixel's red, green and blue, 0 to 255. Outside the picture it is black. */
  pixel(x: number, y: number): [number, number, number] {
    const at = (y * this.width + x) * 4;
    return [this.pixels[at] ?? 0, this.pixels[at + 1] ?? 0, this.pixels[at + 2] ?? 0];
  }

  /** Lays a colour over the rectangle, as opaque (0 to 1) as `alpha` says for each pixel's centre. */
  shade(rect: Rect, color: Color, alpha: (x: number, y: number) => number): void {
    const area = intersect(rect, this.#clip);
    if (area === undefined) return;
    const { pixels } = this;
    const r = color >> 16;
    const g = (color >> 8) & 255;
    const b = color & 255;
    for (let y = area.y; y < area.y + area.height; y++) {
      let at = (y * this.width + area.x) * 4;
      for (let x = area.x; x < area.x + area.width; x++, at += 4) {
        const a = alpha(x + 0.5, y + 0.5);
        if (a <= 0) continue;
        pixels[at] = (pixels[at] ?? 0) * (1 - a) + r * a + 0.5;
        pixels[at + 1] = (pixels[at + 1] ?? 0) * (1 - a) + g * a + 0.5;
        pixels[at + 2] = (pixels[at + 2] ?? 0) * (1 - a) + b * a + 0.5;
      }
    }
  }

  fillRect(rect: Rect, color: Color, alpha = 1): void {
    const area = intersect(rect, this.#clip);
    if (area === undefined) return;
    if (alpha < 1) return this.shade(area, color, () => alpha);
    const row = new Uint8Array(area.width * 4);
    for (let at = 0; at < row.length; at += 4) {
      row[at] = color >> 16;
      row[at + 1] = color >> 8;
      row[at + 2] = color;
    }
    for (let y = area.y; y < area.y + area.height; y++) {
      this.pixels.set(row, (y * this.width + area.x) * 4);
    }
  }

  fillRoundedRect(rect: Rect, radius: number, color: Color, alpha = 1): void {
    const middle = { ...rect, y: rect.y + radius, height: rect.height - 2 * radius };
    this.fillRect(middle, color, alpha);
    for (const band of without(rect, middle)) {
      this.shade(band, color, (x, y) => alpha * coverage(roundedRectDistance(rect, radius, x, y)));
    }
  }

  /** A soft shadow that reaches `blur` pixels around a rounded rectangle that is drawn over it. */
  dropShadow(rect: Rect, radius: number, blur: number, alpha: number): void {
    for (const band of without(grow(rect, blur), grow(rect, -radius))) {
      this.shade(band, 0x000000, (x, y) => {
        const distance = roundedRectDistance(rect, radius, x, y);
        return distance >= blur ? 0 : alpha * (1 - Math.max(0, distance) / blur) ** 2;
      });
    }
  }

  fillCircle(center: Point, radius: number, color: Color, alpha = 1): void {
    this.strokePath([center], radius, color, alpha);
  }

  /** A circle's line, `width` pixels wide and centred on the radius. */
  strokeCircle(center: Point, radius: number, width: number, color: Color, alpha = 1): void {
    this.shade(pathBounds([center], radius + width / 2), color, (x, y) => {
      const distance = length(x - center.x, y - center.y) - radius;
      return alpha * coverage(Math.abs(distance) - width / 2);
    });
  }

  /** One line with round ends through the points, or a dot; no pixel is blended twice. */
  strokePath(points: readonly Point[], radius: number, color: Color, alpha = 1): void {
    const segments = points.map((point, i) => [point, points[i + 1] ?? point] as const);
    if (segments.length > 1) segments.pop();
    this.shade(pathBounds(points, radius), color, (x, y) => {
      let distance = Number.POSITIVE_INFINITY;
      for (const [a, b] of segments) distance = Math.min(distance, segmentDistance(a, b, x, y));
      return alpha * coverage(distance - radius);
    });
  }

  /** Lays a colour through a mask of one byte a pixel (255 is opaque), at this place. */
  fillMask(place: Rect, mask: Uint8Array, color: Color): void {
    const { x: left, y: top, width } = place;
    this.shade(place, color, (x, y) => {
      const at = (Math.floor(y) - top) * width + Math.floor(x) - left;
      return (mask[at] ?? 0) / 255;
    });
  }

  /** Copies the source so that its top left pixel comes to (x, y). */
  copyFrom(source: Framebuffer, x: number, y: number): void {
    const area = intersect({ x, y, width: source.width, height: source.height }, this.#clip);
    if (area === undefined) return;
    for (let row = area.y; row < area.y + area.height; row++) {
      const from = ((row - y) * source.width + area.x - x) * 4;
      const to = (row * this.width + area.x) * 4;
      this.pixels.set(source.pixels.subarray(from, from + area.width * 4), to);
    }
  }
}

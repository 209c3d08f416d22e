import { drawText, FACES } from "./font.ts";
import type { Color, Framebuffer } from "./framebuffer.ts";
import { contains, grow, intersect, type Rect } from "./rect.ts";
import { THEME } from "./theme.ts";

const TITLE_HEIGHT = 34;
const CORNER_RADIUS = 9;
const SHADOW_REACH = 26;

/** What a pointer does from the press of the button to its release. Positions are the desktop's. */
export interface Gesture {
  move(x: number, y: number): void;
  end(): void;
}

/** A movable window: frame, title, shadow. What is inside is up to the kind of window. */
export abstract class DesktopWindow {
  readonly #title: string;
  /** Behind the content. */
  readonly #background: Color;
  /** Told of every rectangle of the desktop whose picture has changed. */
  protected readonly invalidate: (rect: Rect) => void;
  #bounds: Rect;

  constructor(title: string, background: Color, bounds: Rect, invalidate: (rect: Rect) => void) {
    this.#title = title;
    this.#background = background;
    this.#bounds = bounds;
    this.invalidate = invalidate;
  }

  /** Everything but the shadow. */
  get bounds(): Rect {
    return this.#bounds;
  }

  get titleBar(): Rect {
    return { ...this.#bounds, height: TITLE_HEIGHT };
  }

  get content(): Rect {
    const { x, y, width, height } = this.#bounds;
    return { x, y: y + TITLE_HEIGHT, width, height: height - TITLE_HEIGHT };
  }

  moveTo(x: number, y: number): void {
    this.invalidateAll();
    this.#bounds = { ...this.#bounds, x, y };
    this.invalidateAll();
  }

  /** Asks for the whole window to be drawn again, its shadow included. */
  invalidateAll(): void {
    this.invalidate(grow(this.#bounds, SHADOW_REACH));
  }

  draw(target: Framebuffer, area: Rect, focused: boolean): void {
    if (intersect(area, grow(this.#bounds, SHADOW_REACH)) === undefined) return;
    const { titleBar } = this;
    target.dropShadow(this.#bounds, CORNER_RADIUS, SHADOW_REACH, focused ? 0.42 : 0.26);
    target.fillRoundedRect(this.#bounds, CORNER_RADIUS, THEME.bar);
    const middle = titleBar.y + TITLE_HEIGHT / 2;
    const mark = focused ? THEME.brass : THEME.line;
    target.fillCircle({ x: titleBar.x + 19, y: middle }, 5, mark);
    target.fillCircle({ x: titleBar.x + 19, y: middle }, 2, THEME.bar);
    const ink = focused ? THEME.ink : THEME.muted;
    drawText(target, FACES.bold, titleBar.x + 33, Math.round(middle + 5), this.#title, ink);
    // The window's rounded shape, with the content's background below the title.
    target.clipped(this.content, () => {
      target.fillRoundedRect(this.#bounds, CORNER_RADIUS, this.#background);
      this.drawContent(target);
    });
  }

  /** The gesture that a press of the left button inside the content begins, if it begins one. */
  abstract press(x: number, y: number): Gesture | undefined;

  /** Draws inside {@link content}; the target's clip lies within it. */
  protected abstract drawContent(target: Framebuffer): void;
}

/** Whether the position is on the window's title bar, by which it is moved. */
export function onTitleBar(window: DesktopWindow, x: number, y: number): boolean {
  return contains(window.titleBar, x, y);
}

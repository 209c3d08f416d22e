import { ClockPanel } from "./clock.ts";
import { Framebuffer } from "./framebuffer.ts";
import { isCommandKey } from "./keysyms.ts";
import { NotepadWindow } from "./notepad.ts";
import { PaintWindow } from "./paint.ts";
import { contains, intersect, type Rect, Region } from "./rect.ts";
import { drawStatusBar, STATUS_BAR_HEIGHT } from "./status-bar.ts";
import { drawWallpaper } from "./wallpaper.ts";
import { type DesktopWindow, type Gesture, onTitleBar } from "./window.ts";

const MARGIN = 40;
/** The windows begin below the clock. */
const WINDOWS_TOP = 216;
/** How much of a window stays within reach at the desktop's sides, in pixels. */
const REACHABLE = 80;
const LEFT_BUTTON = 1;
const KEY_C = 0x63;
const KEY_V = 0x76;

/** Where the parts that take input are, in pixels of the desktop. */
export interface Areas {
  canvas: Rect;
  paper: Rect;
  titleBars: { paint: Rect; notepad: Rect };
}

/** What the desktop tells each of its viewers. */
export interface Viewer {
  /** These rectangles of the framebuffer have changed. */
  damaged(rects: readonly Rect[]): void;
  /** Someone copied this text. */
  copied(text: string): void;
}

/** One viewer's keyboard and mouse. */
export interface Seat {
  /** The pointer's position and its buttons as RFC 6143, 7.5.5 numbers them: bit 0 is the left one. */
  pointer(x: number, y: number, buttons: number): void;
  key(down: boolean, keysym: number): void;
  /** The text that this viewer's next Ctrl+V inserts. */
  clipboard(text: string): void;
  /** Ends what the viewer was doing. Calling it again does nothing. */
  leave(): void;
}

/** The one desktop that all viewers share. It draws and keeps time only while someone watches. */
export class Desktop {
  readonly framebuffer: Framebuffer;
  readonly #wallpaper: Framebuffer;
  readonly #clock: ClockPanel;
  readonly #paint: PaintWindow;
  readonly #notepad: NotepadWindow;
  readonly #now: () => Date;
  readonly #viewers = new Set<Viewer>();
  readonly #dirty = new Region();
  /** From the lowest to the topmost, which has the focus. */
  #windows: DesktopWindow[];
  #clipboard = "";
  #tick: NodeJS.Timeout | undefined;
  #composing: NodeJS.Immediate | undefined;

  constructor(width: number, height: number, name: string, now: () => Date) {
    this.framebuffer = new Framebuffer(width, height);
    this.#wallpaper = drawWallpaper(width, height);
    this.#now = now;
    const invalidate = (rect: Rect) => this.#invalidate(rect);
    const right = width - MARGIN;
    const bottom = height - MARGIN - STATUS_BAR_HEIGHT;
    const paint = { x: MARGIN, y: WINDOWS_TOP, width: Math.min(640, right - MARGIN) };
    const note = { x: Math.max(MARGIN, right - 500), y: Math.max(WINDOWS_TOP, bottom - 290) };
    this.#clock = new ClockPanel(MARGIN, MARGIN, name, invalidate);
    this.#paint = new PaintWindow({ ...paint, height: bottom - paint.y }, invalidate);
    this.#notepad = new NotepadWindow(
      { ...note, width: Math.min(500, right - MARGIN), height: bottom - note.y },
      invalidate,
    );
    this.#windows = [this.#paint, this.#notepad];
    this.#invalidate(this.framebuffer.bounds);
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /** What has been typed into the notepad. */
  get typed(): string {
    return this.#notepad.text;
  }

  get areas(): Areas {
    return {
      canvas: this.#paint.canvas,
      paper: this.#notepad.paper,
      titleBars: { paint: this.#paint.titleBar, notepad: this.#notepad.titleBar },
    };
  }

  get #statusBar(): Rect {
    const { width, height } = this.framebuffer;
    return { x: 0, y: height - STATUS_BAR_HEIGHT, width, height: STATUS_BAR_HEIGHT };
  }

  /** Lets a viewer in, with a mouse and a keyboard of its own. The framebuffer is up to date then. */
  join(viewer: Viewer): Seat {
    this.#viewers.add(viewer);
    this.#invalidate(this.#statusBar);
    if (this.#viewers.size === 1) this.#keepTime();
    this.compose();

    const held = new Set<number>();
    let gesture: Gesture | undefined;
    let pressed = false;
    return {
      pointer: (x, y, buttons) => {
        const at = this.#within(x, y);
        const down = (buttons & LEFT_BUTTON) !== 0;
        if (down && !pressed) gesture = this.#press(at.x, at.y);
        else gesture?.move(at.x, at.y);
        pressed = down;
        if (down) return;
        gesture?.end();
        gesture = undefined;
      },
      key: (down, keysym) => {
        if (isCommandKey(keysym)) {
          if (down) held.add(keysym);
          else held.delete(keysym);
        } else if (down) {
          this.#key(keysym, held.size > 0);
        }
      },
      clipboard: (text) => {
        this.#clipboard = text;
      },
      leave: () => {
        gesture?.end();
        gesture = undefined;
        if (!this.#viewers.delete(viewer)) return;
        this.#invalidate(this.#statusBar);
        if (this.#viewers.size === 0) this.close();
      },
    };
  }

  /** Draws what has changed and tells the viewers; otherwise done once after each round of input. */
  compose(): void {
    clearImmediate(this.#composing);
    this.#composing = undefined;
    const rects = this.#dirty.take(this.framebuffer.bounds);
    for (const rect of rects) {
      this.framebuffer.clipped(rect, () => this.#draw(rect));
    }
    if (rects.length > 0) for (const viewer of this.#viewers) viewer.damaged(rects);
  }

  /** Stops the clock and what is still to be drawn; both begin again when someone joins. */
  close(): void {
    clearTimeout(this.#tick);
    clearImmediate(this.#composing);
    this.#composing = undefined;
  }

  #invalidate(rect: Rect): void {
    const visible = intersect(rect, this.framebuffer.bounds);
    if (visible === undefined) return;
    this.#dirty.add(visible);
    if (this.#viewers.size > 0) this.#composing ??= setImmediate(() => this.compose());
  }

  #draw(area: Rect): void {
    const { framebuffer } = this;
    framebuffer.copyFrom(this.#wallpaper, 0, 0);
    this.#clock.draw(framebuffer, area);
    for (const window of this.#windows) window.draw(framebuffer, area, window === this.#focused);
    drawStatusBar(framebuffer, this.#statusBar, area, this.#viewers.size);
  }

  #keepTime(): void {
    const now = this.#now();
    this.#clock.show(now);
    this.#tick = setTimeout(() => this.#keepTime(), 1_000 - now.getMilliseconds());
  }

  get #focused(): DesktopWindow | undefined {
    return this.#windows.at(-1);
  }

  #focus(window: DesktopWindow): void {
    if (window === this.#focused) return;
    this.#focused?.invalidateAll();
    this.#windows = [...this.#windows.filter((other) => other !== window), window];
    window.invalidateAll();
  }

  #within(x: number, y: number): { x: number; y: number } {
    const { width, height } = this.framebuffer;
    return { x: Math.min(x, width - 1), y: Math.min(y, height - 1) };
  }

  #press(x: number, y: number): Gesture | undefined {
    const window = this.#windows.findLast((candidate) => contains(candidate.bounds, x, y));
    if (window === undefined || contains(this.#statusBar, x, y)) return undefined;
    this.#focus(window);
    return onTitleBar(window, x, y) ? this.#drag(window, x, y) : window.press(x, y);
  }

  #drag(window: DesktopWindow, startX: number, startY: number): Gesture {
    const { x: left, y: top, width } = window.bounds;
    const lowest = this.#statusBar.y - window.titleBar.height;
    const move = (x: number, y: number) => {
      const newX = Math.max(
        REACHABLE - width,
        Math.min(this.framebuffer.width - REACHABLE, left + x - startX),
      );
      const newY = Math.max(0, Math.min(lowest, top + y - startY));
      if (newX !== window.bounds.x || newY !== window.bounds.y) window.moveTo(newX, newY);
    };
    return { move, end: () => undefined };
  }

  /** The notepad is the only window that takes keys: to type is to turn to it. */
  #key(keysym: number, command: boolean): void {
    if (!command) {
      this.#focus(this.#notepad);
      this.#notepad.key(keysym);
    } else if (keysym === KEY_V) {
      this.#focus(this.#notepad);
      this.#notepad.insert(this.#clipboard);
    } else if (keysym === KEY_C) {
      this.#clipboard = this.#notepad.text;
      for (const viewer of this.#viewers) viewer.copied(this.#clipboard);
    }
  }
}

import { type Client, createClient, type Display, eventMask, type InputEvent } from "x11";

/** Red, green and blue of each pixel, row by row. */
export type Picture = { width: number; height: number; rgb: Uint8Array };

/** Below the 96 up to which TigerVNC's Tight encoder sends a palette, whatever quality is asked. */
const COLOURS = 64;
const BLOCK = 8;

/**
 * The picture that a display is known by: as many colours as a VNC server sends without loss to
 * a viewer that allows JPEG (noVNC asks for quality 6, and photos may be changed on their way;
 * text and drawings may not). Blocks above, single pixels below, so that a picture that is shifted
 * by one pixel, scaled, cut or of another display is seen to be a different one.
 * @param seed another picture, in other colours, for each
 */
export function knownPicture(seed: number, width: number, height: number): Picture {
  const random = xorshift(seed + 1);
  const palette = Array.from({ length: COLOURS }, () => [random(), random(), random()] as const);
  const rgb = new Uint8Array(width * height * 3);
  const blocks = Array.from({ length: Math.ceil(width / BLOCK) }, () => 0);
  for (let y = 0; y < height; y++) {
    const inBlocks = y < height / 2;
    for (let x = 0; x < width; x++) {
      const column = Math.floor(x / BLOCK);
      if (!inBlocks || (y % BLOCK === 0 && x % BLOCK === 0)) blocks[column] = random() % COLOURS;
      rgb.set(palette[blocks[column] ?? 0] ?? [0, 0, 0], (y * width + x) * 3);
    }
  }
  return { width, height, rgb };
}

/** Marsaglia's xorshift32, a byte at a time: the same numbers on every run. */
function xorshift(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 16) & 0xff;
  };
}

export type Click = { button: number; down: boolean; x: number; y: number };

/** X11 protocol, appendix A: what a ZPixmap is called, and what focus falls back to. */
const Z_PIXMAP = 2;
const REVERT_TO_NONE = 0;
const COPY_FROM_PARENT = 0;
const DEPTH = 24;
const SHIFT_MASK = 1;
const BUTTON_1_MASK = 0x100;

/** X11 keysyms (keysymdef.h). */
const RETURN = 0xff0d;
const FIRST_MODIFIER = 0xffe1;
const LAST_MODIFIER = 0xffee;

/** A program on an X display: a window over all of it, which shows a picture and hears the input. */
export class XClient {
  readonly width: number;
  readonly height: number;
  readonly clicks: Click[] = [];
  readonly #client: Client;
  readonly #firstKeycode: number;
  readonly #window: number;
  readonly #context: number;
  readonly #keys: { keycode: number; shift: boolean }[] = [];
  readonly #path: { x: number; y: number }[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #errors: Error[] = [];
  #mapping: number[][] = [];

  private constructor(display: Display) {
    const screen = display.screen[0];
    if (!screen) throw new Error("The X display has no screen.");
    this.#client = display.client;
    this.#firstKeycode = display.min_keycode;
    this.width = screen.pixel_width;
    this.height = screen.pixel_height;
    this.#window = this.#client.AllocID();
    this.#context = this.#client.AllocID();
    this.#client.on("error", (error) => this.#errors.push(error));
    this.#client.on("event", (event) => {
      if (event.name === "MappingNotify") this.#readMapping(display);
      else if ("keycode" in event) this.#note(event);
      this.#notify();
    });
    this.#readMapping(display);
    this.#client.CreateWindow(
      this.#window,
      screen.root,
      0,
      0,
      this.width,
      this.height,
      0,
      COPY_FROM_PARENT,
      COPY_FROM_PARENT,
      COPY_FROM_PARENT,
      {
        overrideRedirect: true, // no window manager moves it
        eventMask:
          eventMask.KeyPress |
          eventMask.ButtonPress |
          eventMask.ButtonRelease |
          eventMask.PointerMotion,
      },
    );
    this.#client.CreateGC(this.#context, this.#window);
    this.#client.MapWindow(this.#window);
    this.#client.SetInputFocus(this.#window, REVERT_TO_NONE);
  }

  static async connect(display: number): Promise<XClient> {
    const connected = await new Promise<Display>((resolve, reject) => {
      createClient({ display: `:${display}` }, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
    const client = new XClient(connected);
    await client.#settle();
    return client;
  }

  /** Puts the picture on the display; it is there when this settles. */
  async draw(picture: Picture): Promise<void> {
    const { width, height, rgb } = picture;
    const data = Buffer.alloc(width * height * 4);
    for (let pixel = 0; pixel < width * height; pixel++) {
      const [red = 0, green = 0, blue = 0] = rgb.subarray(pixel * 3, pixel * 3 + 3);
      data.writeUInt32LE((red << 16) | (green << 8) | blue, pixel * 4);
    }
    const [x, y, leftPad] = [0, 0, 0];
    this.#client.PutImage(
      Z_PIXMAP,
      this.#window,
      this.#context,
      width,
      height,
      x,
      y,
      leftPad,
      DEPTH,
      data,
    );
    await this.#settle();
  }

  /** What was typed, once there are that many characters. Enter is "\n", other keys are spelt out. */
  async typed(characters: number): Promise<string> {
    await this.#until(() => this.#typed().length >= characters);
    return this.#typed().join("");
  }

  /** Waits until that many presses and releases of a button have come. */
  async clicked(count: number): Promise<readonly Click[]> {
    await this.#until(() => this.clicks.length >= count);
    return this.clicks;
  }

  /** Waits until the pointer has been at this pixel of the display. */
  async pointedAt(x: number, y: number): Promise<void> {
    await this.#until(() => this.#path.some((point) => point.x === x && point.y === y));
  }

  /** Whether Shift and the first button are down, as the X server sees it. */
  held(): Promise<{ shift: boolean; button1: boolean }> {
    return new Promise((resolve, reject) => {
      this.#client.QueryPointer(this.#window, (error, { keyMask }) =>
        error
          ? reject(error)
          : resolve({
              shift: (keyMask & SHIFT_MASK) !== 0,
              button1: (keyMask & BUTTON_1_MASK) !== 0,
            }),
      );
    });
  }

  close(): void {
    this.#client.terminate();
  }

  #note(event: InputEvent): void {
    const { x, y, keycode } = event;
    switch (event.name) {
      case "KeyPress":
        this.#keys.push({ keycode, shift: (event.buttons & SHIFT_MASK) !== 0 });
        return;
      case "ButtonPress":
      case "ButtonRelease":
        this.clicks.push({ button: keycode, down: event.name === "ButtonPress", x, y });
        return;
      case "MotionNotify":
        this.#path.push({ x, y });
    }
  }

  /** Read with the mapping as it is now: Xvnc adds keys that a viewer presses and it does not have. */
  #typed(): string[] {
    return this.#keys
      .map(({ keycode, shift }) => {
        const [plain = 0, shifted = 0] = this.#mapping[keycode - this.#firstKeycode] ?? [];
        return shift && shifted !== 0 ? shifted : plain;
      })
      .filter((keysym) => keysym < FIRST_MODIFIER || keysym > LAST_MODIFIER)
      .map((keysym) => {
        if (keysym === RETURN) return "\n";
        const isAscii = keysym >= 0x20 && keysym <= 0x7e;
        return isAscii ? String.fromCharCode(keysym) : `<keysym ${keysym.toString(16)}>`;
      });
  }

  #readMapping({ min_keycode, max_keycode }: Display): void {
    const count = max_keycode - min_keycode + 1;
    this.#client.GetKeyboardMapping(min_keycode, count, (error, mapping) => {
      if (error) this.#errors.push(error);
      else this.#mapping = mapping;
      this.#notify();
    });
  }

  /** Waits for the server. @throws {Error} what it objected to */
  async #settle(): Promise<void> {
    await this.#client.sync();
    const [error] = this.#errors;
    if (error) throw error;
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!holds()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  #notify(): void {
    for (const check of this.#waiting) check();
  }
}

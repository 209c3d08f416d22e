import {
  type Browser,
  type BrowserContext,
  type ConsoleMessage,
  chromium,
  type Page,
} from "playwright-core";
import type { Picture } from "./x-client.ts";

/** Longer than anything takes that a page waits for: a link that comes back by itself is the longest. */
const WAIT_MS = 50_000;

/** Debian's Chromium, without a screen of its own. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A person with a browser profile of their own, not signed in. */
export async function newVisitor(browser: Browser): Promise<BrowserContext> {
  const visitor = await browser.newContext({ viewport: { width: 1000, height: 700 } });
  visitor.setDefaultTimeout(WAIT_MS);
  return visitor;
}

/** A person who has signed in. @param edge its origin */
export async function signedIn(
  browser: Browser,
  edge: string,
  adminToken: string,
): Promise<BrowserContext> {
  const visitor = await newVisitor(browser);
  const answer = await visitor.request.post(`${edge}/api/login`, {
    data: { admin_token: adminToken },
  });
  if (!answer.ok()) throw new Error(`Signing in answered ${answer.status()}.`);
  return visitor;
}

/** What goes wrong in a page from now on: errors in its console, and exceptions that nobody caught. */
export function collectErrors(page: Page): string[] {
  const errors: string[] = [];
  page.on("console", (message: ConsoleMessage) => {
    if (message.type() === "error") errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(error.message));
  return errors;
}

/** The state that each page of Porthole tells on its root element. */
export async function waitForState(page: Page, ...states: string[]): Promise<string> {
  const found = await page.waitForFunction((wanted) => {
    const { state } = document.documentElement.dataset;
    return state !== undefined && wanted.includes(state) && state;
  }, states);
  return String(await found.jsonValue());
}

/** A rectangle in pixels of the desktop. */
export type Area = { x: number; y: number; width: number; height: number };

/** A place on the page, and the pixel of the desktop that is under it. */
export type Spot = { pageX: number; pageY: number; x: number; y: number };

const CANVAS = '[data-testid="screen"] canvas';

/** The viewer page: a desktop as a person sees and uses it. */
export class ViewerPage {
  readonly page: Page;
  readonly errors: string[];

  constructor(page: Page) {
    this.page = page;
    this.errors = collectErrors(page);
  }

  /** Opens a viewer in a new tab. @param url the session's `view_url` */
  static async open(visitor: BrowserContext, url: string): Promise<ViewerPage> {
    const viewer = new ViewerPage(await visitor.newPage());
    await viewer.page.goto(url);
    return viewer;
  }

  state(...states: string[]): Promise<string> {
    return waitForState(this.page, ...states);
  }

  currentState(): Promise<string | undefined> {
    return this.page.evaluate(() => document.documentElement.dataset.state);
  }

  /** Waits until the page gives this reason for not showing a picture, and is still trying. */
  async waitsBecause(reason: string): Promise<void> {
    await this.page.getByTestId("reason").getByText(reason, { exact: true }).waitFor();
    await this.state("waiting", "reconnecting");
  }

  /**
   * Waits until the desktop is this picture, pixel by pixel. noVNC's canvas holds the desktop at
   * its own size; the page only scales how it is shown.
   * @throws {Error} saying how the two differ
   */
  async shows(picture: Picture): Promise<void> {
    const { width, height } = picture;
    const expected = Buffer.from(picture.rgb).toString("base64");
    const args = { selector: CANVAS, width, height, expected };
    try {
      await this.state("connected");
      await this.page.waitForFunction(
        ({ selector, width, height, expected }) => {
          const canvas = document.querySelector<HTMLCanvasElement>(selector);
          if (canvas?.width !== width || canvas.height !== height) return false;
          const pixels = canvas.getContext("2d")?.getImageData(0, 0, width, height).data ?? [];
          const wanted = atob(expected);
          for (let pixel = 0; pixel < width * height; pixel++) {
            for (let channel = 0; channel < 3; channel++) {
              if (pixels[pixel * 4 + channel] !== wanted.charCodeAt(pixel * 3 + channel)) {
                return false;
              }
            }
          }
          return true;
        },
        args,
        { polling: 100 },
      );
    } catch (cause) {
      throw new Error(describeDifference(picture, await this.picture()), { cause });
    }
  }

  /** What the canvas holds now; null if there is none. */
  async picture(): Promise<Picture | null> {
    const found = await this.page.evaluate((selector) => {
      const canvas = document.querySelector<HTMLCanvasElement>(selector);
      if (!canvas) return null;
      const { width, height } = canvas;
      const pixels = canvas.getContext("2d")?.getImageData(0, 0, width, height).data ?? [];
      let rgb = "";
      for (let byte = 0; byte < pixels.length; byte++) {
        if (byte % 4 !== 3) rgb += String.fromCharCode(pixels[byte] ?? 0);
      }
      return { width, height, rgb: btoa(rgb) };
    }, CANVAS);
    return found && { ...found, rgb: Uint8Array.from(Buffer.from(found.rgb, "base64")) };
  }

  /** Waits until the desktop is a picture of something: of at least that many colours. */
  async showsManyColours(count: number): Promise<void> {
    await this.page.waitForFunction(
      ({ selector, count }) => {
        const canvas = document.querySelector<HTMLCanvasElement>(selector);
        if (!canvas || canvas.width === 0) return false;
        const { width, height } = canvas;
        const pixels = canvas.getContext("2d")?.getImageData(0, 0, width, height).data.buffer;
        return pixels !== undefined && new Set(new Uint32Array(pixels)).size >= count;
      },
      { selector: CANVAS, count },
      { polling: 100 },
    );
  }

  /** The pixels of a part of the desktop, as something to compare. */
  area(area: Area): Promise<string> {
    return this.page.evaluate(readArea, { selector: CANVAS, ...area });
  }

  /** Waits until a part of the desktop looks different from what it was. @param was {@link area}'s */
  async areaChanges(area: Area, was: string): Promise<void> {
    await this.page.waitForFunction(
      ({ selector, x, y, width, height, was }) => {
        const canvas = document.querySelector<HTMLCanvasElement>(selector);
        const pixels = canvas?.getContext("2d")?.getImageData(x, y, width, height).data;
        return pixels !== undefined && pixels.join() !== was;
      },
      { selector: CANVAS, ...area, was },
      { polling: 100 },
    );
  }

  /**
   * The place of the page that shows a pixel of the desktop. The page scales the desktop to fit,
   * and a browser tells whole positions only: the pixel that is really there is told back.
   */
  async spot(x: number, y: number): Promise<Spot> {
    const box = await this.page.evaluate((selector) => {
      const canvas = document.querySelector<HTMLCanvasElement>(selector);
      if (!canvas) throw new Error("The page has no canvas.");
      const { left, top, right, bottom, width } = canvas.getBoundingClientRect();
      return { left, top, right, bottom, scale: width / canvas.width };
    }, CANVAS);
    const pageX = wholeWithin(box.left, box.right, box.left + (x + 0.5) * box.scale);
    const pageY = wholeWithin(box.top, box.bottom, box.top + (y + 0.5) * box.scale);
    return {
      pageX,
      pageY,
      x: Math.floor((pageX - box.left) / box.scale),
      y: Math.floor((pageY - box.top) / box.scale),
    };
  }

  /** Types as fingers do: with Shift held down where a US keyboard needs it. */
  async type(text: string): Promise<void> {
    for (const character of text) {
      if (character === "\n") await this.page.keyboard.press("Enter");
      else if (/[A-Z~!@#$%^&*()_+{}|:"<>?]/.test(character)) {
        await this.page.keyboard.down("Shift");
        await this.page.keyboard.press(character);
        await this.page.keyboard.up("Shift");
      } else await this.page.keyboard.press(character);
    }
  }
}

/** The whole number nearest to `value` that lies from `first` to before `end`. */
function wholeWithin(first: number, end: number, value: number): number {
  return Math.min(Math.max(Math.round(value), Math.ceil(first)), Math.ceil(end) - 1);
}

/** Runs in the page. */
function readArea({ selector, x, y, width, height }: Area & { selector: string }): string {
  const canvas = document.querySelector<HTMLCanvasElement>(selector);
  return canvas?.getContext("2d")?.getImageData(x, y, width, height).data.join() ?? "";
}

function describeDifference(wanted: Picture, found: Picture | null): string {
  if (!found) return "The page has no canvas.";
  if (found.width !== wanted.width || found.height !== wanted.height) {
    return `The canvas is ${found.width} x ${found.height}, not ${wanted.width} x ${wanted.height}.`;
  }
  const at = (picture: Picture, pixel: number) => [
    ...picture.rgb.subarray(pixel * 3, pixel * 3 + 3),
  ];
  const pixels = Array.from({ length: wanted.width * wanted.height }, (_, pixel) => pixel);
  const wrong = pixels.filter((pixel) => `${at(wanted, pixel)}` !== `${at(found, pixel)}`);
  const [first] = wrong;
  if (first === undefined) return "The picture is right now, but it came too late.";
  const where = `(${first % wanted.width}, ${Math.floor(first / wanted.width)})`;
  return (
    `${wrong.length} of ${pixels.length} pixels differ; the first is ${where}: ` +
    `${at(found, first)} and not ${at(wanted, first)}.`
  );
}

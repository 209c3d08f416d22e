import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setEncodings, setPixelFormat, typing, updateRequest } from "./client-messages.ts";
import type { RfbViewer } from "./rfb-viewer.ts";

/** Red, green and blue. */
export type Colour = readonly [number, number, number];

/** What a job shows: pages of one colour, which take another one when they hear something. */
export class JobPages {
  readonly #server: Server;
  /** The paths that were asked for, with their queries. */
  readonly asked: string[] = [];

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => {
      const url = new URL(request.url ?? "/", this.url);
      this.asked.push(request.url ?? "");
      response.setHeader("content-type", "text/html");
      response.end(pageOf(url.searchParams.get("colour") ?? "ffffff"));
    });
  }

  static async start(): Promise<JobPages> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new JobPages(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The URL of a page in a colour. */
  in(colour: Colour): string {
    return `${this.url}/page?colour=${Buffer.from(colour).toString("hex")}`;
  }

  /** Waits until a page was asked for. @returns the first path, with its query */
  async askedFor(): Promise<string> {
    if (this.asked.length === 0) await once(this.#server, "request");
    return this.asked[0] ?? "";
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** What a page turns to when it hears its first key, "typed!", and a click. */
const AWAKE: Colour = [2, 1, 3];
export const TYPED: Colour = [1, 2, 3];
export const CLICKED: Colour = [3, 2, 1];

const css = (colour: Colour) => `rgb(${colour.join()})`;

function pageOf(colour: string): string {
  return `<!doctype html><title>job</title><body style="background:#${colour}"><script>
    let text = "";
    addEventListener("keydown", (event) => {
      if (event.key.length === 1) text += event.key;
      if (text === "a") document.body.style.background = "${css(AWAKE)}";
      if (text.endsWith("typed!")) document.body.style.background = "${css(TYPED)}";
    });
    addEventListener("mousedown", () => { document.body.style.background = "${css(CLICKED)}"; });
  </script>`;
}

/** Waits until a desktop is of one colour at the given places. */
export async function showsColour(
  viewer: RfbViewer,
  colour: Colour,
  places: ReadonlyArray<{ x: number; y: number }>,
): Promise<void> {
  viewer.send(setPixelFormat(32, false, [8, 8, 8], [16, 8, 0]), setEncodings(0));
  for (const { x, y } of places) {
    // The first answer is what is there, each that follows comes when it has changed.
    for (let found = "", isAgain = false; found !== `${colour}`; isAgain = true) {
      viewer.send(updateRequest(isAgain, x, y, 1, 1));
      found = `${await readPixel(viewer)}`;
    }
  }
}

/**
 * Presses a key until the page hears it: Chromium drops what comes while it is still bringing a
 * page's first frame to the screen.
 */
export async function wakes(viewer: RfbViewer): Promise<void> {
  for (let found = ""; found !== `${AWAKE}`; found = `${await readPixel(viewer)}`) {
    viewer.send(typing("a"), updateRequest(false, 0, 0, 1, 1));
  }
}

/** Reads an update of one pixel (RFC 6143, 7.6.1). */
async function readPixel(viewer: RfbViewer): Promise<Colour> {
  const head = await viewer.read(4);
  if (head[0] !== 0 || head.readUInt16BE(2) !== 1) throw new Error(`an update of ${head.join()}`);
  const pixel = (await viewer.read(12 + 4)).subarray(12);
  return [pixel.readUInt8(2), pixel.readUInt8(1), pixel.readUInt8(0)];
}

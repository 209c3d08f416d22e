import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DemoDesktop, startDemo } from "../../demo/server.ts";
import { keyEvent, setPixelFormat, typing } from "../support/client-messages.ts";
import { CURSOR, RAW, TestClient, ZLIB } from "./client.ts";

const WIDTH = 720;
const HEIGHT = 520;
const FIXED = new Date(2026, 10, 22, 10, 9, 36);

let demo: DemoDesktop;

beforeEach(async () => {
  demo = await startDemo({ width: WIDTH, height: HEIGHT, now: () => FIXED });
});

afterEach(() => demo.close());

/** The whole desktop as pixel() tells it, three bytes a pixel. */
function shown(): Buffer {
  const bytes = Buffer.alloc(WIDTH * HEIGHT * 3);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) bytes.set(demo.pixel(x, y), (y * WIDTH + x) * 3);
  }
  return bytes;
}

/** The client's picture in the server's own format, three bytes a pixel. */
function received(client: TestClient): Buffer {
  return client.picture.filter((_, i) => i % 4 !== 3) as Buffer;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

describe("a framebuffer update", () => {
  test("in Raw, the default, has the pixels that the desktop has", async () => {
    const client = await TestClient.join(demo.port);
    const rects = await client.refresh();
    expect(rects).toMatchObject([{ x: 0, y: 0, width: WIDTH, height: HEIGHT, encoding: RAW }]);
    expect(same(received(client), shown())).toBe(true);
    expect(new Set(received(client)).size).toBeGreaterThan(100);
  });

  test("in zlib has the same pixels, over one stream for several updates", async () => {
    const client = await TestClient.join(demo.port);
    client.setEncodings(7, ZLIB, RAW);
    expect(await client.refresh()).toMatchObject([{ encoding: ZLIB }]);
    expect(same(received(client), shown())).toBe(true);
    for (const word of ["one ", "two ", "three\n"]) {
      client.request(true);
      client.send(typing(word));
      while (demo.typed().endsWith(word) === false || !same(received(client), shown())) {
        for (const rect of await client.update()) expect(rect.encoding).toBe(ZLIB);
        client.request(true);
      }
    }
    await client.refresh();
    expect(same(received(client), shown())).toBe(true);
  });

  test("uses the first encoding of the client's list that the server has", async () => {
    const client = await TestClient.join(demo.port);
    client.setEncodings(RAW, ZLIB);
    expect(await client.refresh()).toMatchObject([{ encoding: RAW }]);
    client.setEncodings(5, 16, ZLIB, RAW);
    expect(await client.refresh()).toMatchObject([{ encoding: ZLIB }]);
    client.setEncodings(5, 16);
    expect(await client.refresh()).toMatchObject([{ encoding: RAW }]);
  });

  test.each([
    { bits: 32, big: false, parts: [8, 8, 8], shifts: [16, 8, 0] },
    { bits: 32, big: true, parts: [8, 8, 8], shifts: [24, 16, 8] },
    { bits: 16, big: false, parts: [5, 6, 5], shifts: [11, 5, 0] },
    { bits: 16, big: true, parts: [5, 5, 5], shifts: [10, 5, 0] },
    { bits: 8, big: false, parts: [3, 3, 2], shifts: [0, 3, 6] },
    { bits: 8, big: false, parts: [2, 2, 2], shifts: [4, 2, 0] },
  ] as const)(
    "has pixels in $bits bits as $parts shifted by $shifts, big-endian $big",
    async (format) => {
      const client = await TestClient.join(demo.port);
      client.bytesPerPixel = format.bits / 8;
      client.send(setPixelFormat(format.bits, format.big, format.parts, format.shifts));
      await client.refresh();

      const bytes = client.bytesPerPixel;
      const expected = Buffer.alloc(WIDTH * HEIGHT * bytes);
      for (let i = 0; i < WIDTH * HEIGHT; i++) {
        const value = demo.pixel(i % WIDTH, Math.floor(i / WIDTH)).reduce((sum, channel, c) => {
          const scaled = Math.round((channel * (2 ** (format.parts[c] ?? 0) - 1)) / 255);
          return sum + scaled * 2 ** (format.shifts[c] ?? 0);
        }, 0);
        if (format.big) expected.writeUIntBE(value, i * bytes, bytes);
        else expected.writeUIntLE(value, i * bytes, bytes);
      }
      expect(same(client.picture.subarray(0, expected.length), expected)).toBe(true);
    },
  );

  test("covers only the area that was asked for, and the rest on a later request", async () => {
    const client = await TestClient.join(demo.port);
    client.request(false, 10, 20, 30, 40);
    expect(await client.update()).toMatchObject([{ x: 10, y: 20, width: 30, height: 40 }]);
    await client.refresh();

    const { paper } = demo.areas();
    client.send(typing("a"));
    client.request(true, paper.x, paper.y, 4, paper.height);
    for (const rect of await client.update()) {
      expect(rect.x).toBeGreaterThanOrEqual(paper.x);
      expect(rect.x + rect.width).toBeLessThanOrEqual(paper.x + 4);
    }
    expect(same(received(client), shown())).toBe(false);
    client.request(true);
    await client.update();
    expect(same(received(client), shown())).toBe(true);
  });

  test("clips a request to the desktop, and answers a full one for nothing with nothing", async () => {
    const client = await TestClient.join(demo.port);
    client.request(false, WIDTH - 5, HEIGHT - 5, 65_535, 65_535);
    expect(await client.update()).toMatchObject([{ x: WIDTH - 5, width: 5, height: 5 }]);
    client.request(false, 0, 0, 0, 0);
    expect(await client.update()).toEqual([]);
  });

  test("comes for an incremental request only once something has changed", async () => {
    const client = await TestClient.join(demo.port);
    await client.refresh();
    client.request(true);
    // A key that changes nothing is no reason to answer; the typed letter after it is.
    client.send(keyEvent(true, 0xff51), typing("x"));
    const rects = await client.update();
    expect(rects.length).toBeGreaterThan(0);
    const sent = rects.reduce((sum, rect) => sum + rect.width * rect.height, 0);
    expect(sent).toBeLessThan((WIDTH * HEIGHT) / 10);
    expect(same(received(client), shown())).toBe(true);
  });

  test("brings the pointer's shape once to a client that draws it, in the client's format", async () => {
    const client = await TestClient.join(demo.port);
    client.setEncodings(RAW, CURSOR);
    const cursors = (await client.refresh()).filter((rect) => rect.encoding === CURSOR);
    expect(cursors).toHaveLength(1);
    const mask = cursors[0]?.pixels.subarray(12 * 19 * 4) ?? [];
    // The arrow's first rows are one, two and three pixels wide.
    expect([mask[0], mask[2], mask[4]]).toEqual([0x80, 0xc0, 0xe0]);
    expect((await client.refresh()).some((rect) => rect.encoding === CURSOR)).toBe(false);
    client.bytesPerPixel = 1;
    client.send(setPixelFormat(8, false, [3, 3, 2], [0, 3, 6]));
    expect((await client.refresh()).some((rect) => rect.encoding === CURSOR)).toBe(true);
  });
});

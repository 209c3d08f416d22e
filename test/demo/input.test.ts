import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DemoDesktop, startDemo } from "../../demo/server.ts";
import {
  cutText,
  keyEvent,
  pointerEvent,
  setEncodings,
  setPixelFormat,
  typing,
  updateRequest,
} from "../support/client-messages.ts";
import { RAW, TestClient } from "./client.ts";

const CONTROL = 0xffe3;
const SHIFT = 0xffe1;
const [BACKSPACE, DELETE, HOME, END] = [0xff08, 0xffff, 0xff50, 0xff57];
const [LEFT, UP, DOWN] = [0xff51, 0xff52, 0xff54];

let demo: DemoDesktop;

beforeEach(async () => {
  demo = await startDemo({ now: () => new Date(2026, 10, 22, 10, 9, 36) });
});

afterEach(() => demo.close());

function press(keysym: number): Buffer {
  return Buffer.concat([keyEvent(true, keysym), keyEvent(false, keysym)]);
}

/** Resolves when the server has dealt with all that the client has sent. */
async function settled(client: TestClient): Promise<void> {
  client.request(false, 0, 0, 1, 1);
  await client.update();
}

describe("drawing", () => {
  test("puts ink along the pointer's way, and another client sees it incrementally", async () => {
    const [artist, audience] = [await TestClient.join(demo.port), await TestClient.join(demo.port)];
    const { canvas } = demo.areas();
    const [x, y] = [canvas.x + 20, canvas.y + 20];
    // A click on an empty place first: it gives the window the focus, which changes much.
    artist.send(
      pointerEvent(1, canvas.x + 2, canvas.y + 2),
      pointerEvent(0, canvas.x + 2, canvas.y + 2),
    );
    await settled(artist);
    await audience.refresh();
    expect(audience.pixel(x, y)).toEqual([255, 255, 255]);

    audience.request(true);
    artist.send(pointerEvent(0, x, y), pointerEvent(1, x, y));
    artist.send(pointerEvent(1, x + 100, y), pointerEvent(0, x + 100, y));
    while (audience.pixel(x + 100, y).join() === "255,255,255") {
      for (const rect of await audience.update()) {
        expect(rect.width * rect.height).toBeLessThan(130 * 30);
      }
      audience.request(true);
    }
    const ink = demo.pixel(x, y);
    expect(ink).not.toEqual([255, 255, 255]);
    for (let along = 0; along <= 100; along++) expect(audience.pixel(x + along, y)).toEqual(ink);
    expect(demo.pixel(x, y + 12)).toEqual([255, 255, 255]);
  });

  test("needs the left button", async () => {
    const client = await TestClient.join(demo.port);
    const { canvas } = demo.areas();
    const [x, y] = [canvas.x + 20, canvas.y + 20];
    client.send(pointerEvent(0, x, y), pointerEvent(4, x, y), pointerEvent(0, x + 50, y));
    await settled(client);
    expect(demo.pixel(x, y)).toEqual([255, 255, 255]);
    expect(demo.pixel(x + 25, y)).toEqual([255, 255, 255]);
  });

  test("is possible for two at once, each with a line of their own", async () => {
    const [one, two] = [await TestClient.join(demo.port), await TestClient.join(demo.port)];
    const { canvas } = demo.areas();
    const [x, y] = [canvas.x + 20, canvas.y + 20];
    one.send(pointerEvent(1, x, y));
    await settled(one);
    two.send(pointerEvent(1, x, y + 60));
    await settled(two);
    one.send(pointerEvent(0, x + 80, y));
    await settled(one);
    two.send(pointerEvent(0, x + 80, y + 60));
    await settled(two);
    expect(demo.pixel(x + 40, y)).not.toEqual([255, 255, 255]);
    expect(demo.pixel(x + 40, y + 60)).not.toEqual([255, 255, 255]);
    expect(demo.pixel(x + 40, y + 30)).toEqual([255, 255, 255]);
  });

  test("ends with the whole line when the client goes away in the middle of it", async () => {
    const [artist, other] = [await TestClient.join(demo.port), await TestClient.join(demo.port)];
    const { canvas } = demo.areas();
    const [x, y] = [canvas.x + 20, canvas.y + 20];
    artist.send(pointerEvent(1, x, y), pointerEvent(1, x + 80, y));
    await settled(artist);
    expect(demo.pixel(x + 78, y)).toEqual([255, 255, 255]);
    await artist.leave();
    while (demo.clients() > 1) await settled(other);
    expect(demo.pixel(x + 78, y)).not.toEqual([255, 255, 255]);
  });
});

describe("a window", () => {
  test("follows the pointer by its title bar and stays within reach", async () => {
    const client = await TestClient.join(demo.port);
    const { titleBars, canvas } = demo.areas();
    const { x, y } = titleBars.paint;
    client.send(pointerEvent(1, x + 50, y + 10), pointerEvent(0, x + 80, y - 20));
    await settled(client);
    expect(demo.areas().titleBars.paint).toMatchObject({ x: x + 30, y: y - 30 });
    expect(demo.areas().canvas).toMatchObject({ x: canvas.x + 30, y: canvas.y - 30 });

    client.send(pointerEvent(1, x + 80, y - 20), pointerEvent(0, 65_535, 65_535));
    await settled(client);
    const moved = demo.areas().titleBars.paint;
    expect(moved.x).toBeLessThan(1280);
    expect(moved.y + moved.height).toBeLessThan(800);
  });
});

describe("typing", () => {
  test("puts Latin-1 into the notepad, at the caret", async () => {
    const client = await TestClient.join(demo.port);
    client.send(typing("Grüße, 1½ ~ÿ\nnext"), press(HOME), typing("the "));
    client.send(press(UP), press(LEFT), press(DELETE), press(BACKSPACE));
    await settled(client);
    expect(demo.typed()).toBe("Gße, 1½ ~ÿ\nthe next");
  });

  test("ignores modifiers and what is typed with Ctrl held", async () => {
    const client = await TestClient.join(demo.port);
    client.send(keyEvent(true, SHIFT), typing("A"), keyEvent(false, SHIFT));
    client.send(keyEvent(true, CONTROL), typing("az"), keyEvent(false, CONTROL), typing("b"));
    await settled(client);
    expect(demo.typed()).toBe("Ab");
  });

  test("is not held up by a modifier that another client went away with", async () => {
    const [one, two] = [await TestClient.join(demo.port), await TestClient.join(demo.port)];
    one.send(keyEvent(true, CONTROL));
    await settled(one);
    await one.leave();
    two.send(typing("ok"));
    await settled(two);
    expect(demo.typed()).toBe("ok");
  });

  test("wraps at a space, and the caret moves by the lines that are seen", async () => {
    const client = await TestClient.join(demo.port);
    const words = "wrapping ".repeat(12);
    client.send(typing(words), press(HOME), typing("|"), press(UP), press(HOME), typing("("));
    client.send(press(DOWN), press(DOWN), press(END), typing(")"));
    await settled(client);
    expect(demo.typed().replace("|", "")).toBe(`(${words})`);
    expect(demo.typed()).toMatch(/^\((wrapping )+\|(wrapping )+\)$/);
  });

  test("stops at 4000 characters", async () => {
    const client = await TestClient.join(demo.port);
    client.send(cutText("x".repeat(5_000)), keyEvent(true, CONTROL), press(0x76));
    client.send(keyEvent(false, CONTROL), typing("y"));
    await settled(client);
    expect(demo.typed()).toBe("x".repeat(4_000));
  });

  test("with Ctrl+C and Ctrl+V passes text between the clipboards of clients", async () => {
    const [one, two] = [await TestClient.join(demo.port), await TestClient.join(demo.port)];
    one.send(cutText("façade\r\n\tend"), keyEvent(true, CONTROL), press(0x76), press(0x63));
    const message = await two.read(8);
    expect([...message]).toEqual([3, 0, 0, 0, 0, 0, 0, 10]);
    expect((await two.read(10)).toString("latin1")).toBe("façade\nend");
    expect(demo.typed()).toBe("façade\nend");
  });
});

describe("client messages", () => {
  // Each kind once, and at the end one whose effect shows that all before it were understood.
  const { x, y } = { x: 70, y: 330 };
  const messages = Buffer.concat([
    setPixelFormat(32, false, [8, 8, 8], [0, 8, 16]),
    setEncodings(RAW, -314, 7),
    setEncodings(),
    updateRequest(true, 0, 0, 1, 1),
    cutText(""),
    cutText("clip"),
    pointerEvent(1, x, y),
    pointerEvent(0, x + 30, y),
    keyEvent(true, CONTROL),
    press(0x76),
    keyEvent(false, CONTROL),
    typing(" done"),
  ]);

  async function check(client: TestClient): Promise<void> {
    await settled(client);
    expect(demo.typed()).toBe("clip done");
    expect(demo.pixel(x + 15, y)).not.toEqual([255, 255, 255]);
  }

  test("are understood byte by byte", async () => {
    const client = await TestClient.join(demo.port);
    for (const byte of messages) {
      client.send([byte]);
      await new Promise(setImmediate);
    }
    await check(client);
  });

  test("are understood all in one", async () => {
    const client = await TestClient.join(demo.port);
    client.send(messages);
    await check(client);
  });

  test("are understood split in two at every place", async () => {
    const client = await TestClient.join(demo.port);
    for (let at = 1; at < messages.length; at++) {
      client.send(messages.subarray(0, at));
      await new Promise(setImmediate);
      client.send(messages.subarray(at));
    }
    await settled(client);
    expect(demo.typed()).toBe("clip done".repeat(messages.length - 1));
  });
});

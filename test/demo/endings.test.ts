import { once } from "node:events";
import { createServer } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type DemoDesktop, type DemoOptions, startDemo } from "../../demo/server.ts";
import { cutText, typing } from "../support/client-messages.ts";
import { CURSOR, RAW, TestClient } from "./client.ts";

const MIB = 1024 * 1024;
const SMALL = { width: 640, height: 480 };

let demo: DemoDesktop | undefined;

afterEach(async () => {
  await demo?.close();
  demo = undefined;
  vi.useRealTimers();
});

async function start(options: DemoOptions): Promise<DemoDesktop> {
  demo = await startDemo(options);
  return demo;
}

function recorder() {
  const reasons: unknown[] = [];
  return {
    reasons,
    log: (event: string, fields: Record<string, unknown>) => {
      if (event === "demo_client_ended") reasons.push(fields.reason);
    },
  };
}

/** Bytes of buffers that are still in use. */
function bufferBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  return process.memoryUsage().arrayBuffers;
}

describe("a client that breaks the protocol", () => {
  const colourMap = Buffer.alloc(20);
  colourMap.set([8, 8, 0, 0], 4);
  test.each([
    ["sends an unknown message", Buffer.from([150, 0]), /type 150/],
    ["announces a cut text of more than 256 KiB", cutText("", 256 * 1024 + 1), /262145 bytes/],
    [
      "sends the extended clipboard's negative length",
      cutText("", 0xffff_fff8),
      /4294967288 bytes/,
    ],
    ["asks for a colour map", colourMap, /true colour/],
  ])("and %s is disconnected with a logged sentence, and no one else", async (_, bytes, reason) => {
    const { reasons, log } = recorder();
    const { port, clients, typed } = await start({ ...SMALL, log });
    const [bad, good] = [await TestClient.join(port), await TestClient.join(port)];
    bad.send(bytes);
    await bad.ended();
    expect(reasons).toEqual([expect.stringMatching(reason)]);
    expect(clients()).toBe(1);
    good.send(typing("still here"));
    await good.refresh();
    expect(typed()).toBe("still here");
  });

  test("is one whose cut text is a byte longer than the limit, not one at the limit", async () => {
    const { port, clients } = await start(SMALL);
    const client = await TestClient.join(port);
    client.send(cutText("x".repeat(256 * 1024)));
    await client.refresh();
    expect(clients()).toBe(1);
  });
});

describe("a client that goes away", () => {
  test.each([0, 5, 12, 13, 14, 15, 20, 30])("after %i bytes leaves nothing", async (count) => {
    const ended = Promise.withResolvers<void>();
    const log = (event: string) => event === "demo_client_ended" && ended.resolve();
    const { port, clients } = await start({ ...SMALL, log });
    const client = await TestClient.dial(port);
    const all = Buffer.concat([Buffer.from("RFB 003.008\n\x01\x01"), typing("a"), cutText("abc")]);
    client.send(all.subarray(0, count));
    client.socket.end();
    client.socket.resume();
    await ended.promise;
    await client.ended();
    expect(clients()).toBe(0);
  });

  test("in the middle of a zlib update does no harm", async () => {
    const { port, clients } = await start({});
    const other = await TestClient.join(port);
    await other.refresh();
    other.request(true);
    const client = await TestClient.join(port);
    client.setEncodings(6);
    client.request(false);
    client.send(typing("a"));
    await client.read(1);
    await client.leave();
    while (clients() > 1) {
      await other.update();
      other.request(true);
    }
    await other.refresh();
  });
});

describe("a client that never reads", () => {
  test("costs no more than one update, while others go on", { timeout: 60_000 }, async () => {
    const { port, typed, areas, pixel } = await start({ now: () => new Date(0) });
    const [stuck, other] = [await TestClient.join(port), await TestClient.join(port)];
    await other.refresh();
    const before = bufferBytes();
    const rounds = 100;
    const { paper } = areas();
    for (let i = 0; i < rounds; i++) {
      // A full frame is 4 MB: all of them would be 400 MB, far more than sockets hold.
      stuck.request(false);
      stuck.send(typing(i % 40 === 39 ? "\n" : "x"));
      other.request(true, paper.x, paper.y, paper.width, paper.height);
      await other.update();
    }
    expect(typed()).toHaveLength(rounds);
    expect(bufferBytes() - before).toBeLessThan(24 * MIB);

    // When it reads at last, it gets the few frames that were sent, and then the present one.
    stuck.setEncodings(RAW, CURSOR);
    stuck.request(false);
    let updates = 1;
    while (!(await stuck.update()).some((rect) => rect.encoding === CURSOR)) updates++;
    expect(updates).toBeLessThan(10);
    const { x, y } = paper;
    expect(stuck.pixel(x, y + 10)).toEqual(pixel(x, y + 10));
  });
});

describe("the clock", () => {
  test("ticks while someone watches, and no timer runs otherwise", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let now = new Date(2026, 10, 22, 10, 9, 36);
    const { port, clients } = await start({ ...SMALL, now: () => now });
    expect(vi.getTimerCount()).toBe(0);

    const client = await TestClient.join(port);
    const other = await TestClient.join(port);
    await client.refresh();
    expect(vi.getTimerCount()).toBe(1);
    const before = Buffer.from(client.picture);
    now = new Date(2026, 10, 22, 10, 9, 37);
    client.request(true);
    vi.advanceTimersByTime(1_000);
    await client.update();
    expect(client.picture.equals(before)).toBe(false);

    await other.leave();
    while (clients() > 1) {
      client.request(true);
      await client.update();
    }
    expect(vi.getTimerCount()).toBe(1);
    client.send([99]);
    await client.ended();
    expect(clients()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("ends a connection that does not finish its handshake in 10 s", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { reasons, log } = recorder();
    const { port } = await start({ ...SMALL, log });
    const client = await TestClient.dial(port);
    await client.read(12);
    vi.advanceTimersByTime(10_000);
    await client.ended();
    expect(reasons).toEqual([expect.stringMatching(/handshake took longer/)]);
  });
});

describe("startDemo", () => {
  test("rejects with Node's error when the port is taken", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const address = taken.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    await expect(startDemo({ port })).rejects.toMatchObject({ code: "EADDRINUSE" });
    taken.close();
    await once(taken, "close");
  });

  test.each([
    { width: 100, height: 800 },
    { width: 1280, height: 10_000 },
    { width: 640.5, height: 480 },
  ])("rejects a desktop of $width x $height", async (size) => {
    await expect(startDemo(size)).rejects.toThrow(RangeError);
  });
});

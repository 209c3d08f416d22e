import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { overhearServerInit, type ServerInit } from "../../agent/rfb/server-init.ts";

/** RFC 6143, 7.3.2. @param length the length that it claims for its name */
function serverInit(name: string, length = Buffer.byteLength(name)): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt16BE(1920, 0);
  head.writeUInt16BE(1080, 2);
  head.writeUInt32BE(length, 20);
  return Buffer.concat([head, Buffer.from(name)]);
}

/** What is heard of a server that says this, in these pieces. */
function heard(...pieces: Buffer[]): { heard: ServerInit[]; listeners: number } {
  const socket = new EventEmitter();
  const inits: ServerInit[] = [];
  const [first = Buffer.alloc(0), ...rest] = pieces;
  overhearServerInit(socket, first, (init) => inits.push(init));
  for (const piece of rest) socket.emit("data", piece);
  return { heard: inits, listeners: socket.listenerCount("data") };
}

const size = { width: 1920, height: 1080 };

describe("what a VNC server says of its desktop", () => {
  const bytes = serverInit("Büro ☕");

  it("is heard once, however it is cut, and nothing listens afterwards", () => {
    const expected = { heard: [{ ...size, name: "Büro ☕" }], listeners: 0 };
    for (let cut = 0; cut <= bytes.length; cut++) {
      const picture = Buffer.alloc(5000, 7);
      expect(heard(bytes.subarray(0, cut), bytes.subarray(cut), picture)).toEqual(expected);
    }
    const single = [...bytes].map((byte) => Buffer.from([byte]));
    expect(heard(Buffer.alloc(0), ...single)).toEqual(expected);
    expect(heard(Buffer.concat([bytes, Buffer.alloc(5000, 7)]))).toEqual(expected);
  });

  it("is not heard of one that hangs up in the middle", () => {
    expect(heard(bytes.subarray(0, bytes.length - 1)).heard).toEqual([]);
  });

  it("has no name where it is empty, and no control characters or more than 255 characters", () => {
    expect(heard(serverInit("")).heard).toEqual([{ ...size, name: null }]);
    expect(heard(serverInit("\0\n")).heard).toEqual([{ ...size, name: null }]);
    expect(heard(serverInit("a\r\nb\0")).heard).toEqual([{ ...size, name: "a b" }]);
    expect(heard(serverInit("x".repeat(300))).heard).toEqual([{ ...size, name: "x".repeat(255) }]);
  });

  it("is heard of one that claims a name of 4 GiB, without waiting for that", () => {
    const endless = serverInit("x".repeat(2000), 0xffff_ffff);
    expect(heard(endless)).toEqual({ heard: [{ ...size, name: "x".repeat(255) }], listeners: 0 });
  });
});

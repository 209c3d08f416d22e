import { createServer, type Socket } from "node:net";
import { LOOPBACK } from "../protocol/ids.ts";
import { SentenceError } from "./sentence.ts";
import type { SmokeSocket } from "./smoke-socket.ts";

/** What the stalled viewer's host wants to send. */
const FLOOD_BYTES = 200 * 1024 * 1024;

/** RFC 6143: what a viewer says to come to a picture, and where the server's answers end. */
export const VERSION = Buffer.from("RFB 003.008\n");
const CHOOSE_NONE = Buffer.from([1]);
const OFFER_NONE = Buffer.from([1, 1]);
const RESULT_OK = Buffer.alloc(4);
export const SHARED = Buffer.from([1]);
const SERVER_INIT_HEAD_BYTES = 24;

/** @throws {SentenceError} that says what else was the case */
export function expectThat(holds: boolean, otherwise: string): void {
  if (!holds) throw new SentenceError(otherwise);
}

/** RFC 6143, 7.1 to 7.3, as a viewer. */
export async function handshake(socket: SmokeSocket): Promise<{ width: number; height: number }> {
  await logIn(socket);
  socket.send(SHARED);
  const head = await socket.read(SERVER_INIT_HEAD_BYTES);
  await socket.read(head.readUInt32BE(20));
  return { width: head.readUInt16BE(0), height: head.readUInt16BE(2) };
}

export async function logIn(socket: SmokeSocket): Promise<void> {
  const version = await socket.read(VERSION.length);
  expectThat(
    version.equals(VERSION),
    `the server greeted with ${JSON.stringify(version.toString())}`,
  );
  socket.send(VERSION);
  const count = (await socket.read(1)).readUInt8();
  const types = await socket.read(count);
  expectThat(types.includes(1), "the server does not offer the security type None");
  socket.send(CHOOSE_NONE);
  const result = (await socket.read(4)).readUInt32BE();
  expectThat(result === 0, "the server refused");
}

/** Asks for the first pixel, whole: one rectangle of 1x1 in Raw (RFC 6143, 7.5.3, 7.6.1, 7.7.1). */
export async function requestPixel(socket: SmokeSocket): Promise<void> {
  socket.send(Buffer.from([3, 0, 0, 0, 0, 0, 0, 1, 0, 1]));
  const head = await socket.read(4);
  expectThat(head.readUInt8(0) === 0, `the server sent message type ${head.readUInt8(0)}`);
  for (let n = head.readUInt16BE(2); n > 0; n--) {
    const rectangle = await socket.read(12);
    expectThat(rectangle.readInt32BE(8) === 0, "the server sent an encoding that nobody asked for");
    await socket.read(rectangle.readUInt16BE(4) * rectangle.readUInt16BE(6) * 4);
  }
}

export type Flood = { port: number; sent(): number; close(): void };

/** A VNC server without a picture: once it is asked in, it sends as fast as it is allowed to. */
export async function startFlood(): Promise<Flood> {
  const chunk = Buffer.alloc(64 * 1024);
  let sent = 0;
  const server = createServer((socket: Socket) => {
    const pour = () => {
      while (sent < FLOOD_BYTES) {
        sent += chunk.length;
        if (!socket.write(chunk)) return void socket.once("drain", pour);
      }
    };
    /** What it answers when it has heard so many bytes in all (RFC 6143, 7.1 to 7.3). */
    const answers: [number, () => void][] = [
      [VERSION.length, () => socket.write(OFFER_NONE)],
      [VERSION.length + 1, () => socket.write(RESULT_OK)],
      [VERSION.length + 2, pour],
    ];
    let heard = 0;
    socket.on("error", () => socket.destroy());
    socket.on("data", (data: Buffer) => {
      heard += data.length;
      while (answers[0] && heard >= answers[0][0]) answers.shift()?.[1]();
    });
    socket.write(VERSION);
  });
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { port, sent: () => sent, close: () => server.close() };
}

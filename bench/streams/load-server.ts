import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import {
  CLIENT_INIT,
  decodeRequest,
  GREETING,
  MAX_WRITE_BYTES,
  offerOf,
  pixelBytes,
  REQUEST_BYTES,
  SECURITY_OK,
  SERVER_INIT,
  type Security,
  type UpdateRequest,
  updateHeader,
} from "./rfb.ts";

/**
 * The VNC server of the bench, a process of its own: the same for every contender, and not counted
 * in their CPU time. Any message from its parent asks for its progress.
 */

/** What it tells the bench. */
export type ServerReport =
  | { type: "listening"; ports: Record<Security, number> }
  /** `sent`: bytes of the latest update that the kernel has taken. */
  | { type: "progress"; sent: number; connections: number };

/** How much is written before other events get their turn, where nothing ever holds the writer up. */
const TURN_BYTES = 1024 * 1024;

const PIXELS = randomBytes(MAX_WRITE_BYTES);

const connections = new Set<Socket>();
let sent = 0;

/** Sends an update in writes of the size asked for, the next one when the kernel took the last. */
function sendUpdate(socket: Socket, request: UpdateRequest): void {
  const { writeBytes } = request;
  const total = pixelBytes(request);
  const piece = PIXELS.subarray(0, writeBytes);
  let left = total;
  sent = 0;
  const turn = () => {
    let turnLeft = TURN_BYTES;
    let taken = true;
    while (left > 0 && turnLeft > 0 && taken && !socket.destroyed) {
      const size = Math.min(writeBytes, left);
      taken = socket.write(size === writeBytes ? piece : piece.subarray(0, size));
      left -= size;
      turnLeft -= size;
    }
    sent = total - left - socket.writableLength;
    if (!taken) socket.once("drain", turn);
    else if (left > 0 && !socket.destroyed) setImmediate(turn);
  };
  // A small update is one write.
  const header = updateHeader(request);
  if (total <= writeBytes)
    return void socket.write(Buffer.concat([header, piece.subarray(0, total)]));
  socket.write(header);
  turn();
}

/** The steps of the handshake: what is read, and what is said then. */
const handshakeOf = (security: Security) => [
  { bytes: GREETING.length, answer: offerOf(security) },
  { bytes: 1, answer: SECURITY_OK },
  { bytes: CLIENT_INIT.length, answer: SERVER_INIT },
];

function serve(socket: Socket, security: Security): void {
  connections.add(socket);
  socket.on("close", () => connections.delete(socket));
  socket.on("error", () => {}); // `close` follows
  socket.write(GREETING);
  const handshake = handshakeOf(security);
  let pending = Buffer.alloc(0);
  const take = (bytes: number): Buffer => {
    const taken = pending.subarray(0, bytes);
    pending = pending.subarray(bytes);
    return taken;
  };
  socket.on("data", (data) => {
    pending = pending.length === 0 ? data : Buffer.concat([pending, data]);
    for (;;) {
      const step = handshake[0];
      if (pending.length < (step?.bytes ?? REQUEST_BYTES)) return;
      if (step) {
        take(step.bytes);
        socket.write(step.answer);
        handshake.shift();
      } else {
        sendUpdate(socket, decodeRequest(take(REQUEST_BYTES)));
      }
    }
  });
}

function report(message: ServerReport): void {
  process.send?.(message);
}

// With this mark `write` is true when the kernel took everything, and `drain` comes when it has.
async function listen(security: Security): Promise<number> {
  const options = { noDelay: true, highWaterMark: 1 };
  const server = createServer(options, (socket) => serve(socket, security));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

process.on("message", () => report({ type: "progress", sent, connections: connections.size }));
process.on("disconnect", () => process.exit());
const ports = { none: await listen("none"), unknown: await listen("unknown") };
report({ type: "listening", ports });

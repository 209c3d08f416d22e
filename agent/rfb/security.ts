import { MAX_SECURITY_TYPES } from "../../protocol/limits.ts";
import { type Greeted, greet } from "./greeting.ts";

/** Security types by number, as people know them (RFC 6143, 7.2, and rfbproto's registry). */
const SECURITY_NAMES: Readonly<Record<number, string>> = {
  1: "None",
  2: "VNC password",
  5: "RA2",
  6: "RA2ne",
  13: "RA2 256",
  16: "Tight",
  18: "TLS",
  19: "VeNCrypt",
  30: "Apple",
  113: "MS-Logon II",
  129: "RA2ne 256",
};

const NONE = 1;

/** RFC 6143, 7.1.1: a version message is 12 bytes. */
const VERSION_BYTES = 12;

/** RFC 6143, 7.1.3: SecurityResult is a u32; in 3.7 there is none after the type None. */
const SECURITY_RESULT_BYTES = 4;

/**
 * Connects to a VNC server and asks which security types it offers. Where None is among them the
 * authentication is completed, since TigerVNC takes a connection that never completes one for an
 * attack and shuts the address out after five. It goes no further: no ClientInit is sent, so
 * no session begins and nobody is disturbed.
 * @param withinMs for all of it
 * @returns the names of the types; empty if the server refuses for now, or says no more than its
 *   version
 * @throws {TargetError} as {@link greet} does
 */
export async function askSecurity(
  target: { host: string; port: number },
  withinMs: number,
  signal?: AbortSignal,
): Promise<string[]> {
  const greeted = await greet(target, withinMs, signal);
  try {
    return await readSecurity(greeted, withinMs);
  } catch (error) {
    if (error instanceof HandshakeCutError) return [];
    throw error;
  } finally {
    greeted.socket.destroy();
  }
}

async function readSecurity(greeted: Greeted, withinMs: number): Promise<string[]> {
  const { socket } = greeted;
  const version = greeted.received.toString("latin1", 4, 11);
  const read = reader(greeted, withinMs);
  // The server's own version, as far as we know it: 3.3, 3.7, and 3.8 for whatever is newer.
  const answer = version === "003.003" || version === "003.007" ? version : "003.008";
  socket.write(`RFB ${answer}\n`);
  if (answer === "003.003") {
    // RFC 6143, A.1: the server decides, with a u32; 0 is a refusal.
    const type = (await read(4)).readUInt32BE();
    return type === 0 ? [] : [securityName(type)];
  }
  const count = (await read(1)).readUInt8();
  const types = [...(await read(count))];
  if (types.includes(NONE)) {
    socket.write(Buffer.from([NONE]));
    if (answer === "003.008") await read(SECURITY_RESULT_BYTES);
  }
  return types.slice(0, MAX_SECURITY_TYPES).map(securityName);
}

function securityName(type: number): string {
  return SECURITY_NAMES[type] ?? `type ${type}`;
}

/** The server hung up, or was silent for too long, in the middle of the handshake. */
class HandshakeCutError extends Error {}

/** Reads exact lengths from a greeted server, after its version. */
function reader(
  { socket, received }: Greeted,
  withinMs: number,
): (bytes: number) => Promise<Buffer> {
  let buffer: Buffer = received.subarray(VERSION_BYTES);
  let wanted: { bytes: number; resolve(read: Buffer): void; reject(error: Error): void } | null =
    null;
  let over = false;
  const serve = () => {
    if (!wanted) return;
    if (buffer.length >= wanted.bytes) {
      wanted.resolve(buffer.subarray(0, wanted.bytes));
      buffer = buffer.subarray(wanted.bytes);
      wanted = null;
    } else if (over) {
      wanted.reject(new HandshakeCutError());
    }
  };
  const timer = setTimeout(() => socket.destroy(), withinMs);
  socket.on("data", (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    serve();
  });
  socket.on("close", () => {
    clearTimeout(timer);
    over = true;
    serve();
  });
  socket.resume();
  return (bytes) =>
    new Promise((resolve, reject) => {
      wanted = { bytes, resolve, reject };
      serve();
    });
}

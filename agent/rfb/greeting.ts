import { connect, type Socket } from "node:net";
import { CloseCode } from "../../protocol/close-codes.ts";
import { StreamError } from "./stream-error.ts";

/** RFC 6143, 7.1.1: a server speaks first, with `RFB xxx.yyy\n`. */
export const VERSION_BYTES = 12;
const VERSION_PATTERN = /^RFB \d{3}\.\d{3}\n$/;

/** A VNC server that has greeted: its socket, paused, and the bytes that it sent so far. */
export type Greeted = {
  socket: Socket;
  received: Buffer;
  /**
   * Says that the chunk which `data` just delivered is still needed after its handlers returned;
   * the next one is then read into another buffer.
   */
  keepChunk(): void;
};

/** How much is read at a time. */
const READ_BYTES = 64 * 1024;

/**
 * Connects to a target and waits until it shows that it is a VNC server.
 * @param withinMs for the connection and the greeting together
 * @throws {StreamError} serverRefused: nobody listens, or it is no VNC server; serverTimeout: it
 *   does not accept or does not speak
 */
export function greet(
  target: { host: string; port: number },
  withinMs: number,
  signal?: AbortSignal,
): Promise<Greeted> {
  const { host, port } = target;
  return new Promise((resolve, reject) => {
    // One buffer for all reads stays in the processor's cache; Node's own way takes a new one for
    // each, which costs the agent a tenth of its time and a stalled viewer megabytes.
    let buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const keepChunk = () => {
      buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    };
    const socket: Socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: () => buffer,
        callback: (bytes, chunk) => socket.emit("data", (chunk as Buffer).subarray(0, bytes)),
      },
    });
    let received = Buffer.alloc(0);

    const fail = (code: CloseCode, message: string) => {
      stop();
      socket.destroy();
      reject(new StreamError(code, message));
    };
    const silent = () => {
      const what = socket.connecting ? "does not accept connections" : "accepts but does not speak";
      fail(CloseCode.serverTimeout, `The server on port ${port} ${what}.`);
    };
    const onError = (error: NodeJS.ErrnoException) => {
      const nobody = error.code === "ECONNREFUSED";
      const message = nobody
        ? `No VNC server is listening on port ${port}.`
        : `The server on port ${port} cannot be reached (${error.code ?? error.message}).`;
      fail(error.code === "ETIMEDOUT" ? CloseCode.serverTimeout : CloseCode.serverRefused, message);
    };
    const onEnd = () =>
      fail(
        CloseCode.serverRefused,
        `The server on port ${port} hung up before it said a word of RFB.`,
      );
    const onAbort = () => fail(CloseCode.goingAway, "Nobody waits for this any more.");
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const start = received.toString("latin1", 0, Math.min(4, received.length));
      if (!"RFB ".startsWith(start)) {
        return fail(CloseCode.serverRefused, `What listens on port ${port} is not a VNC server.`);
      }
      if (received.length < VERSION_BYTES) return;
      if (!VERSION_PATTERN.test(received.toString("latin1", 0, VERSION_BYTES))) {
        return fail(CloseCode.serverRefused, `What listens on port ${port} is not a VNC server.`);
      }
      stop();
      socket.pause();
      resolve({ socket, received, keepChunk });
    };
    const timer = setTimeout(silent, withinMs);
    const stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      socket.off("data", onData).off("end", onEnd).off("error", onError);
      // A socket without an error listener would end the process.
      socket.on("error", ignoreLateError);
    };
    socket.on("data", onData).on("end", onEnd).on("error", onError);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort);
  });
}

/** After the greeting `close` follows every error, and it is what the owner of the socket acts on. */
function ignoreLateError(): void {}

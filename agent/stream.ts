import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { CloseCode, fitCloseReason, sendableCloseCode } from "../protocol/close-codes.ts";
import {
  DISPLAY_ANSWER_MS,
  MAX_STREAM_MESSAGE_BYTES,
  STREAM_KEEPALIVE_MS,
} from "../protocol/limits.ts";
import { dialOptions, edgeSocketUrl } from "./dial.ts";
import { Gather } from "./gather.ts";
import { describeError, type Log } from "./log.ts";
import { type Greeted, greet, TargetError } from "./rfb/greeting.ts";

/**
 * One viewer: a TCP connection to the VNC server and a WebSocket to the edge, joined with
 * backpressure in both directions. Whichever side does not read stops the other from being read,
 * so memory stays at the marks below whatever the line does.
 */
export class Stream {
  readonly #request: StreamRequest;
  readonly #report: StreamReport;
  readonly #log: Log;
  readonly #abort = new AbortController();
  readonly #startedAt = Date.now();
  #splice: Splice | null = null;

  /** Settles when the stream is over and reported. Never rejects. */
  readonly finished: Promise<void>;

  constructor(request: StreamRequest, report: StreamReport, log: Log) {
    this.#request = request;
    this.#report = report;
    this.#log = log;
    this.finished = this.#serve();
  }

  async #serve(): Promise<void> {
    const { stream, session, target } = this.#request;
    const fields = { stream, session, port: target.port };
    let greeted: Greeted;
    try {
      greeted = await greet(target, DISPLAY_ANSWER_MS, this.#abort.signal);
    } catch (error) {
      if (this.#abort.signal.aborted) {
        return this.#report.closed(emptyTotals(this.#startedAt, "It was closed before it opened."));
      }
      const code = error instanceof TargetError ? error.code : CloseCode.serverRefused;
      const message = describeError(error);
      this.#log("stream.failed", { ...fields, code, message });
      return this.#report.failed(code, message);
    }
    let socket: WebSocket;
    try {
      socket = await this.#dial();
    } catch (error) {
      greeted.socket.destroy();
      const reason = `The edge did not take the stream: ${describeError(error)}`;
      this.#log("stream.not_taken", { ...fields, reason });
      return this.#report.closed(emptyTotals(this.#startedAt, reason));
    }
    this.#log("stream.opened", fields);
    this.#report.opened();
    this.#splice = new Splice(greeted, socket, target.port);
    const totals = await this.#splice.finished;
    const seconds = (Date.now() - this.#startedAt) / 1000;
    this.#log("stream.closed", { ...fields, ...totals, seconds });
    this.#report.closed({ ...totals, seconds });
  }

  /** Ends the stream; the viewer sees the code and the reason if it still reads. */
  close(code: number, reason: string): void {
    this.#abort.abort();
    this.#splice?.close(code, reason);
  }

  #dial(): Promise<WebSocket> {
    const { edge, session, stream, token } = this.#request;
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(edgeSocketUrl(edge, `/agent/stream/${session}/${stream}`), {
        ...dialOptions(edge, token),
        maxPayload: MAX_STREAM_PAYLOAD_BYTES,
      });
      const onAbort = () => socket.terminate();
      this.#abort.signal.addEventListener("abort", onAbort);
      socket.on("error", reject); // stays: a socket without an error listener would end the process
      socket.once("open", () => {
        socket.pause(); // what the viewer has said already waits until the splice listens
        this.#abort.signal.removeEventListener("abort", onAbort);
        resolve(socket);
      });
      if (this.#abort.signal.aborted) onAbort();
    });
  }
}

export type StreamRequest = {
  edge: string;
  stream: string;
  session: string;
  token: string;
  target: { host: string; port: number };
};

/** `bytes_in` towards the VNC server, `bytes_out` towards the viewer. */
export type StreamTotals = {
  bytes_in: number;
  bytes_out: number;
  seconds: number;
  reason: string;
};

/** What the link says to the edge about this stream. */
export type StreamReport = {
  opened(): void;
  failed(code: CloseCode, message: string): void;
  closed(totals: StreamTotals): void;
};

function emptyTotals(startedAt: number, reason: string): StreamTotals {
  return { bytes_in: 0, bytes_out: 0, seconds: (Date.now() - startedAt) / 1000, reason };
}

/** When more than this waits in the WebSocket, the VNC server is not read any more. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** When no more than this waits, it is read again. */
const LOW_WATER_BYTES = 256 * 1024;

/**
 * What `ws` takes before it closes by itself with 1009 and no reason. Above our own limit, so that
 * an oversized message is usually answered with 4400 and a sentence.
 */
const MAX_STREAM_PAYLOAD_BYTES = 4 * MAX_STREAM_MESSAGE_BYTES;

/** How long a VNC server may leave a viewer's input unread. */
const SERVER_STUCK_MS = 60_000;

/** How long the other side has to answer a close before its socket is destroyed. */
const CLOSE_GRACE_MS = 1_000;

const BINARY = { binary: true } as const;
const NOTHING = Buffer.alloc(0);

/** The two sockets, joined until one of them ends. */
class Splice {
  readonly finished: Promise<Omit<StreamTotals, "seconds">>;
  readonly #tcp: Socket;
  readonly #socket: WebSocket;
  readonly #keepalive: ReturnType<typeof setInterval>;
  #stuck: ReturnType<typeof setTimeout> | undefined;
  #bytesIn = 0;
  #bytesOut = 0;
  #idle = true;
  #reason: string | null = null;

  constructor(greeted: Greeted, socket: WebSocket, port: number) {
    this.#tcp = greeted.socket;
    this.#socket = socket;
    this.#keepalive = setInterval(() => this.#sendIfIdle(), STREAM_KEEPALIVE_MS);
    this.finished = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        clearInterval(this.#keepalive);
        clearTimeout(this.#stuck);
        this.#reason ??= `The viewer left (${code}${reason.length > 0 ? ` ${reason}` : ""}).`;
        // What the viewer sent last still goes out, unless the server does not read.
        this.#tcp.destroySoon();
        setTimeout(() => this.#tcp.destroy(), CLOSE_GRACE_MS).unref();
        resolve({ bytes_in: this.#bytesIn, bytes_out: this.#bytesOut, reason: this.#reason });
      });
    });
    this.#pumpToViewer(greeted);
    this.#pumpToServer();
    const serverGone = () =>
      this.close(CloseCode.serverRefused, `The VNC server on port ${port} closed the connection.`);
    // It may have gone while the edge was dialled.
    if (this.#tcp.destroyed) serverGone();
    else this.#tcp.on("close", serverGone);
    // `close` follows, and ends the other side.
    socket.on("error", (error) => {
      this.#reason ??= `The connection to the edge failed (${error.message}).`;
    });
    socket.resume();
  }

  close(code: number, reason: string): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#tcp.destroy();
    this.#socket.close(sendableCloseCode(code), fitCloseReason(reason));
    setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS).unref();
  }

  #pumpToViewer({ received, keepChunk }: Greeted): void {
    const tcp = this.#tcp;
    const socket = this.#socket;
    const gather = new Gather();
    const flushed = () => {
      if (!tcp.isPaused() || gather.resting || socket.bufferedAmount > LOW_WATER_BYTES) return;
      tcp.resume();
    };
    const send = (chunk: Buffer) => {
      this.#idle = false;
      this.#bytesOut += chunk.length;
      socket.send(chunk, BINARY, flushed);
      // What the kernel did not take at once is sent from this very buffer later.
      if (socket.bufferedAmount > 0) keepChunk();
      if (socket.bufferedAmount > HIGH_WATER_BYTES) tcp.pause();
      else if (gather.wants(chunk.length)) {
        tcp.pause();
        gather.rest(flushed);
      }
    };
    send(received);
    tcp.on("data", send);
    tcp.resume();
  }

  #pumpToServer(): void {
    const tcp = this.#tcp;
    const socket = this.#socket;
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      if (!isBinary)
        return this.close(CloseCode.malformed, "A stream carries binary messages only.");
      if (data.length > MAX_STREAM_MESSAGE_BYTES) {
        const limit = `${MAX_STREAM_MESSAGE_BYTES / 1024} KiB`;
        return this.close(CloseCode.malformed, `A message of a stream is at most ${limit}.`);
      }
      this.#bytesIn += data.length;
      if (tcp.write(data)) return;
      socket.pause();
      // A paused socket does not hear the viewer leave: it is not waited for without end.
      this.#stuck ??= setTimeout(
        () => this.close(CloseCode.serverTimeout, "The VNC server does not read what it is sent."),
        SERVER_STUCK_MS,
      );
    });
    tcp.on("drain", () => {
      clearTimeout(this.#stuck);
      this.#stuck = undefined;
      socket.resume();
    });
  }

  #sendIfIdle(): void {
    if (this.#idle && this.#socket.bufferedAmount === 0) this.#socket.send(NOTHING, BINARY);
    this.#idle = true;
  }
}

import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { CloseCode, fitCloseReason, sendableCloseCode } from "../protocol/close-codes.ts";
import { MAX_STREAM_MESSAGE_BYTES, STREAM_KEEPALIVE_MS } from "../protocol/limits.ts";
import type { Role } from "../protocol/link.ts";
import { Gather } from "./gather.ts";
import { admitViewer } from "./rfb/admit-viewer.ts";
import { ByteReader } from "./rfb/byte-reader.ts";
import { ClientFilter, isUnlimited, type Rights } from "./rfb/client-filter.ts";
import type { LoggedIn } from "./rfb/log-in.ts";
import { overhearServerInit, type ServerInit } from "./rfb/server-init.ts";
import { StreamError } from "./rfb/stream-error.ts";

/** When more than this waits in the WebSocket, the VNC server is not read any more. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** When no more than this waits, it is read again. */
const LOW_WATER_BYTES = 256 * 1024;

/**
 * What `ws` takes before it closes by itself with 1009 and no reason. Above our own limit, so that
 * an oversized message is usually answered with 4400 and a sentence.
 */
export const MAX_STREAM_PAYLOAD_BYTES = 4 * MAX_STREAM_MESSAGE_BYTES;

/** How long a VNC server may leave a viewer's input unread. */
const SERVER_STUCK_MS = 60_000;

/** How long the other side has to answer a close before its socket is destroyed. */
const CLOSE_GRACE_MS = 1_000;

/** A handshake is a few bytes; a viewer that says more is not listened to until it is over. */
const MAX_EARLY_BYTES = 4 * 1024;

const BINARY = { binary: true } as const;
const NOTHING = Buffer.alloc(0);

/** `bytes_in` towards the VNC server, `bytes_out` towards the viewer. */
type Totals = { bytes_in: number; bytes_out: number; reason: string };

/**
 * A viewer's WebSocket and a VNC server's TCP connection, joined until one of them ends. What the
 * viewer says goes through the gate: first the handshake, then the filter. Backpressure crosses in
 * both directions: whichever side does not read stops the other from being read, so memory stays
 * at the marks above whatever the line does.
 */
export class Splice {
  readonly finished: Promise<Totals>;
  readonly #login: LoggedIn;
  readonly #tcp: Socket;
  readonly #socket: WebSocket;
  readonly #rights: Rights;
  readonly #described: (desktop: ServerInit) => void;
  readonly #keepalive: ReturnType<typeof setInterval>;
  /** What the viewer says until it is admitted. */
  readonly #early = new ByteReader();
  #admitted = false;
  /** Null before the viewer is admitted, and where its bytes pass unseen. */
  #filter: ClientFilter | null = null;
  #stuck: ReturnType<typeof setTimeout> | undefined;
  #bytesIn = 0;
  #bytesOut = 0;
  #idle = true;
  #reason: string | null = null;

  /**
   * @param socket open and paused
   * @param described is told what the server says of its desktop, where that can be seen
   */
  constructor(
    login: LoggedIn,
    socket: WebSocket,
    rights: Rights,
    described: (desktop: ServerInit) => void,
  ) {
    this.#login = login;
    this.#tcp = login.server.socket;
    this.#socket = socket;
    this.#rights = { ...rights };
    this.#described = described;
    this.#keepalive = setInterval(() => this.#sendIfIdle(), STREAM_KEEPALIVE_MS);
    this.finished = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        clearInterval(this.#keepalive);
        clearTimeout(this.#stuck);
        this.#reason ??= `The viewer left (${code}${reason.length > 0 ? ` ${reason}` : ""}).`;
        this.#early.end(new Error(this.#reason));
        this.#endServer();
        resolve({ bytes_in: this.#bytesIn, bytes_out: this.#bytesOut, reason: this.#reason });
      });
    });
    const { port } = login.server;
    const serverGone = () =>
      this.close(CloseCode.serverRefused, `The VNC server on port ${port} closed the connection.`);
    // It may have gone while the edge was dialled.
    if (this.#tcp.destroyed) serverGone();
    else this.#tcp.on("close", serverGone);
    // `close` follows, and ends the other side.
    socket.on("error", (error) => {
      this.#reason ??= `The connection to the edge failed (${error.message}).`;
    });
    socket.on("message", (data: Buffer, isBinary: boolean) => this.#hear(data, isBinary));
    this.#tcp.on("drain", () => {
      clearTimeout(this.#stuck);
      this.#stuck = undefined;
      socket.resume();
    });
    socket.resume();
    void this.#admit();
  }

  close(code: number, reason: string): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#early.end(new Error(reason));
    this.#endServer();
    this.#socket.close(sendableCloseCode(code), fitCloseReason(reason));
    setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS).unref();
  }

  /** Gives the viewer another role; where that cannot be enforced, the viewer has to dial again. */
  setRole(role: Role): void {
    if (role === this.#rights.role || this.#reason !== null) return;
    this.#rights.role = role;
    if (this.#filter?.roleCanChange) this.#toServer(this.#filter.setRole(role));
    else if (this.#admitted || this.#login.kind === "foreign") this.#haveItDialAgain();
  }

  #haveItDialAgain(): void {
    this.close(CloseCode.goingAway, "What you may do here has changed; connect again.");
  }

  async #admit(): Promise<void> {
    // The role may have changed while the edge was dialled.
    if (this.#login.kind === "foreign" && !isUnlimited(this.#rights))
      return this.#haveItDialAgain();
    const viewer = { reader: this.#early, write: (bytes: Buffer) => this.#send(bytes) };
    try {
      await admitViewer(this.#login, viewer);
    } catch (error) {
      const code = error instanceof StreamError ? error.code : CloseCode.internal;
      return this.close(code, (error as Error).message); // of one that is closed nothing is left to do
    }
    if (this.#reason !== null) return;
    this.#admitted = true;
    if (this.#login.kind !== "foreign") this.#filter = new ClientFilter(this.#rights);
    this.#pumpToViewer();
    this.#pass(this.#early.rest());
    if (this.#stuck === undefined) this.#socket.resume();
  }

  #hear(data: Buffer, isBinary: boolean): void {
    if (!isBinary) return this.close(CloseCode.malformed, "A stream carries binary messages only.");
    if (data.length > MAX_STREAM_MESSAGE_BYTES) {
      const limit = `${MAX_STREAM_MESSAGE_BYTES / 1024} KiB`;
      return this.close(CloseCode.malformed, `A message of a stream is at most ${limit}.`);
    }
    this.#bytesIn += data.length;
    if (this.#admitted) return this.#pass(data);
    this.#early.push(data);
    if (this.#early.buffered > MAX_EARLY_BYTES) this.#socket.pause();
  }

  #pass(data: Buffer): void {
    if (data.length === 0 || this.#reason !== null) return;
    try {
      this.#toServer(this.#filter ? this.#filter.push(data) : [data]);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.close(error.code, error.message);
    }
  }

  #toServer(pieces: readonly Buffer[]): void {
    if (pieces.length === 0) return;
    // Each write is a call of the system's: a viewer could keep the agent busy with thousands.
    const [first = NOTHING] = pieces;
    if (this.#tcp.write(pieces.length === 1 ? first : Buffer.concat(pieces))) return;
    this.#socket.pause();
    // A paused socket does not hear the viewer leave: it is not waited for without end.
    this.#stuck ??= setTimeout(
      () => this.close(CloseCode.serverTimeout, "The VNC server does not read what it is sent."),
      SERVER_STUCK_MS,
    );
  }

  /** What was said last still goes out, and nothing stays pressed, unless the server does not read. */
  #endServer(): void {
    this.#login.attempt.failed(); // unless it came through
    if (this.#tcp.destroyed || this.#tcp.writableEnded) return;
    for (const release of this.#filter?.releaseInput() ?? []) this.#tcp.write(release);
    this.#tcp.destroySoon();
    setTimeout(() => this.#tcp.destroy(), CLOSE_GRACE_MS).unref();
  }

  #pumpToViewer(): void {
    const tcp = this.#tcp;
    const socket = this.#socket;
    const { server } = this.#login;
    const gather = new Gather();
    const flushed = () => {
      if (!tcp.isPaused() || gather.resting || socket.bufferedAmount > LOW_WATER_BYTES) return;
      tcp.resume();
    };
    const send = (chunk: Buffer) => {
      this.#send(chunk, flushed);
      // What the kernel did not take at once is sent from this very buffer later.
      if (socket.bufferedAmount > 0) server.keepChunk();
      if (socket.bufferedAmount > HIGH_WATER_BYTES) tcp.pause();
      else if (gather.wants(chunk.length)) {
        tcp.pause();
        gather.rest(flushed);
      }
    };
    const received = server.release();
    if (received.length > 0) send(received);
    tcp.on("data", send);
    if (this.#login.kind !== "foreign") overhearServerInit(tcp, received, this.#described);
    tcp.resume();
  }

  #send(chunk: Buffer, sent?: () => void): void {
    this.#idle = false;
    this.#bytesOut += chunk.length;
    this.#socket.send(chunk, BINARY, sent);
  }

  #sendIfIdle(): void {
    if (this.#idle && this.#socket.bufferedAmount === 0) this.#socket.send(NOTHING, BINARY);
    this.#idle = true;
  }
}

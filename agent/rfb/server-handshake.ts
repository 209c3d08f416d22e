import type { Socket } from "node:net";
import { CloseCode } from "../../protocol/close-codes.ts";
import { ByteReader } from "./byte-reader.ts";
import { type Greeted, greet, VERSION_BYTES } from "./greeting.ts";
import { LoginError, StreamError } from "./stream-error.ts";

/** RFC 6143, 7.1.2. What the agent can speak itself; other types are known by number alone. */
export const SecurityType = { none: 1, vncAuth: 2 } as const;

/** RFC 6143, 7.1.3: SecurityResult, a u32. 2 is rfbproto's "too many attempts". */
export const SecurityResult = { ok: 0, failed: 1, tooMany: 2 } as const;

/** The versions of the handshake that exist (RFC 6143, 7.1 and A). */
export type RfbVersion = "003.003" | "003.007" | "003.008";

/** What a server offers once it was answered with `version`. */
export type Offer = { version: RfbVersion; types: number[] };

/** A refusal's reason is as long as a server likes; no more than this is read. */
const MAX_REASON_BYTES = 1024;

/** No handshake needs more at once; a server that says more is not listened to until it is due. */
const MAX_BUFFERED_BYTES = 64 * 1024;

/** How long a server has for the words of its refusal, which some never send. */
const REASON_MS = 1_000;

/** The server said no before any authentication, as it does to addresses that failed too often. */
export class ServerRefusedError extends LoginError {
  /** The server's own words; empty if it had none. */
  readonly words: string;
  constructor(port: number, words: string) {
    super(CloseCode.serverRefused, withWords(`The VNC server on port ${port} refused`, words));
    this.words = words;
  }
}

/** The agent's side of a handshake with a VNC server, up to where its caller takes the socket. */
export class ServerHandshake {
  readonly socket: Socket;
  readonly port: number;
  /** As of a socket that has greeted. */
  readonly keepChunk: () => void;
  readonly #reader: ByteReader;
  readonly #release: () => void;
  #clock: ReturnType<typeof setTimeout> | undefined;

  /**
   * Connects to a target and waits for its version.
   * @param withinMs for the whole handshake; what is read later than that is an error
   * @param signal gives it up, until the server has said its version
   * @throws {StreamError} as {@link greet} does
   */
  static async begin(
    target: { host: string; port: number },
    withinMs: number,
    signal?: AbortSignal,
  ): Promise<ServerHandshake> {
    const deadline = Date.now() + withinMs;
    const handshake = new ServerHandshake(await greet(target, withinMs, signal), target.port);
    handshake.startClock(deadline - Date.now());
    return handshake;
  }

  private constructor(greeted: Greeted, port: number) {
    const { socket } = greeted;
    this.socket = socket;
    this.port = port;
    this.keepChunk = greeted.keepChunk;
    this.#reader = new ByteReader();
    this.#reader.push(greeted.received);
    const onData = (chunk: Buffer) => {
      this.#reader.push(chunk);
      if (this.#reader.buffered > MAX_BUFFERED_BYTES) socket.pause();
    };
    const onClose = () => this.#fail(CloseCode.serverRefused, "hung up in the handshake");
    this.#release = () => {
      this.stopClock();
      socket.off("data", onData).off("close", onClose);
    };
    socket.on("data", onData).on("close", onClose);
    if (socket.destroyed) onClose();
    else socket.resume();
  }

  /** From now on the server has this long for what is read of it. */
  startClock(withinMs: number): void {
    this.stopClock();
    const late = () => this.#fail(CloseCode.serverTimeout, "does not go on with the handshake");
    this.#clock = setTimeout(late, withinMs);
  }

  /** From now on the viewer sets the pace. */
  stopClock(): void {
    clearTimeout(this.#clock);
  }

  #fail(code: CloseCode, what: string): void {
    this.#reader.end(new StreamError(code, `The VNC server on port ${this.port} ${what}.`));
  }

  /**
   * Agrees on a version and hears which security types there are. None is chosen yet.
   * @throws {ServerRefusedError} if the server says no, with its reason
   * @throws {StreamError} serverRefused if it hangs up, serverTimeout if it falls silent
   */
  async negotiate(): Promise<Offer> {
    const greeting = await this.read(VERSION_BYTES);
    const version = handshakeVersion(greeting.toString("latin1", 4, 11));
    this.socket.write(`RFB ${version}\n`);
    if (version === "003.003") {
      // RFC 6143, A.1: the server decides, with a u32; 0 is a refusal.
      const type = (await this.read(4)).readUInt32BE();
      if (type === 0) throw new ServerRefusedError(this.port, await this.readReason());
      return { version, types: [type] };
    }
    const count = (await this.read(1)).readUInt8();
    if (count === 0) throw new ServerRefusedError(this.port, await this.readReason());
    return { version, types: [...(await this.read(count))] };
  }

  /** Chooses a security type; in 3.3 the server has chosen (RFC 6143, A.1). */
  choose(version: RfbVersion, type: number): void {
    if (version !== "003.003") this.socket.write(Buffer.from([type]));
  }

  /** @throws {StreamError} if the server hangs up, or is silent until its time is over */
  read(bytes: number): Promise<Buffer> {
    return this.#reader.read(bytes);
  }

  /** The SecurityResult, and the reason of a refusal, which 3.8 alone has (RFC 6143, 7.1.3). */
  async readResult(version: RfbVersion): Promise<{ result: number; words: string }> {
    const result = (await this.read(4)).readUInt32BE();
    const hasWords = result !== SecurityResult.ok && version === "003.008";
    return { result, words: hasWords ? await this.readReason() : "" };
  }

  /** The reason of a refusal: a u32 with its length, and text (RFC 6143, 7.1.2). */
  async readReason(): Promise<string> {
    const late = setTimeout(() => this.#reader.end(new Error("no reason came")), REASON_MS);
    try {
      const length = (await this.read(4)).readUInt32BE();
      const words = await this.read(Math.min(length, MAX_REASON_BYTES));
      return words.toString("utf8").trim();
    } catch {
      return ""; // the refusal itself is what counts
    } finally {
      clearTimeout(late);
    }
  }

  /** Hands the socket over, paused. @returns what it had said already and nobody read */
  release(): Buffer {
    this.socket.pause();
    this.#release();
    return this.#reader.rest();
  }

  /** Hangs up. */
  destroy(): void {
    this.#release();
    this.socket.destroy();
  }
}

/** What happened as a sentence, with the server's own words for it. */
export function withWords(what: string, words: string): string {
  return words === "" ? `${what}.` : `${what}: ${words.replace(/[.\s]+$/, "")}.`;
}

/**
 * The handshake that a server's version stands for. RFC 6143, 7.1.1: what is neither 3.3, 3.7 nor
 * 3.8 is to be taken for 3.3; what came later (3.889 of macOS, 4 and 5 of RealVNC) speaks 3.8.
 */
function handshakeVersion(version: string): RfbVersion {
  if (version < "003.007") return "003.003";
  return version === "003.007" ? "003.007" : "003.008";
}

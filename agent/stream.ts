import { WebSocket } from "ws";
import { CloseCode } from "../protocol/close-codes.ts";
import { DISPLAY_ANSWER_MS } from "../protocol/limits.ts";
import type { Role } from "../protocol/link.ts";
import { dialOptions, edgeSocketUrl } from "./dial.ts";
import { describeError, type Log } from "./log.ts";
import type { FindPassword } from "./passwords.ts";
import { isUnlimited, type Rights } from "./rfb/client-filter.ts";
import { abandon, type Credentials, type LoggedIn, logIn } from "./rfb/log-in.ts";
import type { LoginAttempts } from "./rfb/login-attempts.ts";
import type { ServerInit } from "./rfb/server-init.ts";
import { StreamError } from "./rfb/stream-error.ts";
import { MAX_STREAM_PAYLOAD_BYTES, Splice } from "./splice.ts";

/**
 * One viewer: logs in to the VNC server, dials the edge, and joins the two (splice.ts) until one of
 * them ends.
 */
export class Stream {
  readonly #request: StreamRequest;
  readonly #surroundings: StreamSurroundings;
  readonly #report: StreamReport;
  readonly #abort = new AbortController();
  readonly #startedAt = Date.now();
  #role: Role;
  #splice: Splice | null = null;

  /** Settles when the stream is over and reported. Never rejects. */
  readonly finished: Promise<void>;

  constructor(request: StreamRequest, surroundings: StreamSurroundings, report: StreamReport) {
    this.#request = request;
    this.#surroundings = surroundings;
    this.#report = report;
    this.#role = request.rights.role;
    this.finished = this.#serve();
  }

  async #serve(): Promise<void> {
    const { stream, session, target } = this.#request;
    const { log } = this.#surroundings;
    const fields = { stream, session, port: target.port };
    let login: LoggedIn;
    try {
      login = await this.#logIn();
    } catch (error) {
      if (this.#abort.signal.aborted) {
        return this.#report.closed(emptyTotals(this.#startedAt, "It was closed before it opened."));
      }
      const failure =
        error instanceof StreamError
          ? error
          : new StreamError(CloseCode.serverRefused, describeError(error));
      log("stream.failed", { ...fields, code: failure.code, message: failure.message });
      return this.#report.failed(failure);
    }
    let socket: WebSocket;
    try {
      socket = await this.#dial();
    } catch (error) {
      abandon(login);
      const reason = `The edge did not take the stream: ${describeError(error)}`;
      log("stream.not_taken", { ...fields, reason });
      return this.#report.closed(emptyTotals(this.#startedAt, reason));
    }
    const rights = { ...this.#request.rights, role: this.#role };
    log("stream.opened", { ...fields, login: login.kind, ...rights });
    this.#report.opened();
    const described = (desktop: ServerInit) => this.#report.described(desktop);
    this.#splice = new Splice(login, socket, rights, described);
    const totals = await this.#splice.finished;
    const seconds = (Date.now() - this.#startedAt) / 1000;
    log("stream.closed", { ...fields, ...totals, seconds });
    this.#report.closed({ ...totals, seconds });
  }

  async #logIn(): Promise<LoggedIn> {
    const { stream, target, rights, password } = this.#request;
    const { attempts, findPassword } = this.#surroundings;
    const credentials: Credentials = {
      target,
      password: password ?? (await findPassword(target, stream)),
      passwordOf: password === null ? "host" : "session",
      // Of what is encrypted the gate sees nothing: it may pass only where all may.
      mayPassThrough: isUnlimited(rights),
    };
    return logIn(credentials, attempts, DISPLAY_ANSWER_MS, this.#abort.signal);
  }

  /** Gives the viewer another role, from the next message on. */
  setRole(role: Role): void {
    this.#role = role;
    this.#splice?.setRole(role);
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
  rights: Rights;
  /** The VNC server's, as the session has it; null leaves it to the agent's configuration. */
  password: string | null;
};

/** What all streams of an agent share. */
export type StreamSurroundings = { log: Log; findPassword: FindPassword; attempts: LoginAttempts };

/** `bytes_in` towards the VNC server, `bytes_out` towards the viewer. */
export type StreamTotals = {
  bytes_in: number;
  bytes_out: number;
  seconds: number;
  reason: string;
};

/** What became of this stream, and what was learned by it. */
export type StreamReport = {
  opened(): void;
  described(desktop: ServerInit): void;
  failed(error: StreamError): void;
  closed(totals: StreamTotals): void;
};

function emptyTotals(startedAt: number, reason: string): StreamTotals {
  return { bytes_in: 0, bytes_out: 0, seconds: (Date.now() - startedAt) / 1000, reason };
}

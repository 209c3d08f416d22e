import { CloseCode } from "../../protocol/close-codes.ts";
import { DISPLAY_ANSWER_MS } from "../../protocol/limits.ts";
import type { ByteReader } from "./byte-reader.ts";
import { VERSION_BYTES } from "./greeting.ts";
import type { LoggedIn } from "./log-in.ts";
import { SecurityResult, SecurityType, withWords } from "./server-handshake.ts";
import { StreamError } from "./stream-error.ts";

/** How long a viewer has for its part of the handshake; a person who types a password has longer. */
const VIEWER_ANSWER_MS = 30_000;
const PASSWORD_MS = 120_000;

/** Dialling again is right then: a page keeps its form, and dials when the password is there. */
const NO_PASSWORD = `No password came for ${PASSWORD_MS / 1000} s.`;
const NO_ANSWER = `Your viewer did not go on with the handshake for ${VIEWER_ANSWER_MS / 1000} s.`;

/** RFC 6143, 7.2.2: the answer to a challenge of VNC authentication. */
const ANSWER_BYTES = 16;

/** RFC 6143, 7.3.1: ClientInit is one byte. 0 would throw out everybody else. */
const SHARED = Buffer.from([1]);

/** The two ends of what a viewer says and hears during the handshake. */
export type ViewerConnection = { reader: ByteReader; write(bytes: Buffer): void };

/**
 * The viewer's part of the handshake, over the server's login as far as the agent got with it. The
 * viewer speaks RFB 3.8 and needs no password, unless only it can know one.
 * @returns when what follows are client messages, for the filter; where the bytes pass unseen, when
 *   the server's offer has been handed on
 * @throws {StreamError} malformed for a viewer that breaks the protocol, chooses what was not
 *   offered or does not answer; serverRefused if the server does not take the viewer's password
 */
export async function admitViewer(login: LoggedIn, viewer: ViewerConnection): Promise<void> {
  const timer = new ViewerTimer(viewer.reader);
  try {
    if (login.kind === "foreign") return await handOnOffer(login, viewer);
    await agreeOnVersion("003.008", viewer);
    if (login.kind === "challenge") await carryPassword(login, viewer, timer);
    else await letIn(viewer);
    await viewer.reader.read(SHARED.length);
    login.server.socket.write(SHARED);
  } finally {
    timer.stop();
  }
}

async function agreeOnVersion(version: string, { reader, write }: ViewerConnection): Promise<void> {
  const greeting = `RFB ${version}\n`;
  write(Buffer.from(greeting));
  const answer = (await reader.read(VERSION_BYTES)).toString("latin1");
  if (answer === greeting) return;
  const said = /^RFB \d{3}\.\d{3}\n$/.test(answer) ? `with ${answer.trim()}` : "with no version";
  throw violation(`Your viewer answered ${said}; this desktop needs RFB ${version}.`);
}

async function choose(offered: number, { reader, write }: ViewerConnection): Promise<void> {
  write(Buffer.from([1, offered]));
  const chosen = (await reader.read(1)).readUInt8();
  if (chosen === offered) return;
  throw violation(`Your viewer chose the security type ${chosen}, which was not offered.`);
}

async function letIn(viewer: ViewerConnection): Promise<void> {
  await choose(SecurityType.none, viewer);
  viewer.write(securityResult(SecurityResult.ok));
}

/** Carries the server's challenge to the viewer, and its answer back: the agent learns no password. */
async function carryPassword(
  { server, attempt, offer, challenge }: Extract<LoggedIn, { kind: "challenge" }>,
  viewer: ViewerConnection,
  timer: ViewerTimer,
): Promise<void> {
  await choose(SecurityType.vncAuth, viewer);
  timer.restart(PASSWORD_MS, new StreamError(CloseCode.goingAway, NO_PASSWORD));
  viewer.write(challenge);
  server.socket.write(await viewer.reader.read(ANSWER_BYTES));
  timer.stop();
  server.startClock(DISPLAY_ANSWER_MS);
  const { result, words } = await server.readResult(offer.version);
  server.stopClock();
  if (result === SecurityResult.ok) {
    attempt.succeeded();
    viewer.write(securityResult(SecurityResult.ok));
    timer.restart(VIEWER_ANSWER_MS);
    return;
  }
  attempt.failed(result, words);
  viewer.write(securityResult(SecurityResult.failed, words || "The password is wrong."));
  const what = `The VNC server on port ${server.port} did not take the password`;
  throw new StreamError(CloseCode.serverRefused, withWords(what, words));
}

/** What a server offered that the agent does not speak: viewer and server go on by themselves. */
async function handOnOffer(
  { offer }: Extract<LoggedIn, { kind: "foreign" }>,
  viewer: ViewerConnection,
): Promise<void> {
  const { version, types } = offer;
  await agreeOnVersion(version, viewer);
  if (version === "003.003") {
    const decided = Buffer.alloc(4); // RFC 6143, A.1: the server decides
    decided.writeUInt32BE(types[0] ?? 0);
    viewer.write(decided);
  } else {
    viewer.write(Buffer.from([types.length, ...types]));
  }
}

/** A SecurityResult; a failure has a reason (RFC 6143, 7.1.3, version 3.8). */
function securityResult(result: number, words = ""): Buffer {
  const head = Buffer.alloc(result === SecurityResult.ok ? 4 : 8);
  head.writeUInt32BE(result);
  if (result === SecurityResult.ok) return head;
  const text = Buffer.from(words);
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, text]);
}

function violation(message: string): StreamError {
  return new StreamError(CloseCode.malformed, message);
}

/** Ends the viewer's reader when it takes too long. */
class ViewerTimer {
  readonly #reader: ByteReader;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(reader: ByteReader) {
    this.#reader = reader;
    this.restart(VIEWER_ANSWER_MS);
  }

  restart(ms: number, late: StreamError = violation(NO_ANSWER)): void {
    this.stop();
    this.#timer = setTimeout(() => this.#reader.end(late), ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

import { CloseCode } from "../../protocol/close-codes.ts";
import type { LoginBackoff } from "./login-backoff.ts";
import {
  type Offer,
  SecurityResult,
  SecurityType,
  ServerHandshake,
  ServerRefusedError,
  withWords,
} from "./server-handshake.ts";
import { LoginError } from "./stream-error.ts";
import { answerChallenge, CHALLENGE_BYTES } from "./vnc-auth.ts";

/** A VNC server as far as the agent could go without the viewer. */
export type LoggedIn = {
  server: ServerHandshake;
} & (
  | { kind: "ready" } // it waits for ClientInit
  | { kind: "challenge"; offer: Offer; challenge: Buffer } // it wants a password that only a viewer may know
  | { kind: "foreign"; offer: Offer } // it wants something that the agent does not speak
);

export type Credentials = {
  target: { host: string; port: number };
  /** The VNC server's password, where the host's owner or the session gave one. */
  password: string | null;
  /** Whether the bytes of a security type that the agent does not speak may pass unseen. */
  mayPassThrough: boolean;
};

/**
 * Logs in to a VNC server, as far as that goes without the viewer.
 * @param withinMs for all of it
 * @throws {StreamError} as `greet` does, if the server is not there or falls silent
 * @throws {LoginError} tooMany while the server is left alone after failed logins; serverRefused
 *   with the server's reason, or if it does not take the password; forbidden if only bytes that
 *   nobody checks could pass, and they may not
 */
export async function logIn(
  { target, password, mayPassThrough }: Credentials,
  backoff: LoginBackoff,
  withinMs: number,
  signal: AbortSignal,
): Promise<LoggedIn> {
  backoff.assertOpen(target.port);
  const server = await ServerHandshake.begin(target, withinMs, signal);
  try {
    const login = await goAsFarAsPossible(server, password, backoff);
    if (login.kind === "foreign" && !mayPassThrough) throw unenforceable(target.port);
    server.waitForViewer();
    return login;
  } catch (error) {
    server.destroy();
    // It said no before it asked for anything: it is tired of this address already.
    if (error instanceof ServerRefusedError) backoff.refused(target.port, error.words);
    throw error;
  }
}

async function goAsFarAsPossible(
  server: ServerHandshake,
  password: string | null,
  backoff: LoginBackoff,
): Promise<LoggedIn> {
  const offer = await server.negotiate();
  if (offer.types.includes(SecurityType.none)) {
    await passNone(server, offer);
    return { server, kind: "ready" };
  }
  if (!offer.types.includes(SecurityType.vncAuth)) return { server, kind: "foreign", offer };
  server.choose(offer.version, SecurityType.vncAuth);
  const challenge = await server.read(CHALLENGE_BYTES);
  if (password === null) return { server, kind: "challenge", offer, challenge };
  server.socket.write(answerChallenge(password, challenge));
  await passPassword(server, offer, backoff);
  return { server, kind: "ready" };
}

function unenforceable(port: number): LoginError {
  const detail =
    `The VNC server on port ${port} offers neither None nor VNC authentication; ` +
    "through any other login only full control can pass.";
  return new LoginError(CloseCode.forbidden, detail);
}

async function passNone(server: ServerHandshake, { version }: Offer): Promise<void> {
  server.choose(version, SecurityType.none);
  // RFC 6143, A.2: before 3.8 nothing follows the type None.
  if (version !== "003.008") return;
  const { result, words } = await server.readResult(version);
  if (result === SecurityResult.ok) return;
  throw new ServerRefusedError(server.port, words);
}

async function passPassword(
  server: ServerHandshake,
  { version }: Offer,
  backoff: LoginBackoff,
): Promise<void> {
  const { result, words } = await server.readResult(version);
  if (result === SecurityResult.ok) return backoff.succeeded(server.port);
  backoff.failed(server.port, result, words);
  const what = `The VNC server on port ${server.port} does not take the password that its host or the session has for it`;
  throw new LoginError(CloseCode.serverRefused, withWords(what, words));
}

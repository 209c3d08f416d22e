import { CloseCode } from "../../protocol/close-codes.ts";
import type { LoginAttempt, LoginAttempts } from "./login-attempts.ts";
import {
  type Offer,
  SecurityResult,
  SecurityType,
  ServerHandshake,
  ServerRefusedError,
  withWords,
} from "./server-handshake.ts";
import { LoginError, StreamError } from "./stream-error.ts";
import { answerChallenge, CHALLENGE_BYTES } from "./vnc-auth.ts";

/**
 * A VNC server as far as the agent could go without the viewer. Whoever ends it sees that the
 * attempt is settled: one that is left open would be forgotten, and it counts to the server.
 */
export type LoggedIn = {
  server: ServerHandshake;
  attempt: LoginAttempt;
} & (
  | { kind: "ready" } // it waits for ClientInit
  | { kind: "challenge"; offer: Offer; challenge: Buffer } // it wants a password that only a viewer may know
  | { kind: "foreign"; offer: Offer } // it wants something that the agent does not speak
);

export type Credentials = {
  target: { host: string; port: number };
  /** The VNC server's password, where the host's owner or the session gave one. */
  password: string | null;
  /** Who gave it: theirs it is to correct, not a viewer's. */
  passwordOf: "host" | "session";
  /** Whether the bytes of a security type that the agent does not speak may pass unseen. */
  mayPassThrough: boolean;
};

/**
 * Logs in to a VNC server, as far as that goes without the viewer.
 * @param withinMs for all of it
 * @param signal nobody waits for it any more. A login that has begun is finished all the same: cut
 *   off in the middle it would count as one that failed
 * @throws {StreamError} as `greet` does, if the server is not there or falls silent
 * @throws {LoginError} tooMany while the server is left alone after failed logins; serverRefused
 *   with the server's reason, or if it does not take the password; forbidden if only bytes that
 *   nobody checks could pass, and they may not
 */
export async function logIn(
  credentials: Credentials,
  attempts: LoginAttempts,
  withinMs: number,
  signal: AbortSignal,
): Promise<LoggedIn> {
  const deadline = Date.now() + withinMs;
  const attempt = await attempts.begin(credentials.target, credentials.password, withinMs);
  const login = signal.aborted
    ? Promise.reject(nobodyWaits())
    : finish(attempt, credentials, deadline - Date.now());
  const done = login.finally(() => attempt.endTurn());
  const gone = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(nobodyWaits()), { once: true });
  });
  try {
    return await Promise.race([done, gone]);
  } catch (error) {
    done.then(abandon).catch(() => attempt.missed()); // what went wrong there has been counted
    throw error;
  }
}

/** Hangs up, and sees that a login that nobody finished counts as the server counts it. */
export function abandon({ server, attempt }: LoggedIn): void {
  server.destroy();
  attempt.failed();
}

function nobodyWaits(): StreamError {
  return new StreamError(CloseCode.goingAway, "Nobody waits for this any more.");
}

async function finish(
  attempt: LoginAttempt,
  credentials: Credentials,
  withinMs: number,
): Promise<LoggedIn> {
  const { target, mayPassThrough } = credentials;
  let server: ServerHandshake;
  try {
    server = await ServerHandshake.begin(target, withinMs);
  } catch (error) {
    attempt.missed();
    throw error;
  }
  try {
    const login = await goAsFarAsPossible(server, attempt, credentials);
    if (login.kind === "foreign" && !mayPassThrough) throw unenforceable(target.port);
    server.stopClock();
    // How that login ends the agent cannot see, so it cannot count.
    if (login.kind === "foreign") attempt.missed();
    return login;
  } catch (error) {
    server.destroy();
    if (error instanceof ServerRefusedError) attempt.refused(error.words);
    else attempt.failed();
    throw error;
  }
}

async function goAsFarAsPossible(
  server: ServerHandshake,
  attempt: LoginAttempt,
  { password, passwordOf }: Credentials,
): Promise<LoggedIn> {
  const offer = await server.negotiate();
  if (offer.types.includes(SecurityType.none)) {
    await passNone(server, offer);
    attempt.succeeded();
    return { server, attempt, kind: "ready" };
  }
  if (!offer.types.includes(SecurityType.vncAuth)) {
    return { server, attempt, kind: "foreign", offer };
  }
  server.choose(offer.version, SecurityType.vncAuth);
  const challenge = await server.read(CHALLENGE_BYTES);
  if (password === null) return { server, attempt, kind: "challenge", offer, challenge };
  server.socket.write(answerChallenge(password, challenge));
  await passPassword(server, attempt, offer, passwordOf);
  return { server, attempt, kind: "ready" };
}

/** Why a role or a limited clipboard cannot be had at a server, whatever is tried. */
export function unenforceable(port: number): LoginError {
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
  attempt: LoginAttempt,
  { version }: Offer,
  passwordOf: Credentials["passwordOf"],
): Promise<void> {
  const { result, words } = await server.readResult(version);
  if (result === SecurityResult.ok) return attempt.succeeded();
  attempt.failed(result, words);
  const whose = passwordOf === "host" ? "in its host's configuration" : "that this session has";
  const what = `The VNC server on port ${server.port} does not take the password ${whose}`;
  throw new LoginError(CloseCode.serverRefused, withWords(what, words));
}

import { CloseCode, isRetryable } from "../../protocol/close-codes.ts";
import { STREAM_SILENCE_MS } from "../../protocol/limits.ts";
import { ApiError } from "../api.ts";
import { backoffMs } from "./backoff.ts";
import {
  actionAfterClose,
  actionAfterTicketRefusal,
  closeSentence,
  type EndAction,
  toldWaitMs,
} from "./reasons.ts";
import {
  type CredentialField,
  type Credentials,
  NotReadyError,
  type Stream,
  type StreamEvents,
  type ViewerState,
} from "./states.ts";

/** The edge answers an upgrade at once, even for a dead host: longer than this is no answer. */
export const OPEN_TIMEOUT_MS = 15_000;

/** A connection that held for this long was a good one: its loss is a first failure again. */
export const LASTING_MS = 10_000;

/** How often it is asked whether a job's desktop is there: a browser takes some 2 s to come. */
export const PREPARING_POLL_MS = 1_500;

/** A timer this late means that the machine slept, and its messages may still be queued. */
const OVERSLEPT_MS = 5_000;

type Surroundings = {
  /** @throws {NotReadyError} while there is nothing to see yet, which is no failure */
  getTicket(signal: AbortSignal): Promise<{ websocket_url: string }>;
  openStream(url: string, events: StreamEvents): Stream;
  onState(state: ViewerState): void;
  isHidden(): boolean;
  random(): number;
  now(): number;
  setTimer(run: () => void, ms: number): number;
  clearTimer(timer: number): void;
};

/** One dial, from asking for its ticket to its end. What a dropped dial still says is ignored. */
type Attempt = {
  giveUp: AbortController;
  stream: Stream | null;
  opened: boolean;
  heardAt: number;
  overslept: boolean;
  connectedAt: number | null;
  fields: readonly CredentialField[];
  credentialsSent: boolean;
};

/** Keeps a viewer connected: dials, notices every kind of loss, says why, and dials again. */
export class ViewerConnection {
  readonly #around: Surroundings;
  #state: ViewerState = { kind: "connecting" };
  #attempt: Attempt | null = null;
  #timer: number | null = null;
  #failures = 0;
  /** The host said that dialling before this is no use. */
  #notBefore = 0;
  #lastReason: string | null = null;
  #credentials: Credentials | null = null;
  #approvedFingerprint: string | null = null;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Dials now: at first, and whenever a person asks. */
  dial(): void {
    this.#drop();
    const attempt: Attempt = {
      giveUp: new AbortController(),
      stream: null,
      opened: false,
      heardAt: this.#around.now(),
      overslept: false,
      connectedAt: null,
      fields: [],
      credentialsSent: false,
    };
    this.#attempt = attempt;
    // What is being made ready is asked for again and again: that is not to be seen.
    if (this.#state.kind !== "preparing") this.#showProgress();
    this.#listenForSilence(attempt);
    this.#around
      .getTicket(attempt.giveUp.signal)
      .then((ticket) => {
        if (this.#attempt === attempt) this.#open(attempt, ticket.websocket_url);
      })
      .catch((error: unknown) => {
        if (this.#attempt === attempt) this.#dialFailed(error);
      });
  }

  /** The network came back, or someone looks at the tab again: waiting is pointless now. */
  wake(): void {
    const { kind } = this.#state;
    if (kind === "waiting" && this.#around.now() >= this.#notBefore) this.dial();
    // A dial of its own may be under way; its answer is as fresh.
    if (kind === "preparing" && !this.#attempt) this.dial();
  }

  submitCredentials(credentials: Credentials): void {
    this.#credentials = credentials;
    const attempt = this.#attempt;
    if (!attempt?.stream) return this.dial();
    this.#sendCredentials(attempt, credentials);
    this.#showProgress();
  }

  approveServer(): void {
    if (this.#state.kind !== "verifying") return;
    this.#approvedFingerprint = this.#state.fingerprint;
    if (!this.#attempt?.stream) return this.dial();
    this.#attempt.stream.approveServer();
    this.#showProgress();
  }

  stop(): void {
    this.#drop();
  }

  #open(attempt: Attempt, url: string): void {
    if (this.#state.kind === "preparing") this.#showProgress();
    const whileCurrent =
      <Args extends unknown[]>(react: (...args: Args) => void) =>
      (...args: Args) => {
        if (this.#attempt === attempt) react(...args);
      };
    attempt.stream = this.#around.openStream(url, {
      opened: whileCurrent(() => {
        attempt.opened = true;
        attempt.heardAt = this.#around.now();
      }),
      heard: whileCurrent(() => {
        attempt.heardAt = this.#around.now();
        attempt.overslept = false;
      }),
      identityShown: whileCurrent((fingerprint) => {
        if (fingerprint === this.#approvedFingerprint) attempt.stream?.approveServer();
        else this.#show({ kind: "verifying", fingerprint });
      }),
      credentialsRequired: whileCurrent((fields) => this.#credentialsRequired(attempt, fields)),
      refused: whileCurrent((reason) => this.#refused(attempt, reason)),
      connected: whileCurrent(() => {
        attempt.connectedAt = this.#around.now();
        this.#show({ kind: "connected" });
      }),
      closed: whileCurrent((code, reason) => this.#closed(attempt, code, reason)),
      broken: whileCurrent(() =>
        this.#lost(attempt, "The desktop sent something that this viewer does not understand."),
      ),
    });
  }

  #dialFailed(error: unknown): void {
    if (error instanceof NotReadyError) return this.#prepare(error);
    // Anything but an ApiError is a fault of ours; it belongs in the console with its stack.
    if (!(error instanceof ApiError)) {
      console.error(error);
      this.#wait("Something went wrong in this page.");
      return;
    }
    const action = actionAfterTicketRefusal(error.status, error.code);
    // The edge's own sentence for this one speaks to software as well.
    const nobody = error.code === "not_signed_in";
    const sentence = nobody ? closeSentence(CloseCode.unauthorized, "") : error.message;
    if (action) this.#end(sentence, action);
    else this.#wait(error.message);
  }

  #credentialsRequired(attempt: Attempt, fields: readonly CredentialField[]): void {
    attempt.fields = fields;
    const known = this.#credentials;
    const enough = known !== null && fields.every((field) => known[field] !== undefined);
    if (enough && !attempt.credentialsSent) this.#sendCredentials(attempt, known);
    else this.#show({ kind: "credentials", fields, refusal: null });
  }

  #sendCredentials(attempt: Attempt, credentials: Credentials): void {
    attempt.credentialsSent = true;
    attempt.stream?.sendCredentials(credentials);
  }

  #refused(attempt: Attempt, reason: string | null): void {
    const words = reason ? `: ${reason.trim().replace(/\.?$/, ".")}` : ".";
    if (attempt.credentialsSent) {
      this.#askAgain(attempt, `The desktop did not let you in${words}`);
    } else {
      this.#lost(attempt, `The VNC server refused the connection${words}`);
    }
  }

  #closed(attempt: Attempt, code: number, reason: string): void {
    const sentence = closeSentence(code, reason);
    if (!isRetryable(code)) return this.#end(sentence, actionAfterClose(code));
    // Some VNC servers answer a wrong password by hanging up. Sending the same one again by
    // itself would lock the person out.
    if (attempt.credentialsSent && attempt.connectedAt === null) {
      return this.#askAgain(attempt, sentence);
    }
    this.#lost(attempt, sentence, toldWaitMs(code, reason));
  }

  #askAgain(attempt: Attempt, refusal: string): void {
    this.#credentials = null;
    this.#drop();
    this.#show({ kind: "credentials", fields: attempt.fields, refusal });
  }

  #lost(attempt: Attempt, reason: string, toldWait: number | null = null): void {
    const { connectedAt } = attempt;
    if (connectedAt !== null && this.#around.now() - connectedAt >= LASTING_MS) this.#failures = 0;
    // Someone is typing a password: the form stays, and its answer dials.
    if (this.#state.kind === "credentials" || this.#state.kind === "verifying") this.#drop();
    else this.#wait(reason, toldWait);
  }

  /** @param toldWait how long the host wants to be left alone, if it said that */
  #wait(reason: string, toldWait: number | null = null): void {
    this.#drop();
    const { random, isHidden, now, setTimer } = this.#around;
    // After, not at the moment that was told: the host's clock and the way there take a little.
    const delay = (toldWait ?? 0) + backoffMs(this.#failures, random(), isHidden());
    if (toldWait !== null) this.#notBefore = now() + delay;
    this.#failures += 1;
    this.#lastReason = reason;
    this.#timer = setTimer(() => this.dial(), delay);
    // It is typed once: when the host listens again it is sent by itself.
    const keeps = toldWait !== null && this.#credentials !== null;
    this.#show({ kind: "waiting", reason, retryAt: now() + delay, ...(keeps && { keeps }) });
  }

  #prepare({ status, message: reason }: NotReadyError): void {
    this.#drop();
    const { random, isHidden, setTimer } = this.#around;
    // A host that was away answers again, and nothing is known to be wrong.
    this.#failures = 0;
    this.#lastReason = null;
    const delay = isHidden() ? backoffMs(0, random(), true) : PREPARING_POLL_MS;
    this.#timer = setTimer(() => this.dial(), delay);
    this.#show({ kind: "preparing", status, reason });
  }

  #end(reason: string, action: EndAction): void {
    this.#drop();
    this.#show({ kind: "ended", reason, action });
  }

  #showProgress(): void {
    this.#show(
      this.#lastReason === null
        ? { kind: "connecting" }
        : { kind: "reconnecting", reason: this.#lastReason },
    );
  }

  #show(state: ViewerState): void {
    this.#state = state;
    this.#around.onState(state);
  }

  /** One timer for the whole dial: messages only note the time, and the timer looks at it. */
  #listenForSilence(attempt: Attempt): void {
    const limit = () => (attempt.opened ? STREAM_SILENCE_MS : OPEN_TIMEOUT_MS);
    const due = attempt.heardAt + limit();
    this.#timer = this.#around.setTimer(
      () => {
        const now = this.#around.now();
        if (now - due > OVERSLEPT_MS && !attempt.overslept) {
          attempt.overslept = true;
          attempt.heardAt = now - limit() + OVERSLEPT_MS;
        }
        if (now - attempt.heardAt < limit()) return this.#listenForSilence(attempt);
        this.#lost(
          attempt,
          attempt.opened ? "The connection fell silent." : "The edge did not answer.",
        );
      },
      Math.max(0, due - this.#around.now()),
    );
  }

  #drop(): void {
    if (this.#timer !== null) this.#around.clearTimer(this.#timer);
    this.#timer = null;
    const attempt = this.#attempt;
    // Forgotten first: hanging up makes the stream speak once more.
    this.#attempt = null;
    attempt?.giveUp.abort();
    attempt?.stream?.hangUp();
  }
}

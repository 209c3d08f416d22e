import type { CloseCode } from "../../../protocol/close-codes.ts";
import { randomId } from "../../../protocol/ids.ts";
import type { Role } from "../../../protocol/link.ts";
import { newSecret, secretsEqual } from "../../identity/secrets.ts";
import { type Result, refuse } from "../../problem.ts";
import { closeQuietly } from "../../sockets.ts";

/**
 * Who came, and from which address: `allowed` is the highest role that their credential has,
 * `asked` the one that the agent was asked for the stream with.
 */
type Arrival = {
  member: string;
  allowed: Role;
  asked: Role;
  name: string;
  via: string;
  address: string;
};

/** A viewer that was answered and waits for the agent: the kept end of its pair, never accepted. */
type Waiting = Arrival & { kept: WebSocket; token: string; timer: ReturnType<typeof setTimeout> };

/** The viewers that wait for their agent. They live in memory alone: a viewer's socket does too. */
export class WaitingViewers {
  readonly #waiting = new Map<string, Waiting>();

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Keeps one end until the agent comes.
   * @param lateAfterMs after which `onLate` is called with the stream, if it still waits
   * @returns the stream's id, and the token that opens the agent's side of it, once
   */
  add(
    arrival: Arrival,
    kept: WebSocket,
    lateAfterMs: number,
    onLate: (stream: string) => void,
  ): { stream: string; token: string } {
    const stream = randomId();
    const token = newSecret();
    const timer = setTimeout(() => onLate(stream), lateAfterMs);
    this.#waiting.set(stream, { ...arrival, kept, token, timer });
    return { stream, token };
  }

  /** Whether somebody waits for a stream, and an agent has its token. */
  async check(stream: string, token: string): Promise<Result<null>> {
    const waiting = this.#waiting.get(stream);
    if (!waiting) return streamGone();
    if (!(await secretsEqual(token, waiting.token))) {
      return refuse(401, "bad_stream_token", "That is not the token of this stream.");
    }
    return { ok: true, value: null };
  }

  /**
   * Gives the end that was kept to the agent that was checked: of any number that were, one gets it.
   * Not in one with the check, which awaits: whoever takes it notes in the same turn that it is served.
   */
  take(stream: string): Result<Arrival & { kept: WebSocket }> {
    const waiting = this.#waiting.get(stream);
    if (!waiting) return streamGone(); // another took it meanwhile, or its time was over
    this.#waiting.delete(stream);
    clearTimeout(waiting.timer);
    return { ok: true, value: waiting };
  }

  /** Closes a viewer that waits, with the reason. @returns false if it does not wait (any more) */
  fail(stream: string, code: CloseCode, reason: string): boolean {
    const waiting = this.#waiting.get(stream);
    if (!waiting) return false;
    this.#waiting.delete(stream);
    clearTimeout(waiting.timer);
    waiting.kept.accept();
    closeQuietly(waiting.kept, code, reason);
    return true;
  }

  /** The streams that wait; those of one credential, if it is named. */
  streams(via?: string): string[] {
    return [...this.#waiting]
      .filter(([, waiting]) => via === undefined || waiting.via === via)
      .map(([stream]) => stream);
  }
}

function streamGone() {
  return refuse(410, "stream_gone", "Nobody waits for this stream any more.");
}

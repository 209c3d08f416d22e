import { JOB_LOG_ANSWER_MS } from "../../../protocol/limits.ts";
import type { AgentToEdge } from "../../../protocol/link.ts";

type Log = Extract<AgentToEdge, { type: "log" }>;
type Reader = (log: Log | null) => void;

/** Who waits for an agent to say what a session's desktop printed. One answer is for all of them. */
export class AskedLogs {
  readonly #readers = new Map<string, Set<Reader>>();

  /** Waits for the next answer about a session. @returns null if none came in time */
  answerFor(session: string): Promise<Log | null> {
    const { promise, resolve } = Promise.withResolvers<Log | null>();
    const readers = this.#readers.get(session) ?? new Set<Reader>();
    this.#readers.set(session, readers.add(resolve));
    // Of each reader its own: who comes late has as long as who came first.
    const timer = setTimeout(() => {
      readers.delete(resolve);
      if (readers.size === 0 && this.#readers.get(session) === readers) {
        this.#readers.delete(session);
      }
      resolve(null);
    }, JOB_LOG_ANSWER_MS);
    promise.then(() => clearTimeout(timer));
    return promise;
  }

  /** The agent answers. */
  heard(log: Log): void {
    const readers = this.#readers.get(log.session) ?? [];
    this.#readers.delete(log.session);
    for (const answer of readers) answer(log);
  }
}

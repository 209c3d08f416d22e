import { JOB_LOG_ANSWER_MS } from "../../../protocol/limits.ts";
import type { AgentToEdge } from "../../../protocol/link.ts";
import { batches, type Env } from "../../env.ts";
import { describeError, log } from "../../log.ts";
import { type Result, refuse } from "../../problem.ts";
import type { HostRow } from "./host-record.ts";
import type { Links } from "./links.ts";

/** What an agent says of the desktops that it runs for jobs. */
export type DesktopNews = Extract<AgentToEdge, { type: "hello" | "launched" | "ended" }>;

type Log = Extract<AgentToEdge, { type: "log" }>;

/**
 * The desktops that a host runs for jobs: objects/batch.ts decides which, this passes on what it
 * orders and what the agent says of them. Orders may be given again: the agent starts nothing twice.
 */
export class DesktopOrders {
  readonly #env: Env;
  readonly #links: Links;
  /** Of which sessions the agent was asked what their desktop printed; null is no answer in time. */
  readonly #asked = new Map<string, PromiseWithResolvers<Log | null>>();
  /** What the agent said and is not passed on yet: one after the other, in its order. */
  #telling: Promise<void> = Promise.resolve();
  #untold = 0;

  constructor(env: Env, links: Links) {
    this.#env = env;
    this.#links = links;
  }

  /** @returns false if the host has no link: then the agent did not hear it */
  launch({ session, profile, url }: { session: string; profile: string; url: string }): boolean {
    return this.#links.isOnline() && this.#links.send({ type: "launch", session, profile, url });
  }

  /** @see launch */
  stop(session: string): boolean {
    return this.#links.isOnline() && this.#links.send({ type: "stop", session });
  }

  /**
   * Passes on what the agent says. What cannot be passed on is not lost: the link is closed, and the
   * agent says on the next one how everything stands.
   * @param find the host, when it is this one's turn; undefined if it was removed
   */
  tell(
    find: () => HostRow | undefined,
    news: DesktopNews,
    cut: (reason: string) => void,
  ): Promise<void> {
    if (this.#untold >= MAX_UNTOLD) {
      cut("The agent says more of its desktops than the edge can take in.");
      return Promise.resolve();
    }
    this.#untold++;
    this.#telling = this.#telling.then(async () => {
      const row = find();
      if (row) await this.#tell(row, news, cut);
      this.#untold--;
    });
    return this.#telling;
  }

  /** Does not reject. */
  async #tell(row: HostRow, news: DesktopNews, cut: (reason: string) => void): Promise<void> {
    const { host_id, name } = row;
    const known = batches(this.#env);
    try {
      if (news.type === "launched") await known.launched(host_id, news.session, news.port);
      else if (news.type === "ended") {
        const { session, cause, reason } = news;
        await known.ended(host_id, { session, cause, reason });
      } else {
        const { profiles, max_desktops, desktops } = news;
        await known.hostIsThere({ host_id, name, profiles, max_desktops, desktops });
      }
    } catch (error) {
      log("host.desktops_not_told", { host: host_id, error: describeError(error) });
      cut("The edge could not take in how the desktops stand; say it again.");
    }
  }

  /** What a session's desktop printed. */
  async readLog(session: string): Promise<Result<{ text: string; truncated: boolean }>> {
    if (!this.#links.isOnline() || !this.#links.send({ type: "log", session })) {
      return refuse(
        503,
        "host_offline",
        "The host is offline; it keeps what its desktops printed.",
      );
    }
    const asked = this.#asked.get(session) ?? Promise.withResolvers<Log | null>();
    this.#asked.set(session, asked);
    const timer = setTimeout(() => asked.resolve(null), JOB_LOG_ANSWER_MS);
    const answer = await asked.promise;
    clearTimeout(timer);
    this.#asked.delete(session);
    if (answer === null) {
      const detail = `The agent did not answer in ${JOB_LOG_ANSWER_MS / 1000} s.`;
      return refuse(504, "agent_timeout", detail);
    }
    const { text, truncated } = answer;
    if (text === null) {
      const detail = "The agent keeps nothing of what this desktop printed (any more).";
      return refuse(404, "no_log", detail);
    }
    return { ok: true, value: { text, truncated } };
  }

  heardLog(message: Log): void {
    this.#asked.get(message.session)?.resolve(message);
  }
}

/** So many messages of an agent may wait to be passed on: it has 100 desktops at most. */
const MAX_UNTOLD = 500;

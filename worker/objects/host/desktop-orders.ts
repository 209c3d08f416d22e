import { RpcTarget } from "cloudflare:workers";
import { JOB_LOG_ANSWER_MS } from "../../../protocol/limits.ts";
import { type Result, refuse } from "../../problem.ts";
import type { AskedLogs } from "./asked-logs.ts";
import { type HostRecord, profilesOf } from "./host-record.ts";
import type { Links } from "./links.ts";

/** `said`: the agent has it. */
type OrderAnswer = "said" | "offline" | "removed";

/**
 * The desktops that a host runs for jobs, for objects/batch.ts, which decides which, and for the
 * Worker. Orders may be given again: the agent starts nothing twice. What comes of them it is told
 * by desktop-news.ts.
 */
export class DesktopOrders extends RpcTarget {
  readonly #record: HostRecord;
  readonly #links: Links;
  readonly #asked: AskedLogs;

  constructor(record: HostRecord, links: Links, asked: AskedLogs) {
    super();
    this.#record = record;
    this.#links = links;
    this.#asked = asked;
  }

  /** Why jobs of a profile cannot run here, as a sentence; null if they can, now or when it is back. */
  whyNotFor(profile: string): string | null {
    const row = this.#record.row();
    if (!row || !this.#links.isOnline()) return null;
    const profiles = profilesOf(row);
    if (profiles.includes(profile)) return null;
    const offers = profiles.length > 0 ? `only ${profiles.join(", ")}` : "none";
    return `The host ${row.name} offers no desktop ${profile} to jobs, ${offers}; its owner allows them in the agent's configuration.`;
  }

  /** Has the agent start a session's desktop. */
  launch(order: { session: string; profile: string; url: string }): OrderAnswer | "not_offered" {
    const row = this.#record.row();
    if (!row) return "removed";
    if (!this.#links.isOnline()) return "offline";
    if (!profilesOf(row).includes(order.profile)) return "not_offered";
    const { session, profile, url } = order;
    return this.#links.send({ type: "launch", session, profile, url }) ? "said" : "offline";
  }

  /** Has the agent end a session's desktop. */
  stop(session: string): OrderAnswer {
    if (!this.#record.exists) return "removed";
    const isHeard = this.#links.isOnline() && this.#links.send({ type: "stop", session });
    return isHeard ? "said" : "offline";
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
    const answer = await this.#asked.answerFor(session);
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
}

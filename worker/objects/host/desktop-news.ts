import { CloseCode } from "../../../protocol/close-codes.ts";
import type { AgentToEdge } from "../../../protocol/link.ts";
import { batches, type Env } from "../../env.ts";
import { describeError, log } from "../../log.ts";
import { closeQuietly } from "../../sockets.ts";
import type { HostRecord, HostRow } from "./host-record.ts";

type Hello = Extract<AgentToEdge, { type: "hello" }>;

/** What an agent says of the desktops that it runs for jobs. */
type DesktopNews = Hello | Extract<AgentToEdge, { type: "launched" | "ended" }>;

/** Passes on to objects/batch.ts what an agent says of its desktops, in its order. */
export class DesktopNewsQueue {
  readonly #env: Env;
  readonly #kv: SyncKvStorage;
  readonly #record: HostRecord;
  /** What is not passed on yet: one after the other. */
  #telling: Promise<void> = Promise.resolve();
  #untold = 0;

  constructor(env: Env, kv: SyncKvStorage, record: HostRecord) {
    this.#env = env;
    this.#kv = kv;
    this.#record = record;
  }

  /**
   * Passes on what the agent says. What cannot be passed on is not lost: the link is closed, and the
   * agent says on the next one how everything stands.
   */
  tell(news: DesktopNews, link: WebSocket): Promise<void> {
    if (news.type === "hello" && !this.#everRanJobs(news)) return Promise.resolve();
    const cut = (reason: string) => closeQuietly(link, CloseCode.goingAway, reason);
    if (this.#untold >= MAX_UNTOLD) {
      cut("The agent says more of its desktops than the edge can take in.");
      return Promise.resolve();
    }
    this.#untold++;
    this.#telling = this.#telling.then(async () => {
      const row = this.#record.row(); // when it is this one's turn
      if (row) await this.#tell(row, news, cut);
      this.#untold--;
    });
    return this.#telling;
  }

  /** Whether it offers desktops for jobs, or ever did: that it does not any more is news, too. */
  #everRanJobs({ profiles, desktops }: Hello): boolean {
    if (profiles.length > 0 || desktops.length > 0) this.#kv.put(RUNS_JOBS_KEY, true);
    return this.#kv.get(RUNS_JOBS_KEY) === true;
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
        const { profiles, max_desktops, max_start_seconds, desktops } = news;
        const offer = { profiles, max_desktops, max_start_seconds };
        await known.hostIsThere({ host_id, name, ...offer, desktops });
      }
    } catch (error) {
      log("host.desktops_not_told", { host: host_id, error: describeError(error) });
      cut("The edge could not take in how the desktops stand; say it again.");
    }
  }
}

/** Where it is stored that it ever offered desktops for jobs. */
const RUNS_JOBS_KEY = "runs_jobs";

/** So many messages of an agent may wait to be passed on: it has 100 desktops at most. */
const MAX_UNTOLD = 500;

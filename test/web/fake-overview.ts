import type { Host, Page, Session } from "../../protocol/api.ts";
import { Overview } from "../../web/home/overview.ts";
import type { OverviewState } from "../../web/home/overview-state.ts";

/** An edge that answers at once, a clock and a page for an {@link Overview}. */
export class FakeOverviewSurroundings {
  readonly overview: Overview;
  readonly hosts = new Map<string, Host>();
  /** The oldest first. */
  readonly sessions = new Map<string, Session>();
  /** What was read, since {@link clear}. */
  reads: string[] = [];
  hidden = false;
  random = 0;
  /** Why no read succeeds now. */
  fault: Error | null = null;
  state: OverviewState | null = null;
  #timer: { ms: number; run: () => void } | null = null;

  constructor() {
    this.overview = new Overview({
      reads: {
        mayOperate: () => this.#answer("role", true),
        hosts: ({ cursor, limit }) =>
          this.#answer(`hosts ${limit}`, pageOf([...this.hosts.values()], cursor, limit)),
        host: (id) => this.#answer(`host ${id}`, this.hosts.get(id) ?? null),
        sessions: ({ filter, hostId, cursor, limit }) => {
          const fitting = [...this.sessions.values()]
            .reverse()
            .filter((session) => filter === "all" || session.status !== "ended")
            .filter((session) => hostId === undefined || session.host_id === hostId);
          const what = hostId === undefined ? filter : `of ${hostId}`;
          return this.#answer(`sessions ${what} ${limit}`, pageOf(fitting, cursor, limit));
        },
        session: (id) => this.#answer(`session ${id}`, this.sessions.get(id) ?? null),
      },
      onState: (state) => {
        this.state = state;
      },
      explain: (error) => (error as Error).message,
      isHidden: () => this.hidden,
      random: () => this.random,
      setTimer: (run, ms) => {
        if (this.#timer) throw new Error("There is a second timer.");
        this.#timer = { ms, run };
        return 1;
      },
      clearTimer: () => {
        this.#timer = null;
      },
    });
  }

  /** How long the overview waits before it looks again; null if it looks no more. */
  get nextIn(): number | null {
    return this.#timer?.ms ?? null;
  }

  get names(): string[] | undefined {
    return this.state?.hosts?.map(({ name }) => name);
  }

  get shown(): string[] | undefined {
    return this.state?.sessions?.map(({ session_id }) => session_id);
  }

  host(id: string, news: Partial<Host> = {}): void {
    this.hosts.set(id, { host_id: id, name: id, online: true, ...news } as Host);
  }

  session(id: string, news: Partial<Session> = {}): void {
    const before = this.sessions.get(id);
    const made = { session_id: id, host_id: "h", status: "active", created_at: id, ...news };
    this.sessions.set(id, { ...before, ...made } as Session);
  }

  /** Reads what there is, as a page does first. */
  async load(): Promise<void> {
    this.overview.refresh();
    await this.settle();
    this.reads = [];
  }

  /** Lets the overview's timer fire, if it has one, and its look end. */
  async pass(): Promise<void> {
    const timer = this.#timer;
    this.#timer = null;
    timer?.run();
    await this.settle();
  }

  /** Promise reactions have all run when a task of the event loop begins. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  async #answer<Answer>(what: string, answer: Answer): Promise<Answer> {
    this.reads.push(what);
    if (this.fault) throw this.fault;
    return answer;
  }
}

function pageOf<Item>(
  items: readonly Item[],
  cursor: string | null | undefined,
  limit: number,
): Page<Item> {
  const start = Number(cursor ?? 0);
  const end = start + limit;
  return {
    items: items.slice(start, end),
    next_cursor: end < items.length ? String(end) : null,
  };
}

import type { Host, Page, Session } from "../../protocol/api.ts";
import type { Change } from "../../protocol/events.ts";
import { type LookClock, Looks } from "../feed/looks.ts";
import type { OverviewReads, OverviewState, SessionFilter } from "./overview-state.ts";
import { Stale } from "./stale.ts";

/** How many a page holds at first, and how many more each "more" brings. */
export const HOSTS_A_PAGE = 50;
export const SESSIONS_A_PAGE = 25;

/** Between two looks: what changes meanwhile is read together. */
export const PACE_MS = 250;
/** More items than this at once are read as a list. */
export const MOST_SINGLY = 20;

/** What the overview shows: support rooms are the inbox's. */
type OverviewChange = Extract<Change, { kind: "host" | "session" }>;

type Surroundings = LookClock & {
  reads: OverviewReads;
  onState(state: OverviewState): void;
  /** @returns the sentence for a person; null if the page is being left for it */
  explain(error: unknown): string | null;
  isHidden(): boolean;
};

/** The hosts and sessions of a page, kept as the edge has them. */
export class Overview {
  readonly #around: Surroundings;
  #state: OverviewState = {
    hosts: null,
    sessions: null,
    hasMoreHosts: false,
    hasMoreSessions: false,
    filter: "open",
    operates: false,
    problem: null,
  };
  #operates: boolean | null = null;
  #hosts = new Map<string, Host>();
  #sessions = new Map<string, Session>();
  #hostCursor: string | null = null;
  #sessionCursor: string | null = null;
  #stale = new Stale();
  readonly #looks: Looks;

  constructor(around: Surroundings) {
    this.#around = around;
    const { explain, random, setTimer, clearTimer } = around;
    this.#looks = new Looks({
      ...{ explain, random, setTimer, clearTimer },
      paceMs: PACE_MS,
      isUnseen: () => around.isHidden() && this.#state.hosts !== null,
      read: (signal) => this.#readStale(signal),
      onLooked: (problem) => this.#show({ problem }),
    });
  }

  get state(): OverviewState {
    return this.#state;
  }

  /** Reads everything anew. */
  refresh(): void {
    this.#stale.allHosts = true;
    this.#stale.allSessions = true;
    this.#looks.anew();
  }

  /** Something is not what it was, as the edge told it. */
  note({ kind, id, change }: Pick<OverviewChange, "kind" | "id" | "change">): void {
    if (kind === "session") this.#stale.sessions.add(id);
    // One of a page that nobody asked for stays there, unless it is new.
    else if (this.#hosts.has(id) || this.#hostCursor === null || change === "joined") {
      this.#stale.hosts.add(id);
    }
    if (kind === "host" && change !== "latency" && change !== "streams") {
      this.#stale.sights.add(id);
    }
    if (!this.#stale.isEmpty) this.#looks.changed();
  }

  /** Something was just changed from here: it is read again, whatever the feed does. */
  touch(kind: OverviewChange["kind"], id: string): void {
    (kind === "host" ? this.#stale.hosts : this.#stale.sessions).add(id);
    this.#looks.anew();
  }

  more(kind: Change["kind"]): void {
    if (kind === "host") this.#stale.moreHosts = true;
    else this.#stale.moreSessions = true;
    this.#looks.anew();
  }

  show(filter: SessionFilter): void {
    if (filter === this.#state.filter) return;
    this.#sessions.clear();
    this.#sessionCursor = null;
    this.#show({ filter, sessions: null, hasMoreSessions: false });
    this.#stale.allSessions = true;
    this.#looks.instead();
  }

  /** Reads now what is stale: somebody looks at the page again. */
  look(): void {
    this.#looks.look();
  }

  stop(): void {
    this.#looks.stop();
  }

  async #readStale(signal: AbortSignal): Promise<void> {
    const stale = this.#stale;
    this.#stale = new Stale();
    try {
      await this.#read(stale, signal);
    } catch (error) {
      this.#stale.add(stale);
      throw error;
    }
  }

  async #read(stale: Stale, signal: AbortSignal): Promise<void> {
    this.#operates ??= await this.#around.reads.mayOperate(signal);
    await Promise.all([this.#readHosts(stale, signal), this.#readSessions(stale, signal)]);
    signal.throwIfAborted();
    const hasSessions = this.#state.sessions !== null || stale.allSessions;
    this.#show({
      hosts: [...this.#hosts.values()].sort((a, b) => a.name.localeCompare(b.name)),
      sessions: hasSessions ? newestFirst(this.#sessions.values()) : null,
      hasMoreHosts: this.#hostCursor !== null,
      hasMoreSessions: this.#sessionCursor !== null,
      operates: this.#operates,
    });
  }

  async #readHosts(stale: Stale, signal: AbortSignal): Promise<void> {
    const { reads } = this.#around;
    if (stale.allHosts || stale.hosts.size > MOST_SINGLY) {
      const shown = Math.max(HOSTS_A_PAGE, this.#hosts.size);
      const found = await readUpTo(shown, (page) => reads.hosts(page, signal));
      signal.throwIfAborted();
      this.#hosts = byId(found.items, (host) => host.host_id);
      this.#hostCursor = found.next_cursor;
    } else {
      const ids = [...stale.hosts];
      const found = await Promise.all(ids.map((id) => reads.host(id, signal)));
      signal.throwIfAborted();
      for (const [n, id] of ids.entries()) put(this.#hosts, id, found[n] ?? null);
    }
    if (!stale.moreHosts || this.#hostCursor === null) return;
    const page = await reads.hosts({ cursor: this.#hostCursor, limit: HOSTS_A_PAGE }, signal);
    signal.throwIfAborted();
    for (const host of page.items) this.#hosts.set(host.host_id, host);
    this.#hostCursor = page.next_cursor;
  }

  async #readSessions(stale: Stale, signal: AbortSignal): Promise<void> {
    const { reads } = this.#around;
    const { filter } = this.#state;
    const shownOf = new Set([...this.#sessions.values()].map(({ host_id }) => host_id));
    const hosts = [...stale.sights].filter((id) => shownOf.has(id));
    if (stale.allSessions || stale.sessions.size > MOST_SINGLY || hosts.length > MOST_SINGLY) {
      const shown = Math.max(SESSIONS_A_PAGE, this.#sessions.size);
      const found = await readUpTo(shown, (page) => reads.sessions({ ...page, filter }, signal));
      signal.throwIfAborted();
      this.#sessions = byId(found.items, (session) => session.session_id);
      this.#sessionCursor = found.next_cursor;
    } else {
      const ids = [...stale.sessions];
      const [found, seen] = await Promise.all([
        Promise.all(ids.map((id) => reads.session(id, signal))),
        Promise.all(hosts.map((hostId) => this.#readSight(hostId, signal))),
      ]);
      signal.throwIfAborted();
      // What the list says of one that was also read by itself can be older.
      for (const session of seen.flat()) this.#sessions.set(session.session_id, session);
      for (const [n, id] of ids.entries()) this.#putSession(id, found[n] ?? null);
    }
    if (!stale.moreSessions || this.#sessionCursor === null) return;
    const query = { filter, cursor: this.#sessionCursor, limit: SESSIONS_A_PAGE };
    const page = await reads.sessions(query, signal);
    signal.throwIfAborted();
    for (const session of page.items) this.#sessions.set(session.session_id, session);
    this.#sessionCursor = page.next_cursor;
  }

  /** The sessions that are shown of a host, as it sees them now. */
  async #readSight(hostId: string, signal: AbortSignal): Promise<Session[]> {
    const { filter } = this.#state;
    const shown = [...this.#sessions.values()].filter(({ host_id }) => host_id === hostId);
    const found = await readUpTo(shown.length, (page) =>
      this.#around.reads.sessions({ ...page, filter, hostId }, signal),
    );
    return found.items.filter(({ session_id }) => this.#sessions.has(session_id));
  }

  #putSession(id: string, session: Session | null): void {
    const isOver = session?.status === "ended" || session?.status === "failed";
    if (session && isOver && this.#state.filter === "open") return put(this.#sessions, id, null);
    // One that is older than all that are shown is on a page that nobody asked for yet.
    const last = newestFirst(this.#sessions.values()).at(-1);
    const isBeyond =
      session !== null &&
      this.#sessionCursor !== null &&
      !this.#sessions.has(id) &&
      last !== undefined &&
      session.created_at < last.created_at;
    if (isBeyond) return;
    if (session === null || this.#sessions.has(id)) return put(this.#sessions, id, session);
    // Before those of the same second.
    this.#sessions = new Map([[id, session], ...this.#sessions]);
  }

  #show(news: Partial<OverviewState>): void {
    this.#state = { ...this.#state, ...news };
    this.#around.onState(this.#state);
  }
}

const LONGEST_PAGE = 100;

/** The first `count` items of a list, page after page; whole pages where it has more. */
async function readUpTo<Item>(
  count: number,
  read: (page: { cursor: string | null; limit: number }) => Promise<Page<Item>>,
): Promise<Page<Item>> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const limit = Math.min(LONGEST_PAGE, count - items.length);
    const page: Page<Item> = await read({ cursor, limit });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null && items.length < count);
  return { items, next_cursor: cursor };
}

function put<Item>(items: Map<string, Item>, id: string, item: Item | null): void {
  if (item === null) items.delete(id);
  else items.set(id, item);
}

function byId<Item>(items: readonly Item[], idOf: (item: Item) => string): Map<string, Item> {
  return new Map(items.map((item) => [idOf(item), item]));
}

function newestFirst(sessions: Iterable<Session>): Session[] {
  return [...sessions].sort((a, b) => b.created_at.localeCompare(a.created_at));
}

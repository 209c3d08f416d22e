import type { Host, Page, Session } from "../../protocol/api.ts";

/** Which sessions are shown: those that have not come to their end, or every one. */
export type SessionFilter = "open" | "all";

/** What the overview shows. It stays while the edge cannot be asked. */
export type OverviewState = {
  /** By name; null until the first answer. */
  hosts: Host[] | null;
  /** The newest first; null until the first answer. */
  sessions: Session[] | null;
  hasMoreHosts: boolean;
  hasMoreSessions: boolean;
  filter: SessionFilter;
  /** Whether who looks may run sessions and hosts. */
  operates: boolean;
  /** Why the last look failed, in a sentence. */
  problem: string | null;
};

export type SessionsQuery = {
  filter: SessionFilter;
  hostId?: string;
  cursor?: string | null;
  limit: number;
};

/** The reads of the API that an {@link Overview} is made of. */
export type OverviewReads = {
  mayOperate(signal: AbortSignal): Promise<boolean>;
  hosts(query: { cursor?: string | null; limit: number }, signal: AbortSignal): Promise<Page<Host>>;
  /** null if there is none. */
  host(id: string, signal: AbortSignal): Promise<Host | null>;
  sessions(query: SessionsQuery, signal: AbortSignal): Promise<Page<Session>>;
  /** null if there is none. */
  session(id: string, signal: AbortSignal): Promise<Session | null>;
};

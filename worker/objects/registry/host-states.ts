import { RpcTarget } from "cloudflare:workers";
import type { HostChange } from "../../../protocol/events.ts";
import { LINK_SILENCE_MS } from "../../../protocol/limits.ts";
import type { Display } from "../../../protocol/link.ts";
import { oneRow } from "../storage.ts";
import type { Feed } from "./feed.ts";
import { HostAddresses } from "./host-addresses.ts";

/**
 * What each host last said of itself, for what is asked of all hosts at once. A host's object stays
 * the authority on it; what differs from what it said before goes into the feed.
 */
export class HostStates extends RpcTarget {
  readonly #sql: SqlStorage;
  readonly #feed: Feed;

  constructor(sql: SqlStorage, feed: Feed) {
    super();
    this.#sql = sql;
    this.#feed = feed;
  }

  /** Takes what a host says of itself; older news than it has changes nothing. */
  put(state: HostState): void {
    const { host_id, version, name, silent_at, addresses, ...rest } = state;
    const known = "SELECT 1 FROM hosts WHERE host_id = ?";
    if (this.#sql.exec(known, host_id).toArray().length === 0) return; // removed meanwhile
    const query = "SELECT * FROM host_states WHERE host_id = ?";
    const before = oneRow(this.#sql.exec<HostStateRow>(query, host_id));
    if (before && before.version > version) return;
    const online = Number(rest.online);
    this.#sql.exec(
      `INSERT OR REPLACE INTO host_states (host_id, version, name, label, agent, online, since,
         displays, streams, latency_ms, check_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      host_id,
      version,
      name,
      rest.label,
      rest.agent,
      online,
      rest.since,
      JSON.stringify(rest.displays),
      rest.streams,
      rest.latency_ms,
      nextCheck(silent_at),
    );
    this.#sql.exec(
      "UPDATE hosts SET name = ? WHERE host_id = ? AND name != ?",
      name,
      host_id,
      name,
    );
    new HostAddresses(this.#sql).put(host_id, addresses);
    for (const change of changesOf(before, state)) this.#feed.addHost(host_id, change);
  }

  forget(hostId: string): void {
    this.#sql.exec("DELETE FROM host_states WHERE host_id = ?", hostId);
    new HostAddresses(this.#sql).put(hostId, []);
  }

  /** The hosts whose link should have pinged by now, the longest overdue first. */
  due(limit: number): string[] {
    const query = "SELECT host_id FROM host_states WHERE check_at <= ? ORDER BY check_at LIMIT ?";
    const rows = this.#sql.exec<{ host_id: string }>(query, Date.now(), limit).toArray();
    return rows.map(({ host_id }) => host_id);
  }

  /** @param silentAt from when on a host is offline unless it pings; null if it has no link */
  setSilentAt(hostId: string, silentAt: number | null): void {
    const query = "UPDATE host_states SET check_at = ? WHERE host_id = ?";
    this.#sql.exec(query, nextCheck(silentAt), hostId);
  }

  /** What is told of all hosts together, and the latency of each link. */
  measure(): HostMeasures {
    const sums = `SELECT count(*) AS known, coalesce(sum(online), 0) AS online,
       coalesce(sum(streams), 0) AS streams FROM host_states`;
    const { known, online, streams } = this.#sql
      .exec<{ known: number; online: number; streams: number }>(sums)
      .one();
    const all = "SELECT count(*) AS n FROM hosts";
    const hosts = this.#sql.exec<{ n: number }>(all).one().n;
    const links = `SELECT host_id, latency_ms FROM host_states
       WHERE online = 1 AND latency_ms IS NOT NULL ORDER BY host_id LIMIT ?`;
    const latencies = this.#sql
      .exec<{ host_id: string; latency_ms: number }>(links, MAX_LATENCIES)
      .toArray();
    return { online, offline: Math.max(hosts, known) - online, streams, latencies };
  }

  /** When the next host is due, in ms since the epoch; null if none has a link. */
  nextDue(): number | null {
    const query = "SELECT min(check_at) AS at FROM host_states";
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }
}

/** Of so many links the latency is told, each by itself. */
const MAX_LATENCIES = 1_000;

export type HostMeasures = {
  online: number;
  offline: number;
  streams: number;
  latencies: { host_id: string; latency_ms: number }[];
};

/** After the last moment for a ping: clocks of two objects are not the same to the millisecond. */
const CHECK_MARGIN_MS = 500;

/** When the host has to be asked whether it still pings; null if it has no link. */
function nextCheck(silentAt: number | null): number | null {
  if (silentAt === null) return null;
  const now = Date.now();
  // A link that is silent may come to life again.
  return silentAt > now ? silentAt + CHECK_MARGIN_MS : now + LINK_SILENCE_MS;
}

function changesOf(before: HostStateRow | undefined, state: HostState): HostChange[] {
  const wasOnline = before?.online === 1;
  const changes: HostChange[] = [];
  if (before && (before.name !== state.name || before.label !== state.label)) {
    changes.push("renamed");
  }
  if (state.online && !(wasOnline && before.since === state.since)) changes.push("online");
  if (!state.online && wasOnline) changes.push("offline");
  if (before && before.agent !== state.agent) changes.push("agent");
  if (before && before.displays !== JSON.stringify(state.displays)) changes.push("displays");
  if (before && before.latency_ms !== state.latency_ms) changes.push("latency");
  if ((before?.streams ?? 0) !== state.streams) changes.push("streams");
  return changes;
}

/** Times in ms since the epoch. */
export type HostState = {
  host_id: string;
  /** Tells newer news from older. */
  version: number;
  name: string;
  label: string | null;
  /** The agent's version. */
  agent: string | null;
  online: boolean;
  since: number;
  /** When it counts as offline unless its agent pings; null if it has no link. */
  silent_at: number | null;
  /** The IP addresses of its machine, as its agent says them. */
  addresses: string[];
  displays: Display[];
  streams: number;
  latency_ms: number | null;
};

type HostStateRow = {
  host_id: string;
  version: number;
  name: string;
  label: string | null;
  agent: string | null;
  online: number;
  since: number;
  displays: string;
  streams: number;
  latency_ms: number | null;
  check_at: number | null;
};

export const HOST_STATES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS host_states (
    host_id TEXT PRIMARY KEY, version INTEGER NOT NULL, name TEXT NOT NULL, label TEXT, agent TEXT,
    online INTEGER NOT NULL, since INTEGER NOT NULL, displays TEXT NOT NULL,
    streams INTEGER NOT NULL, latency_ms REAL, check_at INTEGER
  );
  CREATE INDEX IF NOT EXISTS host_states_due ON host_states (check_at) WHERE check_at IS NOT NULL;
`;

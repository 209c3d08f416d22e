import type { Display, Host } from "../../../protocol/api.ts";
import { LOOPBACK } from "../../../protocol/ids.ts";
import { listensOn } from "../../../protocol/link.ts";
import type { HostState } from "../registry/host-states.ts";
import type { Sight } from "../session/session-row.ts";
import { rfc3339 } from "../storage.ts";
import type { AskedStreams } from "./asked-streams.ts";
import { displaysOf, type HostRow, profilesOf } from "./host-record.ts";
import type { Links } from "./links.ts";

/** What a host says of itself, as of now. */
export type CurrentState = Omit<HostState, "version">;

/** How a host is now: what is stored of it, what its link says, and the streams that it was asked for. */
export function hostState(row: HostRow, links: Links, streams: AskedStreams): CurrentState {
  const online = links.isOnline();
  return {
    host_id: row.host_id,
    name: row.name,
    label: row.label,
    agent: row.version,
    online,
    since: online ? row.since : Math.max(row.since, links.lastSeen()),
    silent_at: links.silentAt(),
    addresses: JSON.parse(row.addresses) as string[],
    displays: displaysOf(row),
    streams: online ? streams.count() : 0,
    latency_ms: online ? row.latency_ms : null,
  };
}

/** The same as the API shows it. The displays of one that is offline may be gone. */
export function publicHost(row: HostRow, state: CurrentState): Host {
  return {
    host_id: row.host_id,
    name: row.name,
    label: row.label,
    online: state.online,
    since: rfc3339(state.since),
    version: row.version,
    displays: state.online ? onLoopback(state) : [],
    profiles: profilesOf(row),
    max_desktops: row.max_desktops,
    streams: state.streams,
    latency_ms: state.latency_ms,
    created_at: rfc3339(row.created_at),
  };
}

/**
 * What there is to see of a place on the host now.
 * @param address which of the host's own; null is loopback
 */
export function sightOf(
  row: HostRow | undefined,
  links: Links,
  port: number,
  address: string | null,
): Omit<Sight, "viewers"> {
  if (!row) return { online: false, reason: "The host was removed." };
  if (!links.isOnline()) return { online: false, reason: offlineSentence(row.name) };
  const answers = displaysOf(row).some(
    (display) => display.port === port && listensOn(display, address ?? LOOPBACK),
  );
  const where = address === null ? `port ${port}` : `${address}, port ${port},`;
  const reason = answers ? null : `No VNC server answers on ${where} of ${row.name}.`;
  return { online: true, reason };
}

export function offlineSentence(name: string): string {
  return `The host ${name} is offline. Its agent reconnects by itself when it can.`;
}

/** The displays that a session may name by their port, without where else they listen. */
function onLoopback({ displays }: CurrentState): Display[] {
  return displays
    .filter((display) => listensOn(display, LOOPBACK))
    .map(({ address: _, ...display }) => display);
}

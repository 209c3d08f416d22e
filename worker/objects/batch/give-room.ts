import { type FailedStarts, MAX_IN_A_ROW } from "./failed-starts.ts";
import type { Jobs, Need } from "./jobs.ts";
import type { FreeRoom, Rooms } from "./rooms.ts";

/** Jobs that cannot get room anywhere, ever, and why. */
export type Hopeless = { need: Need; why: string };

/** `onTrial`: the profiles of which it gets one job, and only where no other host has room. */
type Candidate = FreeRoom & { onTrial: Set<string> };

/**
 * Gives jobs room in their order: on the host that they name, or where there is most. Thousands may
 * wait; only those that get room are read.
 */
export function giveRoom(jobs: Jobs, rooms: Rooms, failed: FailedStarts): Hopeless[] {
  const hopeless: Hopeless[] = [];
  const hosts = candidates(jobs, rooms, failed);
  let waiting: { need: Need; seq: number; job_id: string }[] = [];
  const wait = (need: Need) => {
    const [first] = bestFor(need, hosts) ? jobs.queued(need, 1) : [];
    if (first) waiting.push({ need, ...first });
  };
  for (const need of jobs.needs()) {
    const why = whyNever(need, rooms);
    if (why === null) wait(need);
    else hopeless.push({ need, why });
  }
  while (waiting.length > 0) {
    const next = waiting.reduce((a, b) => (a.seq < b.seq ? a : b));
    waiting = waiting.filter((other) => other !== next);
    const best = bestFor(next.need, hosts);
    if (!best) continue; // those before it took the last
    best.free -= 1;
    if (best.onTrial.has(next.need.profile)) best.profiles.delete(next.need.profile);
    jobs.giveRoom(next.job_id, best.host_id);
    wait(next.need);
  }
  return hopeless;
}

/**
 * Why jobs of a need wait for longer than for their turn, as a sentence; null if no reason is known:
 * on all hosts that are there for them desktops do not come up.
 */
export function whyTheyWait(need: Need, rooms: Rooms, failed: FailedStarts): string | null {
  const { profile, wanted_host } = need;
  const hosts = rooms
    .present()
    .filter((host) => host.profiles.has(profile) && host.host_id === (wanted_host ?? host.host_id));
  const poor = failed
    .poor()
    .filter((entry) => entry.profile === profile && entry.in_a_row >= MAX_IN_A_ROW);
  const counts = hosts.map(
    ({ host_id }) => poor.find((entry) => entry.host_id === host_id)?.in_a_row ?? 0,
  );
  if (counts.length === 0 || counts.includes(0)) return null;
  const where =
    hosts.length === 1 ? `the host ${hosts[0]?.name}` : `each of the ${hosts.length} hosts for it`;
  const again = hosts.length === 1 ? "it is" : "they are";
  return `It waits, since the last ${Math.min(...counts)} desktops or more on ${where} did not come up; ${again} asked for another after a while. What those printed, and the agent's log, say why.`;
}

/** The hosts with room, without what is not to be asked of them now. */
function candidates(jobs: Jobs, rooms: Rooms, failed: FailedStarts): Candidate[] {
  const hosts = rooms.free().map((room) => ({ ...room, onTrial: new Set<string>() }));
  for (const { host_id, profile, until } of failed.poor()) {
    const host = hosts.find((room) => room.host_id === host_id);
    if (until > Date.now() || jobs.isStarting(host_id, profile)) host?.profiles.delete(profile);
    else host?.onTrial.add(profile);
  }
  return hosts;
}

function bestFor({ wanted_host, profile }: Need, hosts: readonly Candidate[]) {
  const [best] = hosts
    .filter(({ free, host_id, profiles }) => {
      const isWanted = wanted_host === null || wanted_host === host_id;
      return free > 0 && isWanted && profiles.has(profile);
    })
    .sort(
      (a, b) => Number(a.onTrial.has(profile)) - Number(b.onTrial.has(profile)) || b.free - a.free,
    );
  return best;
}

function whyNever({ wanted_host, profile }: Need, rooms: Rooms): string | null {
  const room = wanted_host === null ? undefined : rooms.get(wanted_host);
  if (room?.is_removed) return HOST_REMOVED;
  if (!room || room.is_away || (JSON.parse(room.profiles) as string[]).includes(profile)) {
    return null;
  }
  return `The host ${room.name} does not offer the desktop ${profile} to jobs (any more).`;
}

export const HOST_REMOVED = "Its host was removed.";

import type { Jobs, Need } from "./jobs.ts";
import type { FreeRoom, Rooms } from "./rooms.ts";

/** Jobs that cannot get room anywhere, ever, and why. */
export type Hopeless = { need: Need; why: string };

/**
 * Gives jobs room in their order: on the host that they name, or where there is most. Thousands may
 * wait; only those that get room are read.
 */
export function giveRoom(jobs: Jobs, rooms: Rooms): Hopeless[] {
  const hopeless: Hopeless[] = [];
  const hosts = rooms.free();
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
    jobs.giveRoom(next.job_id, best.host_id);
    wait(next.need);
  }
  return hopeless;
}

function bestFor({ wanted_host, profile }: Need, hosts: readonly FreeRoom[]): FreeRoom | undefined {
  const [best] = hosts
    .filter(({ free, host_id, profiles }) => {
      const isWanted = wanted_host === null || wanted_host === host_id;
      return free > 0 && isWanted && profiles.has(profile);
    })
    .sort((a, b) => b.free - a.free);
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

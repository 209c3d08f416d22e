import type { Jobs } from "./jobs.ts";
import type { Rooms } from "./rooms.ts";

/** The hosts that jobs run on, or wait for without knowing whether they are there. */
export function hostsToLookAfter(jobs: Jobs, rooms: Rooms): string[] {
  const needs = jobs.needs();
  const unknown = needs
    .map(({ wanted_host }) => wanted_host)
    .filter((id) => id !== null)
    .filter((id) => !rooms.get(id));
  const away = needs.length > 0 ? rooms.away() : [];
  return [...new Set([...jobs.hostsInUse(), ...unknown, ...away])];
}

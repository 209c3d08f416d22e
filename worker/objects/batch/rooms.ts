import { oneRow } from "../storage.ts";

/** What a host has for jobs. Times in ms since the epoch. */
export type Room = {
  host_id: string;
  name: string;
  /** The desktops that its owner allows, as JSON. */
  profiles: string;
  max_desktops: number;
  /** 1 while its link is away, as far as is known here. */
  is_away: number;
  /** Until when it is not asked again: it said that it has no room. */
  full_until: number;
};

/** How long a host that says it has no room is left alone. */
const FULL_MS = 10_000;

/** The hosts that said that jobs may have desktops there. */
export class Rooms {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(ROOMS_SCHEMA);
  }

  put(host: { host_id: string; name: string; profiles: string[]; max_desktops: number }): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO rooms (host_id, name, profiles, max_desktops) VALUES (?, ?, ?, ?)`,
      host.host_id,
      host.name,
      JSON.stringify(host.profiles),
      host.max_desktops,
    );
  }

  setAway(hostId: string): void {
    this.#sql.exec("UPDATE rooms SET is_away = 1 WHERE host_id = ?", hostId);
  }

  setFull(hostId: string): void {
    this.#sql.exec(
      "UPDATE rooms SET full_until = ? WHERE host_id = ?",
      Date.now() + FULL_MS,
      hostId,
    );
  }

  forget(hostId: string): void {
    this.#sql.exec("DELETE FROM rooms WHERE host_id = ?", hostId);
  }

  get(hostId: string): Room | undefined {
    return oneRow(this.#sql.exec<Room>("SELECT * FROM rooms WHERE host_id = ?", hostId));
  }

  /** How many more desktops each host takes now, where that is any. */
  free(): { host_id: string; profiles: Set<string>; free: number }[] {
    const query = `SELECT host_id, profiles,
         max_desktops - (SELECT count(*) FROM jobs WHERE jobs.host_id = rooms.host_id AND has_room = 1)
           AS free
       FROM rooms WHERE is_away = 0 AND full_until <= ? AND free > 0 ORDER BY host_id`;
    return this.#sql
      .exec<{ host_id: string; profiles: string; free: number }>(query, Date.now())
      .toArray()
      .map(({ host_id, profiles, free }) => ({
        host_id,
        profiles: new Set(JSON.parse(profiles) as string[]),
        free,
      }));
  }

  /** When a host that had no room is asked again, in ms since the epoch; null for none. */
  nextFree(): number | null {
    const query = "SELECT min(full_until) AS at FROM rooms WHERE full_until > ?";
    return this.#sql.exec<{ at: number | null }>(query, Date.now()).one().at;
  }
}

const ROOMS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS rooms (
    host_id TEXT PRIMARY KEY, name TEXT NOT NULL, profiles TEXT NOT NULL,
    max_desktops INTEGER NOT NULL, is_away INTEGER NOT NULL DEFAULT 0,
    full_until INTEGER NOT NULL DEFAULT 0
  );
`;

import { DEFAULT_START_S, MAX_DESKTOPS_PER_HOST, MAX_START_S } from "../../../protocol/limits.ts";
import { addMissingColumns, oneRow } from "../storage.ts";

/** What a host has for jobs. Times in ms since the epoch. */
export type Room = {
  host_id: string;
  name: string;
  /** The desktops that its owner allows, as JSON. */
  profiles: string;
  max_desktops: number;
  /** How long its agent gives a desktop to start. */
  max_start_seconds: number;
  /** 1 while its link is away, as far as is known here. */
  is_away: number;
  /** Until when it is not asked again: it said that it has no room. */
  full_until: number;
  /** How often in a row it said so when it was asked again: it is asked for one at a time. */
  refusals: number;
  /** 1 once it was removed: what it has or should have goes. */
  is_removed: number;
};

/** What a host says that it has for jobs. */
export type Offer = {
  host_id: string;
  name: string;
  profiles: string[];
  max_desktops: number;
  /** Undefined of an agent that does not say it. */
  max_start_seconds: number | undefined;
};

/** How long a host that says it has no room is left alone, at first; then twice as long, and so on. */
const FULL_MS = 10_000;
const MAX_DOUBLINGS = 5;

/** The hosts that said that jobs may have desktops there. */
export class Rooms {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(ROOMS_SCHEMA);
    addMissingColumns(sql, "rooms", ...LATER_COLUMNS);
  }

  put(host: Offer): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO rooms (host_id, name, profiles, max_desktops, max_start_seconds)
       VALUES (?, ?, ?, ?, ?)`,
      host.host_id,
      host.name,
      JSON.stringify(host.profiles),
      Math.min(Math.floor(host.max_desktops), MAX_DESKTOPS_PER_HOST),
      Math.min(host.max_start_seconds ?? DEFAULT_START_S, MAX_START_S),
    );
  }

  setAway(hostId: string, isAway: boolean): void {
    this.#sql.exec("UPDATE rooms SET is_away = ? WHERE host_id = ?", Number(isAway), hostId);
  }

  /** It says that it has no room: of many that it was asked for at once the first counts. */
  setFull(hostId: string): void {
    const now = Date.now();
    this.#sql.exec(
      `UPDATE rooms SET full_until = ? + (${FULL_MS} << min(refusals, ${MAX_DOUBLINGS})),
         refusals = refusals + 1
       WHERE host_id = ? AND full_until <= ?`,
      now,
      hostId,
      now,
    );
  }

  /** A desktop there is over: it is asked again at once, for one. */
  setRoomAgain(hostId: string): void {
    this.#sql.exec("UPDATE rooms SET full_until = 0 WHERE host_id = ?", hostId);
  }

  /** A desktop came up there: what it says of its room is right again. */
  setTrusted(hostId: string): void {
    this.#sql.exec("UPDATE rooms SET refusals = 0 WHERE host_id = ? AND refusals > 0", hostId);
  }

  setRemoved(hostId: string): void {
    const query = `INSERT INTO rooms (host_id, name, profiles, max_desktops, is_removed)
       VALUES (?, '', '[]', 0, 1) ON CONFLICT (host_id) DO UPDATE SET is_removed = 1`;
    this.#sql.exec(query, hostId);
  }

  removed(): string[] {
    return this.#hosts("is_removed = 1");
  }

  /** Nothing is to be done for these any more. */
  forget(hostIds: readonly string[]): void {
    for (const id of hostIds) this.#sql.exec("DELETE FROM rooms WHERE host_id = ?", id);
  }

  /** Those that were not there when they were asked last. */
  away(): string[] {
    return this.#hosts("is_away = 1 AND is_removed = 0");
  }

  #hosts(condition: string): string[] {
    const query = `SELECT host_id FROM rooms WHERE ${condition}`;
    return this.#sql
      .exec<{ host_id: string }>(query)
      .toArray()
      .map(({ host_id }) => host_id);
  }

  get(hostId: string): Room | undefined {
    return oneRow(this.#sql.exec<Room>("SELECT * FROM rooms WHERE host_id = ?", hostId));
  }

  /** Those that are there, as far as is known here, and what they offer. */
  present(): { host_id: string; name: string; profiles: Set<string> }[] {
    const query = "SELECT * FROM rooms WHERE is_away = 0 AND is_removed = 0 ORDER BY host_id";
    return this.#sql
      .exec<Room>(query)
      .toArray()
      .map(({ host_id, name, profiles }) => ({ host_id, name, profiles: profileSet(profiles) }));
  }

  /** How many more desktops each host takes now, where that is any. */
  free(): FreeRoom[] {
    const query = `SELECT host_id, profiles,
         max_desktops - (SELECT count(*) FROM jobs WHERE jobs.host_id = rooms.host_id AND has_room = 1)
           AS free, refusals
       FROM rooms
       WHERE is_away = 0 AND is_removed = 0 AND full_until <= ? AND free > 0 ORDER BY host_id`;
    return this.#sql
      .exec<{ host_id: string; profiles: string; free: number; refusals: number }>(
        query,
        Date.now(),
      )
      .toArray()
      .map(({ host_id, profiles, free, refusals }) => ({
        host_id,
        profiles: profileSet(profiles),
        free: refusals > 0 ? 1 : free,
      }));
  }

  /**
   * When a host that had no room is asked again, in ms since the epoch; null for none.
   * @param since when all were looked at: what came to be due after it counts
   */
  nextFree(since: number): number | null {
    const query = "SELECT min(full_until) AS at FROM rooms WHERE full_until > ?";
    return this.#sql.exec<{ at: number | null }>(query, since).one().at;
  }
}

function profileSet(json: string): Set<string> {
  return new Set(JSON.parse(json) as string[]);
}

export type FreeRoom = { host_id: string; profiles: Set<string>; free: number };

const LATER_COLUMNS = [
  "refusals INTEGER NOT NULL DEFAULT 0",
  "is_removed INTEGER NOT NULL DEFAULT 0",
  `max_start_seconds REAL NOT NULL DEFAULT ${DEFAULT_START_S}`,
];

const ROOMS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS rooms (
    host_id TEXT PRIMARY KEY, name TEXT NOT NULL, profiles TEXT NOT NULL,
    max_desktops INTEGER NOT NULL, is_away INTEGER NOT NULL DEFAULT 0,
    full_until INTEGER NOT NULL DEFAULT 0, refusals INTEGER NOT NULL DEFAULT 0,
    is_removed INTEGER NOT NULL DEFAULT 0,
    max_start_seconds REAL NOT NULL DEFAULT ${DEFAULT_START_S}
  );
`;

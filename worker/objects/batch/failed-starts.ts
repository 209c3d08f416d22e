/** After so many desktops in a row that did not come up a host is left alone for a while. */
export const MAX_IN_A_ROW = 3;

/** How long, at first; then, for each one more, twice as long. */
const PAUSE_MS = 10_000;
const MAX_DOUBLINGS = 5;

/** A host that is asked for one at a time; `until`: not before that, in ms since the epoch. */
export type PoorHost = { host_id: string; profile: string; in_a_row: number; until: number };

/**
 * On which hosts desktops of a profile do not come up: a host that fails each within a second would
 * be where most room is, and have the whole queue fail.
 */
export class FailedStarts {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(FAILED_STARTS_SCHEMA);
  }

  /** One did not come up. Of many that were starting when the pause began none makes it longer. */
  add(hostId: string, profile: string): void {
    const now = Date.now();
    this.#sql.exec(
      `INSERT INTO failed_starts (host_id, profile, in_a_row, until) VALUES (?, ?, 1, 0)
       ON CONFLICT DO UPDATE SET in_a_row = in_a_row + 1,
         until = iif(in_a_row + 1 < ${MAX_IN_A_ROW}, 0,
           ? + (${PAUSE_MS} << min(in_a_row + 1 - ${MAX_IN_A_ROW}, ${MAX_DOUBLINGS})))
       WHERE until <= ?`,
      hostId,
      profile,
      now,
      now,
    );
  }

  /** One came up: all is well there. */
  clear(hostId: string, profile: string): void {
    this.#sql.exec("DELETE FROM failed_starts WHERE host_id = ? AND profile = ?", hostId, profile);
  }

  /** The host was removed. */
  forget(hostId: string): void {
    this.#sql.exec("DELETE FROM failed_starts WHERE host_id = ?", hostId);
  }

  /** Where the last one did not come up. */
  poor(): PoorHost[] {
    return this.#sql.exec<PoorHost>("SELECT * FROM failed_starts").toArray();
  }

  /**
   * When the first of them is asked again, in ms since the epoch; null for none.
   * @param since when all were looked at: what came to be due after it counts
   */
  nextTry(since: number): number | null {
    const query = "SELECT min(until) AS at FROM failed_starts WHERE until > ?";
    return this.#sql.exec<{ at: number | null }>(query, since).one().at;
  }
}

const FAILED_STARTS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS failed_starts (
    host_id TEXT NOT NULL, profile TEXT NOT NULL, in_a_row INTEGER NOT NULL,
    until INTEGER NOT NULL, PRIMARY KEY (host_id, profile)
  ) WITHOUT ROWID;
`;

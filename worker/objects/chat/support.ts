import type { Member, RoomToClient } from "../../../protocol/chat.ts";
import type { SupportIndexRow } from "../registry/support-rooms.ts";
import { addMissingColumns, hasTable, oneRow } from "../storage.ts";
import type { History } from "./history.ts";

/** How long a guest's cookie is good for, from when they last came for it. */
export const SUPPORT_TTL_MS = 30 * 24 * 60 * 60_000;

/** How much of the last message the inbox shows. */
const SNIPPET_CHARACTERS = 140;

/**
 * The life of a support room: whose it is, whether its guest waits for an answer, who of staff
 * takes care of it, whether it is done. What changes here, or is said, the index in the registry
 * has to hear: `version` counts that, `indexed` is what the registry has.
 *
 * A session's room has none of this.
 */
export class Support {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = hasTable(sql, "support");
    if (this.#exists) addMissingColumns(sql, "support", ...LATER_COLUMNS);
  }

  get exists(): boolean {
    return this.#exists;
  }

  /** @param hash of the guest's secret */
  open(hash: string, name: string): void {
    if (this.#exists) return;
    this.#sql.exec(SCHEMA);
    addMissingColumns(this.#sql, "support", ...LATER_COLUMNS);
    this.#exists = true;
    const query = "INSERT INTO support (hash, name, created_at, good_until) VALUES (?, ?, ?, ?)";
    this.#sql.exec(query, hash, name, Date.now(), Date.now() + SUPPORT_TTL_MS);
  }

  /** The guest of a secret, if it is this room's and still good. */
  guest(hash: string): { name: string; good_until: number } | null {
    const row = this.#row();
    if (!row || row.hash !== hash || row.good_until <= Date.now()) return null;
    return { name: row.name, good_until: row.good_until };
  }

  /** The guest came again: their cookie is good for as long as a new one. */
  renew(): number {
    const until = Date.now() + SUPPORT_TTL_MS;
    this.#sql.exec("UPDATE support SET good_until = ?", until);
    return until;
  }

  /** How it stands, for one member or for all; nothing in a session's room. */
  messages(): RoomToClient[] {
    const row = this.#row();
    if (!row) return [];
    const { state, claimed_by } = row;
    const waiting_since = waitingSince(row);
    return [
      {
        type: "room",
        state,
        claimed_by: claimed_by === null ? null : (JSON.parse(claimed_by) as Member),
        waiting_since: waiting_since === null ? null : new Date(waiting_since).toISOString(),
      },
    ];
  }

  /**
   * Somebody said something: a guest waits from then on and opens a room that was done, staff
   * answers who waits.
   * @returns whether that changed the room's state
   */
  said(staff: boolean, seq: number): boolean {
    const row = this.#row();
    if (!row) return false;
    this.touch();
    if (staff ? row.waiting_since === null : row.waiting_since !== null && row.state === "open") {
      return false;
    }
    const query = staff
      ? "UPDATE support SET waiting_since = NULL"
      : "UPDATE support SET state = 'open', waiting_since = ?, waiting_seq = ?";
    this.#sql.exec(query, ...(staff ? [] : [Date.now(), seq]));
    return true;
  }

  /**
   * A message was deleted: it counts as unread for nobody, and what its guest took back waits for
   * no answer.
   * @returns whether that changed the room's state
   */
  deleted(seq: number, history: History): boolean {
    const row = this.#row();
    if (!row) return false;
    this.#sql.exec("UPDATE support SET deleted = deleted + 1");
    this.#sql.exec("UPDATE staff_reads SET told = 0 WHERE seq >= ?", seq);
    if (row.waiting_since === null || row.waiting_seq !== seq) return false;
    const next = history.nextOfAuthor(seq);
    const query = "UPDATE support SET waiting_since = ?, waiting_seq = ?";
    this.#sql.exec(query, next?.at ?? null, next?.seq ?? null);
    return true;
  }

  claim(by: Member | null, person: string | null): void {
    const query = "UPDATE support SET claimed_by = ?, claimed_person = ?";
    this.#sql.exec(query, by && JSON.stringify(by), person);
    this.touch();
  }

  /** What waited is remembered: opened again, it waits as before. */
  close(): void {
    this.#sql.exec("UPDATE support SET state = 'closed', claimed_by = NULL, claimed_person = NULL");
    this.touch();
  }

  /** @returns whether it was done */
  reopen(): boolean {
    const query = "UPDATE support SET state = 'open' WHERE state = 'closed'";
    const isNew = this.#sql.exec(query).rowsWritten > 0;
    if (isNew) this.touch();
    return isNew;
  }

  /** There is news for the index. */
  touch(): void {
    if (this.#exists) this.#sql.exec("UPDATE support SET version = version + 1");
  }

  /** How far a person of staff has read, for the unread counts of the inbox. */
  staffRead(person: string, seq: number): void {
    if (!this.#exists) return;
    const query = `INSERT INTO staff_reads (person, seq, told) VALUES (?, ?, 0)
       ON CONFLICT (person) DO UPDATE SET seq = excluded.seq, told = 0 WHERE excluded.seq > staff_reads.seq`;
    this.#sql.exec(query, person, seq);
  }

  /** What the index does not know yet; null if it knows all, or nobody has said anything. */
  untold(room: string, history: History): SupportIndexRow | null {
    const row = this.#row();
    const last = history.newest();
    if (!row || !last) return null;
    const reads = this.#sql
      .exec<{ person: string; seq: number }>(
        "SELECT person, seq FROM staff_reads WHERE told = 0 LIMIT 100",
      )
      .toArray();
    if (row.version === row.indexed && reads.length === 0) return null;
    const claimed = row.claimed_by === null ? null : (JSON.parse(row.claimed_by) as Member).name;
    return {
      room,
      guest: row.name,
      created_at: row.created_at,
      state: row.state,
      waiting_since: waitingSince(row),
      claimed_name: claimed,
      claimed_person: row.claimed_person,
      last_seq: last.seq,
      last_at: last.at,
      last_from: last.from.name,
      last_text: last.text?.slice(0, SNIPPET_CHARACTERS).toWellFormed() ?? null,
      version: row.version,
      deleted: row.deleted,
      reads: reads.map((read) => ({
        ...read,
        deleted: row.deleted - history.deletedAfter(read.seq),
      })),
    };
  }

  markTold({ version, deleted, reads }: SupportIndexRow): void {
    this.#sql.exec("UPDATE support SET indexed = max(indexed, ?)", version);
    // What was counted before another deletion is told again.
    if (this.#row()?.deleted !== deleted) return;
    for (const { person, seq } of reads) {
      this.#sql.exec("UPDATE staff_reads SET told = 1 WHERE person = ? AND seq = ?", person, seq);
    }
  }

  get isIndexed(): boolean {
    return (this.#row()?.indexed ?? 0) > 0;
  }

  /** The index has nothing of it any more. */
  markUntold(): void {
    this.#sql.exec("UPDATE support SET indexed = 0");
  }

  /** Whether the guest cannot come back, so that a room without messages is of no use. */
  isOver(): boolean {
    const row = this.#row();
    return row !== undefined && row.good_until <= Date.now();
  }

  /** When {@link isOver} will be, in ms since the epoch. */
  overAt(): number | null {
    return this.#row()?.good_until ?? null;
  }

  /** Forgets whose room it was: from now on there is none. */
  erase(): void {
    for (const table of ["support", "staff_reads", "people"]) this.#sql.exec(`DROP TABLE ${table}`);
    this.#exists = false;
  }

  #row(): Row | undefined {
    return this.#exists ? oneRow(this.#sql.exec<Row>("SELECT * FROM support")) : undefined;
  }
}

/** Nobody waits in a room that is done. */
function waitingSince({ state, waiting_since }: Row): number | null {
  return state === "open" ? waiting_since : null;
}

type Row = {
  hash: string;
  name: string;
  created_at: number;
  good_until: number;
  state: "open" | "closed";
  /** A {@link Member} as JSON, and the person that the inbox knows. */
  claimed_by: string | null;
  claimed_person: string | null;
  waiting_since: number | null;
  /** The first message that waits. */
  waiting_seq: number | null;
  version: number;
  indexed: number;
  /** How many messages were deleted, ever. */
  deleted: number;
};

/** What earlier rooms were made without. */
const LATER_COLUMNS = ["waiting_seq INTEGER", "deleted INTEGER NOT NULL DEFAULT 0"];

const SCHEMA = `
  CREATE TABLE support (
    hash TEXT NOT NULL, name TEXT NOT NULL, created_at INTEGER NOT NULL, good_until INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open', claimed_by TEXT, claimed_person TEXT, waiting_since INTEGER,
    version INTEGER NOT NULL DEFAULT 0, indexed INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE staff_reads (person TEXT PRIMARY KEY, seq INTEGER NOT NULL, told INTEGER NOT NULL);
`;

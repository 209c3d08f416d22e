import type { ChatChange, ChatDeletion, ChatMessage, Member } from "../../../protocol/chat.ts";
import { type Result, refuse } from "../../problem.ts";
import { hasTable, oneRow } from "../storage.ts";

/** A room keeps this many messages, and each for so long; then they are gone for good. */
export const KEPT_MESSAGES = 100_000;
export const KEPT_DAYS = 90;

/** How often the number of messages is looked at, in messages. */
const PRUNE_EVERY = 256;

/** About how much one {@link History.changes} holds, in characters of text. */
const CHUNK_CHARACTERS = 64 * 1024;
const CHUNK_MESSAGES = 500;

/**
 * The messages of a room. `seq` counts them and `rev` their changes, both without gaps, over
 * everything that ever was: also what is no longer kept. A message is one row, with the `rev` of its
 * last change; what it was before is gone.
 *
 * The counters are held in memory: there is one object for a room, and it writes nothing it has not
 * counted.
 */
export class History {
  readonly #sql: SqlStorage;
  #exists: boolean;
  #lastSeq = 0;
  #lastRev = 0;
  /** The newest change of what is not kept any more. */
  #goneRev = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = hasTable(sql, "history");
    if (!this.#exists) return;
    const counted = sql
      .exec<{ seq: number; rev: number; gone: number }>(
        `SELECT max(last_seq, coalesce((SELECT max(seq) FROM history), 0)) AS seq,
           max(last_rev, coalesce((SELECT max(rev) FROM history), 0)) AS rev, gone_rev AS gone FROM kept`,
      )
      .one();
    this.#lastSeq = counted.seq;
    this.#lastRev = counted.rev;
    this.#goneRev = counted.gone;
    this.prune();
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get lastRev(): number {
    return this.#lastRev;
  }

  /** All changes from this one on are known. */
  get fromRev(): number {
    return this.#goneRev + 1;
  }

  /** Stores a message once: a resend, told by person and cid, finds the first one. */
  add(from: Member, cid: string, text: string): { seq: number; added: ChatMessage | null } {
    this.#make();
    const [seq, rev, at] = [this.#lastSeq + 1, this.#lastRev + 1, Date.now()];
    const query = `INSERT INTO history (seq, rev, sender, cid, author, text, at)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sender, cid) DO NOTHING`;
    const author = JSON.stringify(from);
    const stored = this.#sql.exec(query, seq, rev, from.id, cid, author, text, at).rowsWritten > 0;
    if (!stored) {
      const again = "SELECT seq FROM history WHERE sender = ? AND cid = ?";
      return { seq: this.#sql.exec<{ seq: number }>(again, from.id, cid).one().seq, added: null };
    }
    this.#lastSeq = seq;
    this.#lastRev = rev;
    if (seq % PRUNE_EVERY === 0) this.#remove("seq <= ?", seq - KEPT_MESSAGES);
    const added: ChatMessage = { type: "message", rev, seq, cid, from, text, at: toTime(at) };
    return { seq, added };
  }

  /** Gives a message of that person another text. */
  edit(seq: number, by: string, text: string): Result<ChatMessage> {
    const row = this.#find(seq);
    if (!row || row.text === null) return noSuchMessage();
    if (row.sender !== by) {
      return refuse(403, "not_author", "Only who wrote a message can change it.");
    }
    const changed = { ...row, text, edited_at: Date.now(), rev: this.#lastRev + 1 };
    const query = "UPDATE history SET text = ?, edited_at = ?, rev = ? WHERE seq = ?";
    this.#sql.exec(query, text, changed.edited_at, changed.rev, seq);
    this.#lastRev = changed.rev;
    return { ok: true, value: toMessage(changed, text) };
  }

  /**
   * Erases the text of a message. Once is enough: of one that is deleted nothing changes.
   * @param staff may delete what others wrote
   */
  delete(
    seq: number,
    by: string,
    staff: boolean,
  ): Result<ChatDeletion & { isNew: boolean; own: boolean }> {
    const row = this.#find(seq);
    if (!row) return noSuchMessage();
    const own = row.sender === by;
    if (!own && !staff) {
      const detail = "Only who wrote a message, or an operator, can delete it.";
      return refuse(403, "not_author", detail);
    }
    const isNew = row.text !== null;
    const rev = isNew ? this.#lastRev + 1 : row.rev;
    if (isNew) {
      this.#sql.exec("UPDATE history SET text = NULL, rev = ? WHERE seq = ?", rev, seq);
      this.#lastRev = rev;
    }
    return { ok: true, value: { type: "deleted", rev, seq, isNew, own } };
  }

  /** A person as they were when they wrote something that is kept; null if nothing is. */
  sender(member: string): Member | null {
    if (!this.#exists) return null;
    const query = "SELECT author FROM history WHERE sender = ? LIMIT 1";
    const row = oneRow(this.#sql.exec<{ author: string }>(query, member));
    return row ? (JSON.parse(row.author) as Member) : null;
  }

  /**
   * The next of what changed after a rev, up to another, in the order of the changes; each message
   * as it is now. At most some 64 KiB, so that no history is ever in memory at once.
   */
  changes(after: number, upTo: number): ChatChange[] {
    if (!this.#exists || after >= upTo) return [];
    const query = "SELECT * FROM history WHERE rev > ? AND rev <= ? ORDER BY rev LIMIT ?";
    const changes: ChatChange[] = [];
    let characters = 0;
    for (const row of this.#sql.exec<Row>(query, after, upTo, CHUNK_MESSAGES)) {
      changes.push(toChange(row));
      characters += row.text?.length ?? 0;
      if (characters >= CHUNK_CHARACTERS) break;
    }
    return changes;
  }

  /** The newest messages before a `seq`, the newest first. */
  page(before: number, limit: number): { items: ChatChange[]; more: boolean } {
    if (!this.#exists) return { items: [], more: false };
    const query = "SELECT * FROM history WHERE seq < ? ORDER BY seq DESC LIMIT ?";
    const rows = this.#sql.exec<Row>(query, before, limit + 1).toArray();
    return { items: rows.slice(0, limit).map(toChange), more: rows.length > limit };
  }

  /** The newest message, if one is kept. */
  newest(): { seq: number; from: Member; text: string | null; at: number } | null {
    if (!this.#exists) return null;
    const row = oneRow(this.#sql.exec<Row>("SELECT * FROM history ORDER BY seq DESC LIMIT 1"));
    if (!row) return null;
    return { seq: row.seq, from: JSON.parse(row.author), text: row.text, at: row.at };
  }

  /** How many of the messages after that one are deleted. */
  deletedAfter(seq: number): number {
    if (!this.#exists) return 0;
    const query = "SELECT count(*) AS deleted FROM history WHERE seq > ? AND text IS NULL";
    return this.#sql.exec<{ deleted: number }>(query, seq).one().deleted;
  }

  /** The next message of whoever wrote that one that is not deleted. */
  nextOfAuthor(seq: number): { seq: number; at: number } | null {
    const query = `SELECT seq, at FROM history WHERE seq > ? AND text IS NOT NULL
       AND sender = (SELECT sender FROM history WHERE seq = ?) ORDER BY seq LIMIT 1`;
    return oneRow(this.#sql.exec<{ seq: number; at: number }>(query, seq, seq)) ?? null;
  }

  /** Forgets what is too old. */
  prune(): void {
    const now = Date.now();
    if ((this.nextPrune() ?? Infinity) <= now) this.#remove("at <= ?", now - KEPT_DAYS * DAY_MS);
  }

  /** When something will be too old, in ms since the epoch, if there is anything. */
  nextPrune(): number | null {
    if (!this.#exists) return null;
    const query = "SELECT at FROM history ORDER BY seq LIMIT 1";
    const oldest = oneRow(this.#sql.exec<{ at: number }>(query));
    return oldest ? oldest.at + KEPT_DAYS * DAY_MS : null;
  }

  #remove(which: "seq <= ?" | "at <= ?", bound: number): void {
    const newest = `SELECT max(rev) AS rev FROM history WHERE ${which}`;
    const { rev } = this.#sql.exec<{ rev: number | null }>(newest, bound).one();
    if (rev === null) return;
    this.#goneRev = Math.max(this.#goneRev, rev);
    this.#sql.exec(`DELETE FROM history WHERE ${which}`, bound);
    const query = "UPDATE kept SET last_seq = ?, last_rev = ?, gone_rev = ?";
    this.#sql.exec(query, this.#lastSeq, this.#lastRev, this.#goneRev);
  }

  #find(seq: number): Row | undefined {
    if (!this.#exists) return undefined;
    return oneRow(this.#sql.exec<Row>("SELECT * FROM history WHERE seq = ?", seq));
  }

  #make(): void {
    if (this.#exists) return;
    this.#sql.exec(SCHEMA);
    this.#exists = true;
  }
}

const DAY_MS = 24 * 60 * 60_000;

type Row = {
  seq: number;
  rev: number;
  sender: string;
  cid: string;
  author: string;
  /** Null once it is deleted. */
  text: string | null;
  at: number;
  edited_at: number | null;
};

/** `kept` has the counters as they were when messages were last forgotten. */
const SCHEMA = `
  CREATE TABLE history (
    seq INTEGER PRIMARY KEY, rev INTEGER NOT NULL UNIQUE, sender TEXT NOT NULL, cid TEXT NOT NULL,
    author TEXT NOT NULL, text TEXT, at INTEGER NOT NULL, edited_at INTEGER, UNIQUE (sender, cid)
  );
  CREATE TABLE kept (last_seq INTEGER NOT NULL, last_rev INTEGER NOT NULL, gone_rev INTEGER NOT NULL);
  INSERT INTO kept VALUES (0, 0, 0);
`;

function toChange(row: Row): ChatChange {
  const { rev, seq, text } = row;
  return text === null ? { type: "deleted", rev, seq } : toMessage(row, text);
}

function toMessage(row: Row, text: string): ChatMessage {
  const { rev, seq, cid, at, edited_at } = row;
  const from = JSON.parse(row.author) as Member;
  const message: ChatMessage = { type: "message", rev, seq, cid, from, text, at: toTime(at) };
  return edited_at === null ? message : { ...message, edited_at: toTime(edited_at) };
}

function toTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

function noSuchMessage() {
  return refuse(404, "no_such_message", "There is no such message; it may have been deleted.");
}

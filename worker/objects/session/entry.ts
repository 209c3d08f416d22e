import type { NewShareLink, ShareLink } from "../../../protocol/api.ts";
import { randomId } from "../../../protocol/ids.ts";
import { MAX_LINKS_PER_SESSION, TICKET_TTL_MS } from "../../../protocol/limits.ts";
import type { Role } from "../../../protocol/link.ts";
import { hashSecret, newSecret } from "../../identity/secrets.ts";
import { type Result, refuse } from "../../problem.ts";
import { NOBODY } from "../registry/audit.ts";
import { oneRow, rfc3339 } from "../storage.ts";
import type { Telling } from "../telling.ts";
import type { Outbox } from "./outbox.ts";
import type { SessionRecord } from "./session-record.ts";
import { credentialRevoked, type SessionRow } from "./session-row.ts";

/**
 * What lets somebody into a session: the highest role that they may have there, and their name.
 * `via` names the credential that it goes back to (`key:<id>`, `link:<id>`), so that revoking that
 * one finds it. `person` is whom it stands for: all that comes of one person, in several tabs, is
 * theirs. Neither is shown to others. `staff` may take control from whoever has it.
 */
export type Grant = { role: Role; name: string; via: string; person: string; staff: boolean };

/** Carries a viewer's {@link ViewerEntry} from the Worker to the objects. */
export const VIEWER_HEADER = "x-porthole-viewer";

/** How somebody comes in: with a ticket, or as somebody whom the Worker vouches for. */
export type ViewerEntry = ({ ticket: string } | Grant) & {
  /** Where they come from, for the audit. */
  address: string;
};

/**
 * Who may enter a session while it is open: its tickets, its share links, the guests that came by
 * those, and the credentials that were revoked.
 */
export class Entry {
  readonly #sql: SqlStorage;
  readonly #record: SessionRecord;
  readonly #outbox: Outbox;
  readonly #telling: Telling<SessionRow>;

  constructor(
    sql: SqlStorage,
    record: SessionRecord,
    outbox: Outbox,
    telling: Telling<SessionRow>,
  ) {
    this.#sql = sql;
    this.#record = record;
    this.#outbox = outbox;
    this.#telling = telling;
  }

  /**
   * Lets somebody in who comes to the desktop or to the room. That their credential is not good for
   * that is in the audit.
   */
  async enter(entry: ViewerEntry): Promise<Result<Grant>> {
    const isTicket = "ticket" in entry;
    const admitted = isTicket ? await this.#consumeTicket(entry.ticket) : this.admit(entry);
    if (!admitted.ok && this.#record.exists && CREDENTIAL_REFUSALS.has(admitted.refusal.status)) {
      const { code } = admitted.refusal;
      const actor = isTicket ? NOBODY : entry.via;
      const line = { actor, address: entry.address, action: "viewer.refused", detail: code };
      if (this.#outbox.recordBounded(`viewer.refused ${code}`, 1, line)) this.#telling.tell();
    }
    return admitted;
  }

  /** Whether the session can be entered by somebody whom the Worker vouches for. */
  admit(grant: Grant): Result<Grant> {
    const open = this.#record.open();
    if (!open.ok) return open;
    return this.isRevoked(grant.via) ? credentialRevoked() : { ok: true, value: grant };
  }

  /** A secret that opens one WebSocket of the session, or of its room, once, within 60 s. */
  async issueTicket(grant: Grant): Promise<Result<{ ticket: string; expires_at: string }>> {
    const open = this.#record.open();
    if (!open.ok) return open;
    const ticket = newSecret();
    const expiresAt = Date.now() + TICKET_TTL_MS;
    this.#sql.exec("DELETE FROM tickets WHERE expires_at < ?", Date.now());
    this.#sql.exec(
      `INSERT INTO tickets (hash, role, name, via, person, staff, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      await hashSecret(ticket),
      grant.role,
      grant.name,
      grant.via,
      grant.person,
      Number(grant.staff),
      expiresAt,
    );
    return { ok: true, value: { ticket, expires_at: rfc3339(expiresAt) } };
  }

  /** Takes a ticket, atomically: of any number that try, one gets it. */
  async #consumeTicket(ticket: string): Promise<Result<Grant>> {
    const open = this.#record.open();
    if (!open.ok) return open;
    const taken = oneRow(
      this.#sql.exec<Omit<Grant, "staff"> & { staff: number; expires_at: number }>(
        "DELETE FROM tickets WHERE hash = ? RETURNING *",
        await hashSecret(ticket),
      ),
    );
    if (!taken || taken.expires_at < Date.now() || this.isRevoked(taken.via)) {
      const detail = "This ticket is used, expired or not for this session; ask for a new one.";
      return refuse(401, "bad_ticket", detail);
    }
    const { role, name, via, person, staff } = taken;
    return { ok: true, value: { role, name, via, person, staff: staff === 1 } };
  }

  /** Makes a link, which ends with the session at the latest. */
  async createLink(input: NewLink): Promise<Result<NewShareLink>> {
    const open = this.#record.open();
    if (!open.ok) return open;
    const { session_id, expires_at } = open.value;
    const secret = `${session_id}.${newSecret()}`; // so that redeeming needs no search
    const hash = await hashSecret(secret);
    // In one turn: of many that are made at once, so many are as there is room for.
    if (this.listLinks().length >= MAX_LINKS_PER_SESSION) {
      const detail = `This session has ${MAX_LINKS_PER_SESSION} share links, its limit; revoke one.`;
      return refuse(429, "too_many_links", detail);
    }
    const linkId = randomId(9);
    this.#sql.exec(
      `INSERT INTO links (link_id, hash, role, label, created_at, expires_at, max_uses)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      linkId,
      hash,
      input.role,
      input.label,
      Date.now(),
      Math.min(input.expires_at, expires_at),
      input.max_uses,
    );
    return { ok: true, value: { ...this.#link(linkId), secret } };
  }

  listLinks(): ShareLink[] {
    return this.#sql
      .exec<LinkRow>("SELECT * FROM links ORDER BY created_at DESC")
      .toArray()
      .map(toLink);
  }

  /** Forgets a link and its guests. @returns false if there is none */
  revokeLink(linkId: string): boolean {
    this.#sql.exec("DELETE FROM guests WHERE link_id = ?", linkId);
    return this.#sql.exec("DELETE FROM links WHERE link_id = ?", linkId).rowsWritten > 0;
  }

  /**
   * Takes one use of a link, atomically, for a guest who can then come and go until the link ends.
   * @returns the guest's secret, for a cookie
   */
  async redeem(secret: string): Promise<Result<NewGuest>> {
    const open = this.#record.open();
    if (!open.ok) return open;
    const guestSecret = newSecret();
    const [hash, guestHash] = await Promise.all([hashSecret(secret), hashSecret(guestSecret)]);
    const row = oneRow(
      this.#sql.exec<LinkRow>(
        `UPDATE links SET uses = uses + 1
         WHERE hash = ? AND expires_at > ? AND (max_uses IS NULL OR uses < max_uses) RETURNING *`,
        hash,
        Date.now(),
      ),
    );
    if (!row) {
      const detail = "This link has expired, was revoked or is used up; ask for a new one.";
      return refuse(401, "bad_share_link", detail);
    }
    const { role, link_id, expires_at } = row;
    const guestId = randomId(9);
    const query = "INSERT INTO guests (hash, guest_id, link_id) VALUES (?, ?, ?)";
    this.#sql.exec(query, guestHash, guestId, link_id);
    const guest = { guest_id: guestId, role, link_id };
    return { ok: true, value: { ...guest, secret: guestSecret, expires_at } };
  }

  /** The guest of a cookie, for as long as their link lives. */
  findGuest(hash: string): Guest | null {
    const query = `SELECT guest_id, links.link_id, links.role FROM guests JOIN links USING (link_id)
       WHERE guests.hash = ? AND links.expires_at > ?`;
    return oneRow(this.#sql.exec<Guest>(query, hash, Date.now())) ?? null;
  }

  /** Forgets the tickets of one credential and lets it in no more; or forgets all there is. */
  forget(via?: string): void {
    if (via !== undefined) {
      this.#sql.exec("DELETE FROM tickets WHERE via = ?", via);
      this.#sql.exec("INSERT OR IGNORE INTO revoked (via) VALUES (?)", via);
      return;
    }
    this.#sql.exec("DELETE FROM tickets");
    this.#sql.exec("DELETE FROM guests");
  }

  /** Whether a credential was revoked after the Worker, or the room, had found it good. */
  isRevoked(via: string): boolean {
    return this.#sql.exec("SELECT 1 FROM revoked WHERE via = ?", via).toArray().length > 0;
  }

  /** When the next link ends, in ms since the epoch; its guests have to go then. */
  nextLinkEnd(): number | null {
    const query = "SELECT min(expires_at) AS at FROM links";
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }

  /** The links whose time is over. */
  expiredLinks(): string[] {
    const query = "SELECT link_id FROM links WHERE expires_at <= ?";
    const rows = this.#sql.exec<{ link_id: string }>(query, Date.now()).toArray();
    return rows.map(({ link_id }) => link_id);
  }

  #link(linkId: string): ShareLink {
    return toLink(this.#sql.exec<LinkRow>("SELECT * FROM links WHERE link_id = ?", linkId).one());
  }
}

/** The refusals of a viewer that say something about their credential. */
const CREDENTIAL_REFUSALS: ReadonlySet<number> = new Set([401, 403]);

/** `guest_id` tells the guests of one link apart: there is one for each time it was redeemed. */
export type Guest = { guest_id: string; link_id: string; role: Role };

/** A guest who has just come: `secret` is for their cookie, until `expires_at` in ms since the epoch. */
export type NewGuest = Guest & { secret: string; expires_at: number };

/** `expires_at` in ms since the epoch. */
export type NewLink = {
  role: Role;
  label: string | null;
  expires_at: number;
  max_uses: number | null;
};

type LinkRow = {
  link_id: string;
  role: Role;
  label: string | null;
  created_at: number;
  expires_at: number;
  uses: number;
  max_uses: number | null;
};

function toLink(row: LinkRow): ShareLink {
  return {
    link_id: row.link_id,
    role: row.role,
    label: row.label,
    created_at: rfc3339(row.created_at),
    expires_at: rfc3339(row.expires_at),
    uses: row.uses,
    max_uses: row.max_uses,
  };
}

export const ENTRY_SCHEMA = `
  CREATE TABLE tickets (
    hash TEXT PRIMARY KEY, role TEXT NOT NULL, name TEXT NOT NULL, via TEXT NOT NULL,
    person TEXT NOT NULL, staff INTEGER NOT NULL, expires_at INTEGER NOT NULL
  );
  CREATE TABLE links (
    link_id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, role TEXT NOT NULL, label TEXT,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, uses INTEGER NOT NULL DEFAULT 0, max_uses INTEGER
  );
  CREATE TABLE guests (hash TEXT PRIMARY KEY, guest_id TEXT NOT NULL, link_id TEXT NOT NULL);
  CREATE TABLE revoked (via TEXT PRIMARY KEY);
`;

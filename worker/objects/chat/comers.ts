import type { Grant, ViewerEntry } from "../session/entry.ts";
import { hasTable } from "../storage.ts";

/**
 * Which members the people are who came, for when they come to read what was said without a socket:
 * of a session's room, the session alone knows who is which member, and it tells that to who enters.
 * Staff, whom nobody shuts out, is not noted. The table is made when somebody else first comes.
 */
export class Comers {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = hasTable(sql, "comers");
  }

  /** Somebody comes as that member. @param via of the credential that their entry goes back to */
  note(entry: ViewerEntry, via: string, member: string): void {
    // The people of software only ever come with its tickets; it reads as itself.
    if ("ticket" in entry && isSoftware(via)) return;
    const person = "ticket" in entry ? byTicket(via) : entry.person;
    if (!this.#exists) this.#sql.exec(SCHEMA);
    this.#exists = true;
    const query = "INSERT INTO comers (person, member) VALUES (?, ?) ON CONFLICT DO NOTHING";
    this.#sql.exec(query, person, member);
  }

  /**
   * Who somebody is here. Who came by tickets only may be any of those who came by tickets of the
   * same credential: a page of ours comes by its cookie before it reads, so that is for others.
   */
  membersOf({ person, via }: Grant): string[] {
    if (!this.#exists) return [];
    const own = this.#find(person);
    return own.length > 0 || isSoftware(via) ? own : this.#find(byTicket(via));
  }

  #find(person: string): string[] {
    const query = "SELECT member FROM comers WHERE person = ?";
    const rows = this.#sql.exec<{ member: string }>(query, person).toArray();
    return rows.map(({ member }) => member);
  }
}

function byTicket(via: string): string {
  return `by a ticket of ${via}`;
}

function isSoftware(via: string): boolean {
  return via.startsWith("key:");
}

const SCHEMA = `
  CREATE TABLE comers (person TEXT NOT NULL, member TEXT NOT NULL, PRIMARY KEY (person, member));
`;

import type { Member } from "../../../protocol/chat.ts";
import { randomId } from "../../../protocol/ids.ts";
import type { Grant } from "./entry.ts";

/**
 * Everybody who ever entered a session, or a support room. The others know a person by a random id: it is the same in
 * all of their tabs, and says nothing of their credential.
 */
export class People {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Notes who enters, and the name that they have now. @returns them as the others see them */
  enter({ person, name, via, staff }: Grant): Member {
    return this.#sql
      .exec<Member>(
        `INSERT INTO people (person, id, name, role) VALUES (?, ?, ?, ?)
         ON CONFLICT (person) DO UPDATE SET name = excluded.name, role = excluded.role
         RETURNING id, name, role`,
        person,
        randomId(9),
        name,
        memberRole(via, staff),
      )
      .one();
  }
}

/** Who came by a share link, or opened the room, is a guest, whatever they call themselves. */
function memberRole(via: string, staff: boolean): Member["role"] {
  if (via.startsWith("link:") || via.startsWith("support:")) return "guest";
  return staff ? "operator" : "viewer";
}

export const PEOPLE_SCHEMA = `
  CREATE TABLE people (
    person TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL
  );
`;

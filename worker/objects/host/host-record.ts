import type { Display } from "../../../protocol/link.ts";
import { addMissingColumns, hasTable, oneRow } from "../storage.ts";

/** What is stored of a host itself, one row, and which of its agent's tokens were used. */
export class HostRecord {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = hasTable(sql, "host");
    // Older hosts were made without.
    if (this.#exists) addMissingColumns(sql, "host", ...LATER_COLUMNS);
  }

  get exists(): boolean {
    return this.#exists;
  }

  row(): HostRow | undefined {
    return this.#exists ? oneRow(this.#sql.exec<HostRow>("SELECT * FROM host")) : undefined;
  }

  /** Makes the host, or makes it anew with another key. */
  create(input: { host_id: string; name: string; public_key: string }): void {
    if (!this.#exists) this.#sql.exec(HOST_SCHEMA);
    this.#sql.exec("DELETE FROM host");
    const now = Date.now();
    const query =
      "INSERT INTO host (host_id, name, public_key, created_at, since) VALUES (?, ?, ?, ?, ?)";
    this.#sql.exec(query, input.host_id, input.name, input.public_key, now, now);
    this.#exists = true;
  }

  /** All that is stored of it is about to be deleted. */
  forget(): void {
    this.#exists = false;
  }

  /** Its link came, or went: it is online, or offline, since now. */
  setSince(): void {
    this.#sql.exec("UPDATE host SET since = ?, latency_ms = NULL", Date.now());
  }

  /**
   * @param version of the agent
   * @param addresses those that it says are its machine's own
   */
  setAgent(version: string, addresses: readonly string[]): void {
    const json = JSON.stringify([...addresses].sort());
    this.#sql.exec("UPDATE host SET version = ?, addresses = ?", version, json);
  }

  /** @param max how many desktops it runs at once @param profiles those that its owner allows */
  setDesktops(max: number, profiles: readonly string[]): void {
    const query = "UPDATE host SET max_desktops = ?, profiles = ?";
    this.#sql.exec(query, max, JSON.stringify(profiles));
  }

  setDisplays(displays: Display[]): void {
    this.#sql.exec("UPDATE host SET displays = ?", JSON.stringify(displays));
  }

  setLatency(ms: number): void {
    this.#sql.exec("UPDATE host SET latency_ms = ?", ms);
  }

  /**
   * Gives the host another name or label; a label that is null is none.
   * @returns what changed, in words; empty if nothing did
   */
  rename({ name, label }: NewNames): string {
    const row = this.row();
    if (!row) return "";
    const changes = [];
    if (name !== undefined && name !== row.name) changes.push(`${row.name} is ${name}`);
    if (label !== undefined && label !== row.label) changes.push(`label ${label ?? "removed"}`);
    const newLabel = label === undefined ? row.label : label;
    this.#sql.exec("UPDATE host SET name = ?, label = ?", name ?? row.name, newLabel);
    return changes.join(", ");
  }

  /** A token opens one link: whoever overheard it comes too late. */
  isFirstUse({ jti, exp }: { jti: string; exp: number }): boolean {
    this.#sql.exec("DELETE FROM used_tokens WHERE exp < ?", Date.now() / 1000 - TOKEN_MEMORY_S);
    const query = "INSERT OR IGNORE INTO used_tokens (jti, exp) VALUES (?, ?)";
    return this.#sql.exec(query, jti, exp).rowsWritten > 0;
  }
}

/** How long past its expiry a token is remembered: the clock tolerance, and some. */
const TOKEN_MEMORY_S = 120;

/** What is left out stays as it is. */
export type NewNames = { name?: string | undefined; label?: string | null | undefined };

/** Times in ms since the epoch; `addresses`, `displays` and `profiles` are JSON. */
export type HostRow = {
  host_id: string;
  name: string;
  /** What its operators note about it. */
  label: string | null;
  public_key: string;
  created_at: number;
  /** When its link came, or went. */
  since: number;
  /** Of its agent. */
  version: string | null;
  /** The IP addresses of its machine, as its agent says them. */
  addresses: string;
  displays: string;
  /** The desktops that its owner lets jobs have. */
  profiles: string;
  max_desktops: number;
  /** Of its link, as its agent measured it. */
  latency_ms: number | null;
};

const LATER_COLUMNS = [
  "label TEXT",
  "latency_ms REAL",
  "addresses TEXT NOT NULL DEFAULT '[]'",
  "profiles TEXT NOT NULL DEFAULT '[]'",
  "max_desktops INTEGER NOT NULL DEFAULT 0",
];

const HOST_SCHEMA = `
  CREATE TABLE host (
    host_id TEXT NOT NULL, name TEXT NOT NULL, label TEXT, public_key TEXT NOT NULL,
    created_at INTEGER NOT NULL, since INTEGER NOT NULL, version TEXT,
    displays TEXT NOT NULL DEFAULT '[]', latency_ms REAL, addresses TEXT NOT NULL DEFAULT '[]',
    profiles TEXT NOT NULL DEFAULT '[]', max_desktops INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE used_tokens (jti TEXT PRIMARY KEY, exp INTEGER NOT NULL);
`;

export function displaysOf(row: HostRow): Display[] {
  return JSON.parse(row.displays) as Display[];
}

export function profilesOf(row: HostRow): string[] {
  return JSON.parse(row.profiles) as string[];
}

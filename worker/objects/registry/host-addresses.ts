import { log } from "../../log.ts";
import { canonicalAddress } from "../../panels/address.ts";

/** Which IP addresses each host says are its own, so that a panel's address finds its host. */
export class HostAddresses {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Takes the addresses of a host in place of those that it said before. */
  put(hostId: string, addresses: readonly string[]): void {
    const now = [...new Set(addresses.map(canonicalAddress))].sort();
    const before = "SELECT address FROM host_addresses WHERE host_id = ? ORDER BY address";
    const rows = this.#sql.exec<{ address: string }>(before, hostId).toArray();
    // A host tells how it is often, and its addresses hardly ever change.
    if (JSON.stringify(rows.map(({ address }) => address)) === JSON.stringify(now)) return;
    this.#sql.exec("DELETE FROM host_addresses WHERE host_id = ?", hostId);
    for (const address of now) {
      const insert = "INSERT INTO host_addresses (address, host_id) VALUES (?, ?)";
      this.#sql.exec(insert, address, hostId);
    }
    log("registry.host_addresses", { host: hostId, addresses: now });
  }

  /** The hosts that say that an IP address is theirs: one, unless two networks use the same. */
  owners(address: string): { host_id: string; name: string }[] {
    const query = `SELECT host_id, name FROM host_addresses JOIN hosts USING (host_id)
       WHERE address = ? ORDER BY name, host_id LIMIT ?`;
    return this.#sql
      .exec<{ host_id: string; name: string }>(query, canonicalAddress(address), MAX_OWNERS)
      .toArray();
  }
}

/** So many of the hosts that claim one address are told. */
const MAX_OWNERS = 5;

export const HOST_ADDRESSES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS host_addresses (
    address TEXT NOT NULL, host_id TEXT NOT NULL, PRIMARY KEY (address, host_id)
  );
  CREATE INDEX IF NOT EXISTS host_addresses_of_host ON host_addresses (host_id, address);
`;

import { type Env, registry } from "../../env.ts";
import { log } from "../../log.ts";
import { hasTable, oneRow } from "../storage.ts";

/**
 * The IP addresses that a host says are its own. The registry has an index of them, so that a panel's
 * address finds its host without asking all; it is told of a change until it has it.
 */
export class OwnAddresses {
  readonly #sql: SqlStorage;
  readonly #env: Env;
  /** One at a time: what is told last is what holds. */
  #running: Promise<void> | null = null;

  constructor(sql: SqlStorage, env: Env) {
    this.#sql = sql;
    this.#env = env;
  }

  /** @returns whether there is something to tell */
  store(addresses: readonly string[]): boolean {
    const json = JSON.stringify([...addresses].sort());
    const row = this.#row();
    if (row?.addresses !== json) {
      this.#sql.exec(OWN_ADDRESSES_SCHEMA);
      this.#sql.exec("DELETE FROM own_addresses");
      this.#sql.exec("INSERT INTO own_addresses (addresses, told) VALUES (?, 0)", json);
      return true;
    }
    return row.told === 0;
  }

  /** Tells the registry, if it does not know. @throws {Error} if that cannot be reached */
  deliver(hostId: string): Promise<void> {
    this.#running ??= this.#tell(hostId);
    return this.#running;
  }

  async #tell(hostId: string): Promise<void> {
    await null; // so that #running is set before this can end
    try {
      for (let row = this.#row(); row?.told === 0; row = this.#row()) {
        const { addresses } = row;
        await registry(this.#env).hosts.setAddresses(hostId, JSON.parse(addresses) as string[]);
        if (!this.#row()) return; // the host was removed meanwhile
        this.#sql.exec("UPDATE own_addresses SET told = 1 WHERE addresses = ?", addresses);
        log("host.addresses_told", { host: hostId, addresses });
      }
    } finally {
      this.#running = null;
    }
  }

  #row(): Row | undefined {
    // Made when an agent first says them: hosts from before that have none.
    if (!hasTable(this.#sql, "own_addresses")) return undefined;
    return oneRow(this.#sql.exec<Row>("SELECT * FROM own_addresses"));
  }
}

/** `addresses` is JSON; `told` is 1 once the registry has them. */
type Row = { addresses: string; told: number };

const OWN_ADDRESSES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS own_addresses (addresses TEXT NOT NULL, told INTEGER NOT NULL);
`;

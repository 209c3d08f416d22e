import { type Env, vncHost } from "../../env.ts";
import { describeError, log } from "../../log.ts";
import type { HostStates } from "./host-states.ts";

/** How many hosts are asked in one go; the others are asked in the next. */
const HOSTS_A_CHECK = 100;

/**
 * Finds the hosts that vanished without a word. Nothing happens when an agent stops to ping, so
 * while somebody wants to know, each host is asked at the moment from which on it would be offline;
 * one that pinged since is asked again when that is due. Hosts that are not due are left asleep.
 */
export class HostCheck {
  readonly #env: Env;
  readonly #states: HostStates;
  #running: Promise<void> | null = null;

  constructor(env: Env, states: HostStates) {
    this.#env = env;
    this.#states = states;
  }

  /** Asks the hosts that are due; asked again meanwhile, it asks once. */
  run(): Promise<void> {
    this.#running ??= this.#askDue().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #askDue(): Promise<void> {
    const due = this.#states.due(HOSTS_A_CHECK);
    await Promise.all(due.map((host) => this.#ask(host)));
  }

  async #ask(host: string): Promise<void> {
    try {
      const checked = await vncHost(this.#env, host).check();
      if (checked) this.#states.setSilentAt(host, checked.silent_at);
      else this.#states.forget(host);
    } catch (error) {
      log("host.check_failed", { host, error: describeError(error) });
      this.#states.setSilentAt(host, Date.now()); // it is asked again later
    }
  }
}

import { poll } from "../../scripts/poll.ts";
import { PlayedJobHost } from "./played-job-host.ts";
import type { Rig } from "./rig.ts";

const KNOWN_MS = 40_000;

/** The hosts that a test plays, all of which are gone after it. */
export class PlayedHosts {
  readonly #rig: Rig;
  #hosts: PlayedJobHost[] = [];

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  /** A host that the queue for room knows. */
  async join(options: Parameters<typeof PlayedJobHost.join>[1] = {}): Promise<PlayedJobHost> {
    const host = await PlayedJobHost.join(this.#rig, options);
    this.#hosts.push(host);
    await poll(KNOWN_MS, "the host to be known", async () => {
      const query = `SELECT * FROM rooms WHERE host_id = '${host.hostId}'`;
      return (await this.#rig.stored("Batches", "batches", query)).length > 0;
    });
    return host;
  }

  async removeAll(): Promise<void> {
    for (const host of this.#hosts) {
      await host.stop();
      await this.#rig.api.removeHost(host.hostId).catch((error) => {
        if (error.status !== 404) throw error; // one that a test has removed already is gone
      });
    }
    this.#hosts = [];
  }
}

/** URLs of jobs, where nobody listens. */
export function jobUrls(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `http://127.0.0.1:9/?job=${n}`);
}

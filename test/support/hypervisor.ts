import type { AuditEntry, Page } from "../../protocol/api.ts";
import { type Answer, bearer } from "./call.ts";
import type { People } from "./people.ts";
import { PlayedAgent } from "./played-agent.ts";
import type { Rig } from "./rig.ts";

type Place = { address: string; port: number };

/** A hypervisor that a test plays: an agent with addresses, and VNC servers that listen there. */
export class Hypervisor {
  readonly agent: PlayedAgent;
  readonly addresses: readonly string[];
  readonly #rig: Rig;
  #told = 0;

  private constructor(rig: Rig, agent: PlayedAgent, addresses: readonly string[]) {
    this.#rig = rig;
    this.agent = agent;
    this.addresses = addresses;
  }

  /** Waits until the edge knows its addresses. */
  static async start(rig: Rig, ...addresses: string[]): Promise<Hypervisor> {
    const agent = await PlayedAgent.start(rig);
    const hypervisor = new Hypervisor(rig, agent, addresses);
    await hypervisor.listens();
    const host = agent.hostId;
    await rig.edgeLog.waitFor("registry.host_addresses", { host });
    return hypervisor;
  }

  get hostId(): string {
    return this.agent.hostId;
  }

  /** From now on VNC servers listen there and nowhere else. Waits until the edge knows. */
  async listens(...places: Place[]): Promise<void> {
    const displays = places.map(({ address, port }) => ({
      ...{ port, address, display: port - 5900, name: null },
      ...{ security: ["VNC"], width: null, height: null },
    }));
    const { addresses } = this;
    this.agent.say({ type: "hello", version: "0", displays, streams: [], addresses });
    // PlayedAgent says one itself, when its link comes up.
    const count = ++this.#told + 1;
    await this.#rig.edgeLog.waitFor("host.streams", { host: this.hostId }, count);
  }
}

/** What an operator's program asks of a panel's servers. */
export class ServersApi {
  readonly #people: People;
  readonly #key: string;

  private constructor(people: People, key: string) {
    this.#people = people;
    this.#key = key;
  }

  static async start(people: People): Promise<ServersApi> {
    return new ServersApi(people, (await people.key("operator")).key);
  }

  enable = (server: string) => this.#call("POST", `${server}/vnc/enable`);
  disable = (server: string) => this.#call("POST", `${server}/vnc/disable`);
  lookUp = (server: string) => this.#call("GET", `${server}/vnc`);

  #call(method: string, path: string): Promise<Answer> {
    return this.#people.call(`/api/servers/${path}`, { method, headers: bearer(this.#key) });
  }

  /** The audit's lines of an action, the newest first, as what they say. */
  async audit(action: string): Promise<AuditEntry[]> {
    const page = (await this.#people.asAdmin("GET", "/api/audit")).json<Page<AuditEntry>>();
    return page.items.filter((line) => line.action === action);
  }
}

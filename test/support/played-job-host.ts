import type { EdgeToAgent, EndCause } from "../../protocol/link.ts";
import { PlayedAgent } from "./played-agent.ts";
import type { Rig } from "./rig.ts";

type Options = {
  profiles?: string[];
  max?: number;
  maxStartSeconds?: number;
  isQuick?: boolean;
  isMute?: boolean;
  isBroken?: boolean;
};

/** An agent that a test plays, whose owner lets jobs have desktops: it keeps to the link's contract. */
export class PlayedJobHost extends PlayedAgent {
  profiles = ["browser"];
  max = 100;
  maxStartSeconds = 60;
  /** Whether it hears what it is told, and does and says nothing. */
  isMute = false;
  /** Whether no desktop that it starts comes up. */
  isBroken = false;
  /** Whether a desktop that it starts is there at once. */
  isQuick = true;
  /** The jobs whose desktops it started, in order; one that stands here twice was started twice. */
  readonly started: string[] = [];
  readonly running = new Map<string, number>();
  readonly #ended = new Map<string, { cause: EndCause; reason: string }>();

  static async join(rig: Rig, options: Options = {}): Promise<PlayedJobHost> {
    const host = new PlayedJobHost(await rig.enrol());
    Object.assign(host, options);
    await host.link();
    return host;
  }

  /** The job's desktop is there. */
  ready(session: string): void {
    const port = this.running.get(session);
    this.say({ type: "displays", displays: this.#displays() });
    this.say({ type: "launched", session, port });
  }

  /** The job's desktop comes to its end. */
  end(session: string, cause: EndCause, reason = `because of ${cause}`): void {
    this.running.delete(session);
    this.#ended.set(session, { cause, reason });
    this.say({ type: "displays", displays: this.#displays() });
    this.say({ type: "ended", session, cause, reason });
  }

  /** The machine is started anew: nothing of what it ran is left, and nothing known of it. */
  forgetAll(): void {
    this.running.clear();
    this.#ended.clear();
  }

  protected override get hello(): object {
    const desktops = [...this.running].map(([session, port]) => ({
      ...{ session, port, ready: this.isQuick },
    }));
    const { profiles, max: max_desktops } = this;
    const limits = { max_desktops, max_start_seconds: this.maxStartSeconds };
    return { displays: this.#displays(), profiles, ...limits, desktops };
  }

  protected override told(message: EdgeToAgent): void {
    if (this.isMute) return;
    if (message.type === "launch") this.#launch(message.session);
    if (message.type === "stop") this.#stop(message.session);
    if (message.type === "log") {
      const text = this.started.includes(message.session) ? "it printed this" : null;
      this.say({ type: "log", session: message.session, text, truncated: false });
    }
  }

  #launch(session: string): void {
    const ended = this.#ended.get(session);
    if (ended) return this.say({ type: "ended", session, ...ended });
    if (!this.running.has(session)) {
      if (this.running.size >= this.max) {
        return this.say({ type: "ended", session, cause: "no_room", reason: "It is full." });
      }
      const used = new Set(this.running.values());
      let port = 5900;
      while (used.has(port)) port++;
      this.running.set(session, port);
      this.started.push(session);
    }
    if (this.isBroken) this.end(session, "failed");
    else if (this.isQuick) this.ready(session);
  }

  #stop(session: string): void {
    if (this.running.has(session)) return this.end(session, "stopped");
    const known = this.#ended.get(session);
    const ended = known ?? { cause: "lost", reason: "The agent has no such desktop." };
    this.say({ type: "ended", session, ...ended });
  }

  #displays(): object[] {
    return [...this.running.values()].map((port) => ({
      ...{
        port,
        display: port - 5900,
        name: null,
        security: ["VncAuth"],
        width: null,
        height: null,
      },
    }));
  }
}

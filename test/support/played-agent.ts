import { once } from "node:events";
import { WebSocket } from "ws";
import { dialOptions, edgeSocketUrl } from "../../agent/dial.ts";
import type { Identity } from "../../agent/identity.ts";
import type { EdgeToAgent, Role } from "../../protocol/link.ts";
import type { Rig } from "./rig.ts";
import { dialLink } from "./stream-stage.ts";

type Open = Extract<EdgeToAgent, { type: "open" }>;
type Running = { open: Open; role: Role; socket: WebSocket | null };

/** An agent that a test plays: it brings its end of every stream, and notes what it is told. */
export class PlayedAgent {
  readonly identity: Identity;
  /** What it was told on its link, in order. */
  readonly heard: EdgeToAgent[] = [];
  /** The most streams that ever had control at one time. */
  mostControlling = 0;
  /** While false it brings no stream: their viewers wait. */
  answers = true;
  /** Whether it closes streams that it is told to close. */
  obeys = true;
  readonly #streams = new Map<string, Running>();
  readonly #waiting = new Set<() => void>();
  #link: WebSocket | null = null;

  constructor(identity: Identity) {
    this.identity = identity;
  }

  static async start(rig: Rig): Promise<PlayedAgent> {
    const agent = new PlayedAgent(await rig.enrol());
    await agent.link();
    return agent;
  }

  /** What its `hello` says beside its streams. */
  protected get hello(): object {
    return { displays: [] };
  }

  /** It was told something. */
  protected told(_message: EdgeToAgent): void {}

  get hostId(): string {
    return this.identity.host_id;
  }

  /** Dials its link, also again, and says which streams it has. */
  async link(): Promise<void> {
    const link = await dialLink(this.identity);
    this.#link = link;
    link.on("message", (data) => this.#hear(JSON.parse(String(data))));
    this.say({ type: "hello", version: "0", streams: [...this.#streams.keys()], ...this.hello });
  }

  /** Its link goes; its streams stay. */
  async unlink(): Promise<void> {
    const link = this.#link;
    if (!link) return;
    this.#link = null;
    if (link.readyState === WebSocket.CLOSED) return; // the edge closed it
    const closed = once(link, "close");
    link.close();
    await closed;
  }

  say(message: object): void {
    this.#link?.send(JSON.stringify(message));
  }

  /** The role that a session's stream has here; undefined if it has no such stream. */
  roleOf(stream: string): Role | undefined {
    return this.#streams.get(stream)?.role;
  }

  /** Waits until something holds, looking again whenever it was told something. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!holds()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  /** Waits until a stream has that role here. */
  async has(role: Role, stream: string): Promise<void> {
    await this.until(() => this.roleOf(stream) === role);
  }

  /** The how-manieth `open` that it was told. */
  async opened(count: number): Promise<Open> {
    const opens = () => this.heard.filter((message) => message.type === "open");
    await this.until(() => opens().length >= count);
    return opens()[count - 1] as Open;
  }

  /** Brings its end of a stream that it was asked for. */
  async bring({ stream, session, token }: Open): Promise<void> {
    const { edge } = this.identity;
    const url = edgeSocketUrl(edge, `/agent/stream/${session}/${stream}`);
    const socket = new WebSocket(url, dialOptions(edge, token));
    socket.on("error", () => {}); // `close` follows
    socket.on("close", () => this.#closed(stream));
    socket.on("open", () => {
      const running = this.#streams.get(stream);
      if (running) running.socket = socket;
      this.say({ type: "opened", stream });
      socket.send(Buffer.from("here"));
      this.#changed();
    });
  }

  async stop(): Promise<void> {
    for (const { socket } of this.#streams.values()) socket?.terminate();
    await this.unlink();
  }

  #hear(message: EdgeToAgent): void {
    this.heard.push(message);
    if (message.type === "open") {
      this.#streams.set(message.stream, { open: message, role: message.role, socket: null });
      if (this.answers) this.bring(message);
    }
    const running = "stream" in message ? this.#streams.get(message.stream) : undefined;
    if (message.type === "role" && running) running.role = message.role;
    if (message.type === "close" && this.obeys) {
      running?.socket?.close(message.code, message.reason);
    }
    this.told(message);
    this.#changed();
  }

  #closed(stream: string): void {
    if (!this.#streams.delete(stream)) return;
    const counts = { bytes_in: 0, bytes_out: 0, seconds: 0 };
    this.say({ type: "closed", stream, ...counts, reason: "the viewer went" });
    this.#changed();
  }

  #changed(): void {
    const running = [...this.#streams.values()];
    const controlling = running.filter(({ socket, role }) => socket && role === "control").length;
    this.mostControlling = Math.max(this.mostControlling, controlling);
    for (const check of this.#waiting) check();
  }
}

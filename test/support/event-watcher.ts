import type { ClientOptions } from "ws";
import type { Change, EdgeEvent } from "../../protocol/events.ts";
import { LINK_PING, LINK_PONG } from "../../protocol/limits.ts";
import { Viewer } from "./viewer.ts";

/** Somebody who watches `/api/events`, and remembers all that came. */
export class EventWatcher extends Viewer {
  readonly events: EdgeEvent[] = [];
  readonly #waiting = new Set<() => void>();
  #pongs = 0;

  constructor(url: string, options: ClientOptions = {}) {
    super(url, options);
    this.socket.on("message", (data: Buffer) => {
      const text = data.toString();
      if (text === LINK_PONG) this.#pongs++;
      else this.events.push(JSON.parse(text));
      for (const check of this.#waiting) check();
    });
  }

  /** The first thing that was said: where it goes on, or that it does not. */
  async first(): Promise<EdgeEvent> {
    await this.#until(() => this.events.length > 0);
    return this.events[0] as EdgeEvent;
  }

  /** Waits for such a change, also if it was before the call. @returns the newest */
  change(kind: Change["kind"], id: string, change: Change["change"]): Promise<Change> {
    return this.changeTimes(1, kind, id, change);
  }

  /** Waits for so many of them. */
  async changeTimes(
    count: number,
    kind: Change["kind"],
    id: string,
    change: Change["change"],
  ): Promise<Change> {
    const fits = () => this.changesOf(kind, id).filter((event) => event.change === change);
    await this.#until(() => fits().length >= count);
    return fits().at(-1) as Change;
  }

  /** Says `ping` and waits for its answer, before which all that was said is heard. */
  async ping(): Promise<void> {
    const before = this.#pongs;
    this.send(LINK_PING);
    await this.#until(() => this.#pongs > before);
  }

  changes(): Change[] {
    return this.events.filter((event) => event.kind !== "ready" && event.kind !== "reset");
  }

  changesOf(kind: Change["kind"], id: string): Change[] {
    return this.changes().filter((event) => event.kind === kind && event.id === id);
  }

  /** The number of the newest change that came. */
  get seq(): number {
    return this.events.at(-1)?.seq ?? 0;
  }

  saw(seq: number): void {
    this.send(JSON.stringify({ seen: seq }));
  }

  #until(holds: () => boolean): Promise<void> {
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
}

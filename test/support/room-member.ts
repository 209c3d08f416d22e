import type * as v from "valibot";
import type { ClientOptions } from "ws";
import type { ClientToRoom, Control, ControlRequest, RoomToClient } from "../../protocol/chat.ts";
import { LINK_PONG } from "../../protocol/limits.ts";
import { Viewer } from "./viewer.ts";

/** A member of a chat room, whose messages are read one type at a time. */
export class RoomMember extends Viewer {
  readonly messages: RoomToClient[] = [];
  /** Hears each message as it comes; those are not kept. */
  onMessage: ((message: RoomToClient) => void) | null = null;
  /** Whether it says that what it was sent has arrived. */
  answersSync = true;
  /** How many of its pings were answered. */
  pongs = 0;
  #wake: () => void = () => {};

  constructor(url: string, options: ClientOptions = {}) {
    super(url, options);
    this.socket.on("message", (data: Buffer) => {
      if (data.toString() === LINK_PONG) {
        this.pongs += 1;
        return;
      }
      const frame = JSON.parse(data.toString()) as RoomToClient | RoomToClient[];
      for (const message of Array.isArray(frame) ? frame : [frame]) this.#take(message);
    });
  }

  #take(message: RoomToClient): void {
    if (message.type === "sync") {
      if (this.answersSync && this.socket.readyState === 1) this.does(message);
    } else if (this.onMessage) {
      this.onMessage(message);
    } else {
      this.messages.push(message);
      this.#wake();
    }
  }

  /** The next message of that type; those before it are passed over. */
  next<Type extends RoomToClient["type"]>(
    type: Type,
  ): Promise<Extract<RoomToClient, { type: Type }>> {
    return new Promise((resolve) => {
      this.#wake = () => {
        const index = this.messages.findIndex((message) => message.type === type);
        if (index < 0) return;
        this.#wake = () => {};
        const found = this.messages.splice(0, index + 1).at(-1);
        resolve(found as Extract<RoomToClient, { type: Type }>);
      };
      this.#wake();
    });
  }

  say(cid: string, text: string): void {
    this.does({ type: "send", cid, text });
  }

  does(message: v.InferInput<typeof ClientToRoom>): void {
    this.send(JSON.stringify(message));
  }

  /** Asks for something about control; what comes of it is the next message `control` or `error`. */
  wants(op: ControlRequest["op"], to?: string): void {
    this.send(JSON.stringify({ type: "control", op, ...(to === undefined ? {} : { to }) }));
  }

  /** The next news that one of that name controls, or nobody; older news is passed over. */
  async holder(name: string | null): Promise<Control> {
    for (;;) {
      const news = await this.next("control");
      if ((news.holder?.name ?? null) === name) return news;
    }
  }
}

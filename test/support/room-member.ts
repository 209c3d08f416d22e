import type { ClientOptions } from "ws";
import type { Control, ControlRequest, RoomToClient } from "../../protocol/chat.ts";
import { Viewer } from "./viewer.ts";

/** A member of a chat room, whose messages are read one type at a time. */
export class RoomMember extends Viewer {
  readonly messages: RoomToClient[] = [];
  #wake: () => void = () => {};

  constructor(url: string, options: ClientOptions = {}) {
    super(url, options);
    this.socket.on("message", (data: Buffer) => {
      this.messages.push(JSON.parse(data.toString()));
      this.#wake();
    });
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
    this.send(JSON.stringify({ type: "send", cid, text }));
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

import type { RoomToClient } from "../../../protocol/chat.ts";
import type { ControlState } from "../session/control.ts";
import type { Delivery } from "./delivery.ts";

const KEY = "control";

/**
 * Who controls, as a session's room shows it; the session decides that. It outlives a sleep: who was
 * behind when it was told hears it once they are level.
 */
export class ShownControl {
  readonly #kv: SyncKvStorage;
  readonly #delivery: Delivery;
  /** The newest that the session said, to the room or to somebody on the way in. */
  #newest: ControlState | null;
  /** The version of it that all were told. */
  #told = 0;

  constructor(kv: SyncKvStorage, delivery: Delivery) {
    this.#kv = kv;
    this.#delivery = delivery;
    this.#newest = kv.get<ControlState>(KEY) ?? null;
  }

  /** It may be older than what is known: then it is no news. */
  know(control: ControlState): void {
    if (control.version <= (this.#newest?.version ?? -1)) return;
    this.#newest = control;
    this.#kv.put(KEY, control);
  }

  /** All hear it, once. */
  tell(control: ControlState): void {
    if (control.version <= this.#told) return;
    this.#told = control.version;
    this.know(control);
    this.#delivery.tellAll(...this.messages());
  }

  /** How it is, for one or for all; nothing where all control at once. */
  messages(): RoomToClient[] {
    if (!this.#newest) return [];
    const { holder, asking } = this.#newest;
    return [{ type: "control", holder, asking }];
  }
}

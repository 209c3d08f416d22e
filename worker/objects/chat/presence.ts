import type { PresentMember, ReadMark } from "../../../protocol/chat.ts";
import { Coalesced } from "./coalesced.ts";
import type { Delivery } from "./delivery.ts";
import type { Moderation } from "./moderation.ts";

/** With more, presence is told at most so often: it would drown a room that all come back to. */
const FEW_SOCKETS = 20;
const PRESENCE_EVERY_MS = 250;
const READS_EVERY_MS = 1_000;
const TYPING_EVERY_MS = 2_000;

/** Who is in the room, types and has read: what all are told of each other, and sparingly. */
export class Presence {
  readonly #delivery: Delivery;
  readonly #moderation: Moderation;
  readonly #told: Coalesced;
  readonly #moved = new Map<string, ReadMark>();
  readonly #reads: Coalesced;
  /** When each person was last shown to type, in ms since the epoch. */
  readonly #typed = new Map<string, number>();

  constructor(delivery: Delivery, moderation: Moderation) {
    this.#delivery = delivery;
    this.#moderation = moderation;
    this.#told = new Coalesced(
      () => (delivery.connections.length > FEW_SOCKETS ? PRESENCE_EVERY_MS : 0),
      () => delivery.tellAll({ type: "presence", members: this.members() }),
    );
    this.#reads = new Coalesced(
      () => READS_EVERY_MS,
      () => {
        delivery.tellAll({ type: "read", marks: [...this.#moved.values()] });
        this.#moved.clear();
      },
    );
  }

  /** Everybody who is here, once, however many tabs they have. */
  members(): PresentMember[] {
    const members = new Map(this.#delivery.connections.map(({ who }) => [who.me.id, who.me]));
    return [...members.values()].map((member) => {
      const until = this.#moderation.barredUntil(member.id, "muted");
      return until === null ? member : { ...member, muted_until: new Date(until).toISOString() };
    });
  }

  /** Somebody came, went, or was muted. */
  changed(): void {
    this.#told.ask();
  }

  moved(mark: ReadMark): void {
    this.#moved.set(mark.member, mark);
    this.#reads.ask();
  }

  typing(member: string): void {
    const now = Date.now();
    if (now - (this.#typed.get(member) ?? 0) < TYPING_EVERY_MS) return;
    this.#typed.set(member, now);
    const others = this.#delivery.connections.filter(
      ({ who, behind }) => who.me.id !== member && behind === null,
    );
    this.#delivery.tell(others, { type: "typing", member });
  }

  left(member: string): void {
    this.#typed.delete(member);
    this.changed();
  }
}

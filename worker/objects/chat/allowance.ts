import type { ClientToRoom } from "../../../protocol/chat.ts";
import { CHAT_BURST, CHAT_RATE_PER_S } from "../../../protocol/limits.ts";

/** Who goes on for so many messages after they were told to slow down is closed. */
const PATIENCE = 20;

/** Forgets people who have all of their allowance back, once there are so many. */
const MANY_PEOPLE = 512;

/** What a message costs, in plain ones. What leaves lines in the audit costs more. */
const COSTS: Partial<Record<ClientToRoom["type"], number>> = {
  control: 10,
  mute: 10,
  remove: 10,
  claim: 10,
  close_room: 10,
  reopen_room: 10,
};

/**
 * How much each person may say to a room: a token bucket, the same for all of their tabs. In memory
 * only: a room that has slept has been silent for long enough that all are full again.
 */
export class Allowance {
  readonly #buckets = new Map<string, { left: number; at: number }>();

  /**
   * Takes the cost of one message.
   * @param type null for what the room could not read
   * @returns `told` to tell them to slow down, `over` when they did not
   */
  take(member: string, type: ClientToRoom["type"] | null): "fine" | "told" | "over" {
    const cost = (type && COSTS[type]) ?? 1;
    const now = Date.now();
    const bucket = this.#buckets.get(member) ?? { left: CHAT_BURST, at: now };
    const left = Math.min(CHAT_BURST, bucket.left + ((now - bucket.at) / 1000) * CHAT_RATE_PER_S);
    if (this.#buckets.size >= MANY_PEOPLE) this.#forgetFull(now);
    this.#buckets.set(member, { left: Math.max(left - cost, -PATIENCE), at: now });
    if (left >= cost) return "fine";
    return left - cost > -PATIENCE ? "told" : "over";
  }

  #forgetFull(now: number): void {
    const fullAfterMs = ((CHAT_BURST + PATIENCE) / CHAT_RATE_PER_S) * 1000;
    for (const [member, { at }] of this.#buckets) {
      if (now - at > fullAfterMs) this.#buckets.delete(member);
    }
  }
}

import type { Outgoing } from "./chat-state.ts";

/** What was written and not yet shown by the room, kept for a page that is loaded again. */
export type Outbox = { me: string; outgoing: readonly Outgoing[] };

/** As the browser's own storage of one tab. */
export type OutboxStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const keyOf = (room: string) => `porthole-unsent:${room}`;

export function saveOutbox(storage: OutboxStorage, room: string, outbox: Outbox): void {
  try {
    if (outbox.outgoing.length === 0) storage.removeItem(keyOf(room));
    else storage.setItem(keyOf(room), JSON.stringify(outbox));
  } catch (error) {
    // Full, or forbidden by the browser: they wait in this page alone.
    console.warn(error);
  }
}

/** What waited when the page went away; null if nothing did. */
export function loadOutbox(storage: OutboxStorage, room: string): Outbox | null {
  try {
    const found: unknown = JSON.parse(storage.getItem(keyOf(room)) ?? "null");
    return isOutbox(found) ? found : null;
  } catch {
    return null;
  }
}

/** Another version of this page may have written it. */
function isOutbox(found: unknown): found is Outbox {
  if (typeof found !== "object" || found === null) return false;
  const { me, outgoing } = found as Partial<Outbox>;
  return (
    typeof me === "string" &&
    Array.isArray(outgoing) &&
    outgoing.every((one) => typeof one?.cid === "string" && typeof one.text === "string")
  );
}

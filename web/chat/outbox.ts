import type { Outgoing } from "./chat-state.ts";
import type { Revision } from "./revisions.ts";
import type { TabStorage } from "./tab-storage.ts";

/** What was written and not yet shown by the room, kept for a page that is loaded again. */
export type Outbox = {
  me: string;
  outgoing: readonly Outgoing[];
  revisions: readonly Revision[];
};

const keyOf = (room: string) => `porthole-unsent:${room}`;

export function saveOutbox(storage: TabStorage, room: string, outbox: Outbox): void {
  const isEmpty = outbox.outgoing.length === 0 && outbox.revisions.length === 0;
  if (isEmpty) storage.removeItem(keyOf(room));
  else storage.setItem(keyOf(room), JSON.stringify(outbox));
}

/** What waited when the page went away; null if nothing did. */
export function loadOutbox(storage: TabStorage, room: string): Outbox | null {
  try {
    const found: unknown = JSON.parse(storage.getItem(keyOf(room)) ?? "null");
    // Those of before kept no revisions.
    const outbox = typeof found === "object" && found && { revisions: [], ...found };
    return isOutbox(outbox) ? outbox : null;
  } catch {
    return null;
  }
}

/** Another version of this page may have written it. */
function isOutbox(found: unknown): found is Outbox {
  if (typeof found !== "object" || found === null) return false;
  const { me, outgoing, revisions } = found as Partial<Outbox>;
  return (
    typeof me === "string" &&
    Array.isArray(outgoing) &&
    outgoing.every((one) => typeof one?.cid === "string" && typeof one.text === "string") &&
    Array.isArray(revisions) &&
    revisions.every((one) => typeof one?.seq === "number" && typeof one.after === "number")
  );
}

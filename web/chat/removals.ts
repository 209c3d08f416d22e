import type { Member, RoomToClient } from "../../protocol/chat.ts";

/** Long enough to calm down, short enough to be forgotten about. */
export const REMOVED_S = 60 * 60;

/** Somebody whom this page had removed from a room. */
export type Removal = {
  id: string;
  /** What the page called them. */
  name: string;
  /** When they may come back by themselves, in ms since 1970. */
  untilMs: number;
  /** Whether they have left: until then the room may still refuse it. */
  isGone: boolean;
};

/** What is left of those removals after what the room said. */
export function removalsAfter(
  removals: readonly Removal[],
  messages: readonly RoomToClient[],
): readonly Removal[] {
  if (removals.length === 0) return removals;
  return messages.reduce((left, message) => {
    if (message.type === "presence" || message.type === "welcome") {
      return afterPresence(left, message.members);
    }
    const isRefused = message.type === "error" && message.answers === "remove";
    return isRefused ? left.filter(({ isGone }) => isGone) : left;
  }, removals);
}

function afterPresence(removals: readonly Removal[], members: readonly Member[]) {
  const here = new Set(members.map(({ id }) => id));
  return (
    removals
      // Who is back was let in, by whomever.
      .filter(({ id, isGone }) => !(isGone && here.has(id)))
      .map((one) => ({ ...one, isGone: !here.has(one.id) }))
  );
}

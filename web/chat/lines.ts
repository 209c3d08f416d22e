import type { ChatMessage, Member } from "../../protocol/chat.ts";
import type { ChatState, Outgoing } from "./chat-state.ts";
import { shownChanges } from "./chat-state.ts";
import { namesOf } from "./names.ts";

/** Whoever goes on talking is named again after that long. */
const PAUSE_MS = 5 * 60_000;

/** One line of the log, with a key that stays when what was sent is shown by the room. */
export type Line =
  | { kind: "day"; key: string; at: string }
  /** Above what the person has not seen. */
  | { kind: "new"; key: "new" }
  | { kind: "message"; key: string; message: ChatMessage; mine: boolean; named: boolean }
  | { kind: "deleted"; key: string; seq: number }
  | { kind: "outgoing"; key: string; outgoing: Outgoing };

/**
 * What the log shows, from above to below.
 * @param newAfter the `seq` that the person had seen before what is new; null if nothing is
 */
export function linesOf(state: ChatState, newAfter: number | null): Line[] {
  const lines: Line[] = [];
  let day = "";
  let author: { id: string; at: number } | null = null;
  let marked = false;
  for (const change of shownChanges(state)) {
    if (change.type === "deleted") {
      author = null;
      lines.push({ kind: "deleted", key: String(change.seq), seq: change.seq });
      continue;
    }
    const today = new Date(change.at).toDateString();
    if (today !== day) {
      day = today;
      author = null;
      lines.push({ kind: "day", key: `day ${change.seq}`, at: change.at });
    }
    const mine = change.from.id === state.me?.id;
    if (newAfter !== null && !marked && !mine && change.seq > newAfter) {
      marked = true;
      author = null;
      lines.push({ kind: "new", key: "new" });
    }
    const at = Date.parse(change.at);
    const named: boolean = author?.id !== change.from.id || at - author.at > PAUSE_MS;
    author = { id: change.from.id, at };
    const key = mine ? change.cid : String(change.seq);
    lines.push({ kind: "message", key, message: change, mine, named });
  }
  for (const outgoing of state.outgoing) {
    lines.push({ kind: "outgoing", key: outgoing.cid, outgoing });
  }
  return lines;
}

/** What to call everybody who is here or has written something that is shown. */
export function authorNames(
  state: ChatState,
  members: readonly Member[],
): ReadonlyMap<string, string> {
  const authors = shownChanges(state).flatMap((change) =>
    change.type === "message" ? [change.from] : [],
  );
  return namesOf([...authors, ...members]);
}

/** Who has read a message of one's own. */
export type Readers = { seq: number; readers: readonly Member[] };

/** Who has read one's own last message, if that is the last thing one said. */
export function readersOf(state: ChatState, members: readonly Member[]): Readers | null {
  const own = shownChanges(state).filter(
    (change) => change.type === "message" && change.from.id === state.me?.id,
  );
  const seq = own.at(-1)?.seq;
  if (seq === undefined) return null;
  const readers = members.filter(
    ({ id }) => id !== state.me?.id && (state.reads.get(id) ?? 0) >= seq,
  );
  return { seq, readers };
}

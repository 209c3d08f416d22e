import type {
  ChatChange,
  ChatMessage,
  Member,
  ReadMark,
  RoomToClient,
  SupportState,
} from "../../protocol/chat.ts";
import { type Revision, refuseRevision, settleRevisions } from "./revisions.ts";

/** A message of one's own that the room has not shown yet. */
export type Outgoing = {
  /** The same for every try: the room stores it once. */
  cid: string;
  text: string;
  /** RFC 3339. */
  at: string;
  /** The number it is stored under; null until the room acknowledged it. */
  seq: number | null;
  /** Why it was not taken, as a sentence; null while that is open. */
  problem: string | null;
};

/** What a page knows of a room's messages. */
export type ChatState = {
  me: Member | null;
  /** The last change heard; null before the first welcome. */
  rev: number | null;
  /** Every message by its `seq`, as its newest change left it. */
  changes: ReadonlyMap<number, ChatChange>;
  /** From this `seq` on nothing is missing; what is below waits for its page. */
  floor: number;
  /** Nothing older than the floor is kept. */
  complete: boolean;
  outgoing: readonly Outgoing[];
  /** What is to change of messages that the room has; of each message one. */
  revisions: readonly Revision[];
  /** How often all that was known of the messages was forgotten: a page of before is of no use. */
  epoch: number;
  /** How far people have read, by their id. */
  reads: ReadonlyMap<string, number>;
  /** Of a support room. */
  support: SupportState | null;
};

/** Before anything was heard. */
export const NOTHING_YET: ChatState = {
  me: null,
  rev: null,
  changes: new Map(),
  floor: Number.POSITIVE_INFINITY,
  complete: false,
  outgoing: [],
  revisions: [],
  epoch: 0,
  reads: new Map(),
  support: null,
};

/** Takes what the room said, in its order. */
export function hear(state: ChatState, messages: readonly RoomToClient[]): ChatState {
  // One copy for many changes: a replay can be thousands.
  const changes: ChatChange[] = [];
  let next = state;
  for (const message of messages) {
    if (message.type === "message" || message.type === "deleted") changes.push(message);
    else next = hearOther(next, message);
  }
  return takeChanges(next, changes, "live");
}

function hearOther(state: ChatState, message: RoomToClient): ChatState {
  switch (message.type) {
    case "welcome": {
      const { me, last_rev, from_rev, reads } = message;
      const isOther = state.me !== null && state.me.id !== me.id;
      const missedSome = state.rev !== null && state.rev < from_rev - 1;
      const epoch = state.epoch + 1;
      const { outgoing, revisions } = state;
      const kept = isOther
        ? { ...NOTHING_YET, epoch }
        : missedSome
          ? { ...NOTHING_YET, epoch, outgoing, revisions }
          : state;
      return { ...kept, me, rev: kept.rev ?? last_rev, reads: withMarks(kept.reads, reads) };
    }
    case "ack": {
      const { cid, seq } = message;
      return dropShown(changeOutgoing(state, cid, { seq, problem: null }));
    }
    case "read":
      return { ...state, reads: withMarks(state.reads, message.marks) };
    case "room": {
      const { state: life, claimed_by, waiting_since } = message;
      return { ...state, support: { state: life, claimed_by, waiting_since } };
    }
    case "error": {
      const { cid, seq, answers, message: problem } = message;
      if (cid !== undefined) return changeOutgoing(state, cid, { problem });
      if (seq === undefined || (answers !== "edit" && answers !== "delete")) return state;
      const revisions = refuseRevision(state.revisions, answers, seq, problem);
      return { ...state, revisions };
    }
    default:
      return state;
  }
}

/**
 * Takes a page of the room's history.
 * @param before what it was asked for: the floor of then; infinite for the newest
 */
export function addPage(
  state: ChatState,
  page: { items: readonly ChatChange[]; next_cursor: string | null },
  before: number,
): ChatState {
  const next = takeChanges(state, page.items, "page");
  // The room forgot meanwhile what this page goes on from, or it was already there.
  if (before !== state.floor && before !== Number.POSITIVE_INFINITY) return next;
  const lowest = page.items.reduce((low, { seq }) => Math.min(low, seq), next.floor);
  const floor = page.next_cursor === null ? 1 : lowest;
  return { ...next, floor, complete: page.next_cursor === null };
}

function takeChanges(
  state: ChatState,
  changes: readonly ChatChange[],
  from: "live" | "page",
): ChatState {
  if (changes.length === 0) return state;
  const known = new Map(state.changes);
  let { rev, floor } = state;
  for (const change of changes) {
    const before = known.get(change.seq);
    if (!before || before.rev <= change.rev) known.set(change.seq, change);
    if (from === "page") continue;
    rev = Math.max(rev ?? 0, change.rev);
    // A new message is the room's last: from it on all are heard. A changed one may be any.
    const isNew = change.type === "message" && change.edited_at === undefined;
    if (isNew) floor = Math.min(floor, Number.isFinite(floor) ? floor : change.seq);
  }
  return settle({ ...state, changes: known, rev, floor });
}

/** What the room shows waits no more. */
function settle(state: ChatState): ChatState {
  const revisions = settleRevisions(state.revisions, state.changes);
  return dropShown(revisions === state.revisions ? state : { ...state, revisions });
}

function dropShown(state: ChatState): ChatState {
  if (state.outgoing.length === 0) return state;
  const shown = new Set<string>();
  for (const change of state.changes.values()) {
    if (change.type === "message" && change.from.id === state.me?.id && change.seq >= state.floor) {
      shown.add(change.cid);
    }
  }
  const outgoing = state.outgoing.filter(({ cid, seq }) => {
    const isDeleted = seq !== null && state.changes.get(seq)?.type === "deleted";
    return !shown.has(cid) && !isDeleted;
  });
  return outgoing.length === state.outgoing.length ? state : { ...state, outgoing };
}

/** Somebody wants this said. */
export function addOutgoing(state: ChatState, cid: string, text: string, at: string): ChatState {
  const added: Outgoing = { cid, text, at, seq: null, problem: null };
  return { ...state, outgoing: [...state.outgoing, added] };
}

/** Changes what is known of a message that waits. */
export function changeOutgoing(
  state: ChatState,
  cid: string,
  change: Partial<Omit<Outgoing, "cid">>,
): ChatState {
  const outgoing = state.outgoing.map((one) => (one.cid === cid ? { ...one, ...change } : one));
  return { ...state, outgoing };
}

/** Somebody no longer wants it said. */
export function dropOutgoing(state: ChatState, cid: string): ChatState {
  return { ...state, outgoing: state.outgoing.filter((one) => one.cid !== cid) };
}

/** What has to be said again when the room is back. */
export function unacknowledged({ outgoing }: ChatState): readonly Outgoing[] {
  return outgoing.filter(({ seq, problem }) => seq === null && problem === null);
}

/** What can be shown without a gap, the oldest first. */
export function shownChanges({ changes, floor }: ChatState): readonly ChatChange[] {
  return [...changes.values()].filter(({ seq }) => seq >= floor).sort((a, b) => a.seq - b.seq);
}

/** Keeps the last so many messages; those before them can be loaded again. */
export function forgetOld(state: ChatState, kept: number): ChatState {
  const floor = shownChanges(state).at(-kept)?.seq;
  if (floor === undefined || floor <= state.floor) return state;
  const changes = new Map([...state.changes].filter(([seq]) => seq >= floor));
  return { ...state, changes, floor, complete: false };
}

/** How far the person has read: what they wrote they have seen. */
export function seenUpTo({ me, reads, changes }: ChatState): number {
  if (!me) return 0;
  let seen = reads.get(me.id) ?? 0;
  for (const change of changes.values()) {
    if (change.type === "message" && change.from.id === me.id) seen = Math.max(seen, change.seq);
  }
  return seen;
}

/** The messages of others that the person has not seen, the oldest first. */
export function unseenMessages(state: ChatState): readonly ChatMessage[] {
  const seen = seenUpTo(state);
  return shownChanges(state).filter(
    (change): change is ChatMessage =>
      change.type === "message" && change.seq > seen && change.from.id !== state.me?.id,
  );
}

/** The person has seen everything up to there. */
export function markSeen(state: ChatState, seq: number): ChatState {
  const { me, reads } = state;
  return me ? { ...state, reads: withMarks(reads, [{ member: me.id, seq }]) } : state;
}

/**
 * What those who hear the page are told, once: the messages of others that came between two states.
 * History that is loaded is no news.
 */
export function newsBetween(before: ChatState, after: ChatState): readonly ChatMessage[] {
  const { rev } = before;
  if (rev === null || before.me?.id !== after.me?.id) return [];
  const found: ChatMessage[] = [];
  for (const change of after.changes.values()) {
    const isNew = change.type === "message" && change.rev > rev && !before.changes.has(change.seq);
    if (isNew && change.edited_at === undefined && change.from.id !== after.me?.id) {
      found.push(change);
    }
  }
  return found.sort((a, b) => a.seq - b.seq);
}

function withMarks(
  reads: ReadonlyMap<string, number>,
  marks: readonly ReadMark[],
): ReadonlyMap<string, number> {
  const next = new Map(reads);
  // They never go back, in whatever order two tabs tell of them.
  for (const { member, seq } of marks) next.set(member, Math.max(next.get(member) ?? 0, seq));
  return next;
}

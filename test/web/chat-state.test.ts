import { beforeEach, describe, expect, it } from "vitest";
import type { ChatMessage, Member, RoomToClient } from "../../protocol/chat.ts";
import {
  addOutgoing,
  addPage,
  type ChatState,
  forgetOld,
  hear,
  markSeen,
  NOTHING_YET,
  newsBetween,
  seenUpTo,
  shownChanges,
  unacknowledged,
  unseenMessages,
} from "../../web/chat/chat-state.ts";
import { countOf, countUnseen } from "../../web/chat/count.ts";

const ANN: Member = { id: "a", name: "Ann", role: "operator" };
const BEN: Member = { id: "b", name: "Ben", role: "guest" };
const AT = "2026-11-22T10:00:00.000Z";

let state: ChatState;

beforeEach(() => {
  state = NOTHING_YET;
});

function welcome(last_rev: number, { from_rev = 1, me = ANN } = {}): RoomToClient {
  return { type: "welcome", me, members: [me], last_rev, from_rev, reads: [] };
}

/** @param rev the same as the `seq`, if not given: nothing was changed before */
function said(seq: number, from = BEN, rev = seq, more: Partial<ChatMessage> = {}): ChatMessage {
  return { type: "message", rev, seq, cid: `c${seq}`, from, text: `text ${seq}`, at: AT, ...more };
}

function heard(...messages: RoomToClient[]): void {
  state = hear(state, messages);
}

function shown(): string[] {
  return shownChanges(state).map((one) => (one.type === "message" ? one.text : `no ${one.seq}`));
}

/** The newest messages of a room of so many, as the API answers. */
function page(last: number, first: number): Parameters<typeof addPage>[1] {
  const items = Array.from({ length: last - first + 1 }, (_, index) => said(last - index));
  return { items, next_cursor: first === 1 ? null : String(first) };
}

describe("the messages of a room", () => {
  it("are shown in the order of the room, however they came", () => {
    heard(welcome(2), said(3));
    state = addPage(state, page(2, 1), Number.POSITIVE_INFINITY);
    expect(shown()).toEqual(["text 1", "text 2", "text 3"]);
    expect(state.complete).toBe(true);
  });

  it("come once, also if the history and the socket both bring them", () => {
    heard(welcome(2), said(3));
    state = addPage(state, page(3, 1), Number.POSITIVE_INFINITY);
    heard(said(3));
    expect(shown()).toEqual(["text 1", "text 2", "text 3"]);
  });

  it("are as their newest change left them, whatever a late page of history says", () => {
    heard(welcome(3));
    heard(said(2, BEN, 4, { text: "changed", edited_at: AT }), { type: "deleted", rev: 5, seq: 3 });
    state = addPage(state, page(3, 1), Number.POSITIVE_INFINITY);
    expect(shown()).toEqual(["text 1", "changed", "no 3"]);
  });

  it("that were changed far above are not shown before what lies between is there", () => {
    heard(welcome(100));
    state = addPage(state, page(100, 51), Number.POSITIVE_INFINITY);
    heard(said(7, BEN, 101, { text: "changed", edited_at: AT }));
    expect(shown()).toHaveLength(50);
    state = addPage(state, page(50, 1), 51);
    expect(shown()).toHaveLength(100);
    expect(shown()[6]).toBe("changed");
  });

  it("are loaded anew if the room forgot changes while this page was away", () => {
    heard(welcome(2));
    state = addPage(state, page(2, 1), Number.POSITIVE_INFINITY);
    state = addOutgoing(state, "mine", "unsaid", AT);
    heard(welcome(500, { from_rev: 400 }));
    expect(shown()).toEqual([]);
    expect(state.rev).toBe(500);
    expect(unacknowledged(state).map(({ cid }) => cid)).toEqual(["mine"]);
    // A page that was asked for before is of no use any more.
    state = addPage(state, page(2, 1), 3);
    expect(shown()).toEqual([]);
  });

  it("go on after the last change heard, not after that of the welcome", () => {
    heard(welcome(2), said(3));
    heard(welcome(9));
    expect(state.rev).toBe(3);
  });

  it("that are many are fewer for who reads along, and come back when they are wanted", () => {
    heard(welcome(9));
    state = addPage(state, page(9, 1), Number.POSITIVE_INFINITY);
    state = forgetOld(state, 4);
    expect(shown()).toEqual(["text 6", "text 7", "text 8", "text 9"]);
    expect(state.complete).toBe(false);
    state = addPage(state, page(5, 1), 6);
    expect(shown()).toHaveLength(9);
  });

  it("of another person who uses this tab now start with nothing", () => {
    heard(welcome(0));
    state = addOutgoing(state, "mine", "unsaid", AT);
    heard(welcome(0, { me: BEN }));
    expect(state.outgoing).toEqual([]);
  });
});

describe("a message of one's own", () => {
  beforeEach(() => {
    heard(welcome(0));
    state = addPage(state, { items: [], next_cursor: null }, Number.POSITIVE_INFINITY);
    state = addOutgoing(state, "c1", "text 1", AT);
  });

  it("waits, is stored, and is shown once", () => {
    expect(unacknowledged(state)).toHaveLength(1);
    heard({ type: "ack", cid: "c1", seq: 1 });
    expect(unacknowledged(state)).toEqual([]);
    expect(state.outgoing).toHaveLength(1);
    heard(said(1, ANN));
    expect(state.outgoing).toEqual([]);
    expect(shown()).toEqual(["text 1"]);
  });

  it("is no more said again, if the room shows it before it acknowledges it", () => {
    heard(said(1, ANN), { type: "ack", cid: "c1", seq: 1 });
    expect(state.outgoing).toEqual([]);
  });

  it("is shown once, if its acknowledgement was lost with the socket", () => {
    heard(welcome(1), said(1, ANN));
    expect(state.outgoing).toEqual([]);
    expect(shown()).toEqual(["text 1"]);
  });

  it("waits on, if somebody else used the same id", () => {
    heard(said(1, BEN));
    expect(unacknowledged(state)).toHaveLength(1);
  });

  it("that was refused says why, and is not said again by itself", () => {
    heard({ type: "error", code: "muted", message: "An operator muted you.", cid: "c1" });
    expect(state.outgoing).toMatchObject([{ cid: "c1", problem: "An operator muted you." }]);
    expect(unacknowledged(state)).toEqual([]);
  });

  it("waits no more, if it was deleted in another tab before it was shown in this one", () => {
    heard({ type: "ack", cid: "c1", seq: 1 }, { type: "deleted", rev: 2, seq: 1 });
    expect(state.outgoing).toEqual([]);
  });
});

describe("what was not seen", () => {
  beforeEach(() => {
    heard(welcome(0), said(1), said(2), said(3));
  });

  it("is what others wrote after what the person has read", () => {
    state = markSeen(state, 1);
    expect(unseenMessages(state).map(({ seq }) => seq)).toEqual([2, 3]);
  });

  it("is nothing above what the person wrote", () => {
    heard(said(4, ANN), said(5));
    expect(unseenMessages(state).map(({ seq }) => seq)).toEqual([5]);
  });

  it("is less, if the person reads in another tab, and never more again", () => {
    heard({ type: "read", marks: [{ member: "a", seq: 3 }] });
    heard({ type: "read", marks: [{ member: "a", seq: 1 }] });
    expect(seenUpTo(state)).toBe(3);
  });

  it("is counted as so many and more, while not all of it is loaded", () => {
    state = NOTHING_YET;
    heard(welcome(200));
    state = markSeen(addPage(state, page(200, 151), Number.POSITIVE_INFINITY), 100);
    expect(countOf(countUnseen(state))).toBe("50+");
    state = addPage(state, page(150, 101), 151);
    expect(countUnseen(state)).toEqual({ count: 100, more: false });
    expect(countOf(countUnseen(state))).toBe("99+");
    state = markSeen(state, 199);
    expect(countOf(countUnseen(state))).toBe("1");
  });

  it("is nothing that was deleted", () => {
    heard({ type: "deleted", rev: 4, seq: 2 });
    expect(unseenMessages(state).map(({ seq }) => seq)).toEqual([1, 3]);
  });
});

describe("what is read out", () => {
  const newsOf = (...messages: RoomToClient[]) => {
    const before = state;
    heard(...messages);
    return newsBetween(before, state).map(({ text }) => text);
  };

  it("is each message of others, once", () => {
    heard(welcome(0));
    expect(newsOf(said(1), said(2, ANN))).toEqual(["text 1"]);
    expect(newsOf(said(1), said(3))).toEqual(["text 3"]);
  });

  it("is neither the history nor a change", () => {
    expect(newsOf(welcome(2))).toEqual([]);
    const before = state;
    state = addPage(state, page(2, 1), Number.POSITIVE_INFINITY);
    expect(newsBetween(before, state)).toEqual([]);
    expect(newsOf(said(1, BEN, 3, { edited_at: AT }))).toEqual([]);
  });
});

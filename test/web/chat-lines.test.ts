import { describe, expect, it } from "vitest";
import type { ChatChange, Member } from "../../protocol/chat.ts";
import { type ChatState, NOTHING_YET } from "../../web/chat/chat-state.ts";
import { linesOf } from "../../web/chat/lines.ts";

const ME: Member = { id: "a", name: "Ann", role: "operator" };
const BEN: Member = { id: "b", name: "Ben", role: "guest" };

const FIRST_DAY = new Date(2026, 10, 21, 10);
const SECOND_DAY = new Date(2026, 10, 22, 10);

/** A message; its text is its number. */
function said(seq: number, from: Member, at: Date): ChatChange {
  const text = String(seq);
  return { type: "message", rev: seq, seq, cid: `c${seq}`, from, text, at: at.toISOString() };
}

/** What stands in the log, from above to below. @param newAfter the last message that was seen */
function lines(newAfter: number | null, ...changes: ChatChange[]): string[] {
  const known = new Map(changes.map((change) => [change.seq, change]));
  const state: ChatState = { ...NOTHING_YET, me: ME, changes: known, floor: 1 };
  return linesOf(state, newAfter).map((line) => {
    switch (line.kind) {
      case "day":
        return new Date(line.at).getTime() < SECOND_DAY.getTime() ? "first day" : "second day";
      case "message":
        return `${line.named ? `${line.message.from.name}: ` : ""}${line.message.text}`;
      default:
        return line.kind;
    }
  });
}

describe("the lines of a log", () => {
  it("begin each day with its rule, and name those who go on talking once", () => {
    expect(
      lines(null, said(1, BEN, FIRST_DAY), said(2, BEN, FIRST_DAY), said(3, BEN, SECOND_DAY)),
    ).toEqual(["first day", "Ben: 1", "2", "second day", "Ben: 3"]);
  });

  it("say what is new above the first message of others that was not seen", () => {
    const changes = [said(1, BEN, FIRST_DAY), said(2, ME, FIRST_DAY), said(3, BEN, FIRST_DAY)];
    expect(lines(1, ...changes)).toEqual(["first day", "Ben: 1", "Ann: 2", "new", "Ben: 3"]);
    expect(lines(3, ...changes)).not.toContain("new");
  });

  it("say the day first where what is new begins one", () => {
    expect(lines(0, said(1, BEN, FIRST_DAY))).toEqual(["first day", "new", "Ben: 1"]);
    expect(lines(1, said(1, BEN, FIRST_DAY), said(2, BEN, SECOND_DAY))).toEqual([
      "first day",
      "Ben: 1",
      "second day",
      "new",
      "Ben: 2",
    ]);
  });

  it("have no new ones from a deletion on, but from what was said after it", () => {
    const gone: ChatChange = { type: "deleted", rev: 9, seq: 2 };
    expect(lines(1, said(1, BEN, FIRST_DAY), gone, said(3, BEN, FIRST_DAY))).toEqual([
      "first day",
      "Ben: 1",
      "deleted",
      "new",
      "Ben: 3",
    ]);
  });
});

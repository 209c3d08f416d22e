import { beforeEach, describe, expect, it } from "vitest";
import type { ChatMessage } from "../../protocol/chat.ts";
import type { TabStorage } from "../../web/chat/tab-storage.ts";
import { ANN, AT, BEN, memoryStorage, message, Tab } from "./chat-tab.ts";

let storage: TabStorage;
let tab: Tab;

describe("an edit or a deletion", () => {
  const EDIT = { type: "edit", seq: 1, text: "better" } as const;
  const DELETE = { type: "delete", seq: 2 } as const;
  const REFUSAL = { type: "error", code: "muted", message: "An operator muted you." } as const;
  const edited = (rev: number, text: string): ChatMessage => ({
    ...message(1, ANN, "x"),
    ...{ rev, text, edited_at: AT },
  });
  const newTab = () => new Tab(storage, ["c1"].values());
  const revisions = () => tab.view?.state.revisions ?? [];

  beforeEach(() => {
    storage = memoryStorage();
    tab = newTab();
    tab.welcome();
    tab.hears(message(1, ANN, "x"), message(2, ANN, "y"));
  });

  it("that was lost with its socket is asked again when the room is back", () => {
    tab.chat.ask(EDIT);
    tab.chat.ask(DELETE);
    tab.welcome(ANN, 2);
    expect(tab.asked).toEqual([EDIT, DELETE, EDIT, DELETE]);
  });

  it("is asked no more once the room shows it", () => {
    tab.chat.ask(EDIT);
    tab.chat.ask(DELETE);
    tab.hears(edited(3, "better"), { type: "deleted", rev: 4, seq: 2 });
    tab.welcome(ANN, 4);
    expect(tab.asked).toEqual([EDIT, DELETE]);
    expect(revisions()).toEqual([]);
  });

  it("is not taken for done by what the message said before, or says for somebody's other edit", () => {
    tab.hears(edited(3, "better"));
    tab.chat.ask({ ...EDIT, text: "worse" });
    tab.chat.ask(EDIT);
    tab.hears(edited(4, "worse"));
    expect(revisions()).toMatchObject([{ text: "better" }]);
    tab.hears(edited(5, "better"));
    expect(revisions()).toEqual([]);
  });

  it("is done, however the room writes its text", () => {
    tab.chat.ask({ ...EDIT, text: " half \ud83d\n" });
    tab.hears(edited(3, "half \ufffd"));
    expect(revisions()).toEqual([]);
  });

  it("waits for a room that is away", () => {
    tab.away = true;
    expect(tab.chat.ask(EDIT)).toBe(true);
    expect(tab.view?.notice).toBeNull();
    tab.away = false;
    tab.welcome(ANN, 2);
    expect(tab.asked).toEqual([EDIT]);
  });

  it("is asked again by a page that was loaded again, and not for another person", () => {
    tab.chat.ask(EDIT);
    const again = newTab();
    again.welcome(BEN, 2);
    expect(again.asked).toEqual([]);
    const third = newTab();
    third.welcome(ANN, 2);
    expect(third.asked).toEqual([EDIT]);
  });

  it("is asked again of a room that forgot changes while this page was away", () => {
    tab.chat.ask(EDIT);
    tab.welcome(ANN, 900, 500);
    expect(tab.asked).toEqual([EDIT, EDIT]);
  });

  it("that changes a text and is refused keeps it, with why, until it is tried again or dropped", () => {
    tab.chat.ask(EDIT);
    tab.hears({ ...REFUSAL, answers: "edit", seq: 1 });
    expect(revisions()).toMatchObject([{ text: "better", problem: "An operator muted you." }]);
    expect(tab.view?.notice).toBeNull();
    tab.welcome(ANN, 2);
    expect(tab.asked).toEqual([EDIT]);
    tab.chat.retry(1);
    expect(tab.asked).toEqual([EDIT, EDIT]);
    tab.chat.discard(1);
    expect(revisions()).toEqual([]);
  });

  it("that changes a message which was deleted meanwhile keeps its text", () => {
    tab.chat.ask(EDIT);
    tab.hears({ type: "deleted", rev: 3, seq: 1 });
    tab.hears({ ...REFUSAL, message: "There is no such message.", answers: "edit", seq: 1 });
    expect(revisions()).toMatchObject([{ text: "better", problem: "There is no such message." }]);
  });

  it("that deletes and is refused is said to be, and not asked again", () => {
    tab.chat.ask(DELETE);
    tab.hears({ ...REFUSAL, answers: "delete", seq: 2 });
    expect(tab.view?.notice).toBe("An operator muted you.");
    tab.welcome(ANN, 2);
    expect(tab.asked).toEqual([DELETE]);
  });

  it("is not taken for refused by the answer to what was asked before it", () => {
    tab.chat.ask({ ...EDIT, seq: 2 });
    tab.chat.ask(DELETE);
    tab.hears({ ...REFUSAL, answers: "edit", seq: 2 });
    expect(revisions()).toMatchObject([{ seq: 2, text: null, problem: null }]);
  });

  it("loses no text, and is said to be undone, if the room lets this page in no more", () => {
    tab.chat.ask(EDIT);
    tab.chat.ask(DELETE);
    tab.chat.refused("The session has ended.");
    expect(revisions()).toMatchObject([{ text: "better", problem: "The session has ended." }]);
    expect(tab.view?.notice).toBe("Nothing was deleted. The session has ended.");
    expect(tab.chat.ask(DELETE)).toBe(false);
  });
});

import { beforeEach, describe, expect, it } from "vitest";
import { CHAT_BURST, CHAT_RATE_PER_S } from "../../protocol/limits.ts";
import { ApiError } from "../../web/api.ts";
import type { TabStorage } from "../../web/chat/tab-storage.ts";
import { ANN, AT, BEN, memoryStorage, message, Tab } from "./chat-tab.ts";

let storage: TabStorage;
let cids: Iterator<string>;
let tab: Tab;

beforeEach(() => {
  storage = memoryStorage();
  cids = ["c1", "c2", "c3"].values();
  tab = new Tab(storage, cids);
});

describe("what was written and not acknowledged", () => {
  beforeEach(() => {
    tab.welcome();
    tab.chat.send("one");
    tab.chat.send("two");
    tab.hears({ type: "ack", cid: "c1", seq: 1 });
  });

  it("is sent again under the same id when the room is back, and only that", () => {
    tab.welcome();
    expect(tab.sent).toEqual(["c1", "c2", "c2"]);
  });

  it("is sent again by a page that was loaded again", () => {
    const again = new Tab(storage, cids);
    again.welcome(ANN, 1);
    expect(again.sent).toEqual(["c2"]);
    again.hears(message(1, ANN, "c1"), message(2, ANN, "c2"));
    expect(again.waiting).toEqual([]);
    const third = new Tab(storage, cids);
    third.welcome(ANN, 2);
    expect(third.waiting).toEqual([]);
  });

  it("is sent again by a newer version of the page that kept it", () => {
    const kept = {
      me: "a",
      outgoing: [{ cid: "old", text: "three", at: AT, seq: null, problem: null }],
    };
    storage.setItem("porthole-unsent:session:s", JSON.stringify(kept));
    const again = new Tab(storage, cids);
    again.welcome(ANN, 1);
    expect(again.sent).toEqual(["old"]);
  });

  it("is not sent by another person who uses this tab now", () => {
    const again = new Tab(storage, cids);
    again.welcome(BEN);
    expect(again.sent).toEqual([]);
    expect(again.waiting).toEqual([]);
  });

  it("says why, if the room lets this page in no more, also after it is tried again", () => {
    tab.chat.refused("An operator removed you.");
    for (const tries of [0, 1, 2]) {
      expect(tab.view?.state.outgoing[1]).toMatchObject({ problem: "An operator removed you." });
      expect(tab.rejoins).toBe(tries);
      tab.chat.retry("c2");
    }
    expect(tab.sent).toEqual(["c1", "c2"]);
    tab.welcome();
    expect(tab.sent).toEqual(["c1", "c2", "c2"]);
    expect(tab.view?.state.outgoing[1]).toMatchObject({ problem: null });
  });

  it("is sent by who is let in again only if they tried it again", () => {
    tab.chat.refused("An operator removed you.");
    tab.welcome();
    expect(tab.sent).toEqual(["c1", "c2"]);
    tab.chat.retry("c2");
    expect(tab.sent).toEqual(["c1", "c2", "c2"]);
  });

  it("is sent no more, if its author thinks better of it", () => {
    tab.chat.discard("c2");
    tab.welcome();
    expect(tab.sent).toEqual(["c1", "c2"]);
  });
});

it("what was written in a long absence is sent in its order, and no faster than a room takes it", () => {
  const written = Array.from({ length: 3 * CHAT_BURST }, (_, n) => `m${n}`);
  tab = new Tab(storage, written.values());
  tab.welcome();
  tab.away = true;
  for (const text of written) tab.chat.send(text);
  tab.away = false;
  // A socket that comes and goes gives no more of it.
  for (let dials = 0; dials < 3; dials += 1) tab.welcome();
  expect(tab.sent.length).toBeGreaterThan(1);
  do {
    const allowed = CHAT_BURST + (tab.now / 1000) * CHAT_RATE_PER_S;
    expect(tab.sent.length).toBeLessThanOrEqual(allowed / 2 + 1);
  } while (tab.tick());
  expect([...new Set(tab.sent)]).toEqual(written);
});

describe("the history", () => {
  it("is asked for after the welcome, one page at a time, and goes on where it is", async () => {
    expect(tab.pages).toEqual([]);
    tab.welcome(ANN, 4);
    await tab.chat.loadOlder();
    tab.pages[0]?.answer.resolve({ items: [message(4, BEN, "x")], next_cursor: "4" });
    await settled(() => tab.view?.paging === "idle");
    void tab.chat.loadOlder();
    expect(tab.pages.map(({ before }) => before)).toEqual([null, 4]);
  });

  it("that did not come is asked for again when somebody wants it", async () => {
    tab.welcome(ANN, 4);
    tab.pages[0]?.answer.reject(new ApiError(0, "The edge cannot be reached."));
    await settled(() => tab.view?.paging === "failed");
    void tab.chat.loadOlder();
    expect(tab.pages.map(({ before }) => before)).toEqual([null, null]);
  });
});

describe("a page of history that was asked for before the room forgot changes", () => {
  const items = [message(51, BEN, "x")];

  beforeEach(async () => {
    tab.welcome(ANN, 100);
    tab.pages[0]?.answer.resolve({ items, next_cursor: "51" });
    await settled(() => tab.view?.paging === "idle");
    void tab.chat.loadOlder();
    tab.welcome(ANN, 900, 500);
  });

  it("is waited for no more: the newest is asked for at once, and shown", async () => {
    expect(tab.pages.map(({ before }) => before)).toEqual([null, 51, null]);
    tab.pages[2]?.answer.resolve({ items: [message(900, BEN, "z")], next_cursor: "900" });
    await settled(() => tab.view?.paging === "idle");
    expect(tab.view?.state.floor).toBe(900);
  });

  it.each(["comes late", "fails late"])("changes nothing if it %s", async (how) => {
    if (how === "comes late") tab.pages[1]?.answer.resolve({ items, next_cursor: null });
    else tab.pages[1]?.answer.reject(new ApiError(0, "The edge cannot be reached."));
    await new Promise(setImmediate);
    expect(tab.view).toMatchObject({ paging: "loading", state: { floor: Infinity } });
    expect(tab.view?.state.changes.size).toBe(0);
  });
});

describe("what the room refuses", () => {
  const refusal = { type: "error", code: "not_staff", message: "Only an operator can." } as const;

  it("is shown where it was asked, whatever was asked since: in the chat, or by who controls", () => {
    tab.welcome();
    tab.chat.ask({ type: "mute", member: "b", seconds: 60 });
    tab.hears({ ...refusal, answers: "control" });
    expect(tab.refusals).toEqual(["Only an operator can."]);
    expect(tab.view?.notice).toBeNull();
    tab.hears({ ...refusal, answers: "mute" });
    expect(tab.view?.notice).toBe("Only an operator can.");
    tab.chat.dismissNotice();
    // What the room could not read.
    tab.hears(refusal);
    expect(tab.view?.notice).toBe("Only an operator can.");
    expect(tab.refusals).toHaveLength(1);
  });

  it("is shown until its reader goes on, by saying something", () => {
    tab.welcome();
    tab.hears(refusal);
    tab.chat.send("well then");
    expect(tab.view?.notice).toBeNull();
  });

  it("is not even asked while the room is away, and the page says so", () => {
    tab.welcome();
    tab.away = true;
    expect(tab.chat.ask({ type: "claim", release: false })).toBe(false);
    expect(tab.view?.notice).toContain("The chat is away");
  });
});

it("typing is told now and then, not with every key", () => {
  tab.welcome();
  for (tab.now = 0; tab.now < 5_000; tab.now += 100) tab.chat.typing();
  expect(tab.said.filter(({ type }) => type === "typing")).toHaveLength(2);
});

it("what was seen is told once, and again only after news", () => {
  tab.welcome();
  tab.hears(message(1, BEN, "x"));
  tab.chat.seen();
  tab.chat.seen();
  tab.hears(message(2, BEN, "y"));
  tab.chat.seen();
  expect(tab.said).toEqual([
    { type: "read", seq: 1 },
    { type: "read", seq: 2 },
  ]);
  expect(tab.news).toEqual(["text 1", "text 2"]);
});

/** Waits until what was promised has been taken. */
async function settled(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}

import { beforeEach, describe, expect, it } from "vitest";
import type { Page } from "../../protocol/api.ts";
import type {
  ChatChange,
  ChatMessage,
  ClientToRoom,
  Member,
  RoomToClient,
} from "../../protocol/chat.ts";
import { ApiError } from "../../web/api.ts";
import { Chat, type ChatView } from "../../web/chat/chat.ts";
import type { OutboxStorage } from "../../web/chat/outbox.ts";

const ANN: Member = { id: "a", name: "Ann", role: "operator" };
const BEN: Member = { id: "b", name: "Ben", role: "guest" };
const AT = "2026-11-22T10:00:00.000Z";

/** A room that answers nothing by itself, and a tab that may be loaded again. */
class Tab {
  readonly said: ClientToRoom[] = [];
  readonly news: string[] = [];
  readonly refusals: string[] = [];
  readonly pages: { before: number | null; answer: PromiseWithResolvers<Page<ChatChange>> }[] = [];
  readonly chat: Chat;
  away = false;
  now = 0;
  view: ChatView | null = null;

  constructor(storage: OutboxStorage, cids: Iterator<string>) {
    this.chat = new Chat({
      room: "session:s",
      say: (message) => {
        if (!this.away) this.said.push(message);
        return !this.away;
      },
      loadPage: (before) => {
        const answer = Promise.withResolvers<Page<ChatChange>>();
        this.pages.push({ before, answer });
        return answer.promise;
      },
      onView: (view) => {
        this.view = view;
      },
      onNews: (messages) => this.news.push(...messages.map(({ text }) => text)),
      onControlRefused: (sentence) => this.refusals.push(sentence),
      storage,
      now: () => this.now,
      newCid: () => cids.next().value ?? "",
    });
  }

  hears(...messages: RoomToClient[]): void {
    this.chat.heard(messages);
  }

  welcome(me = ANN, last_rev = 0): void {
    this.hears({ type: "welcome", me, members: [me], last_rev, from_rev: 1, reads: [] });
  }

  /** What was sent, by its cid. */
  get sent(): string[] {
    return this.said.flatMap((message) => (message.type === "send" ? [message.cid] : []));
  }

  get waiting(): string[] {
    return this.view?.state.outgoing.map(({ cid }) => cid) ?? [];
  }
}

let storage: OutboxStorage;
let cids: Iterator<string>;
let tab: Tab;

beforeEach(() => {
  const kept = new Map<string, string>();
  storage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
  cids = ["c1", "c2", "c3"].values();
  tab = new Tab(storage, cids);
});

function message(seq: number, from: Member, cid: string): ChatMessage {
  return { type: "message", rev: seq, seq, cid, from, text: `text ${seq}`, at: AT };
}

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

  it("is not sent by another person who uses this tab now", () => {
    const again = new Tab(storage, cids);
    again.welcome(BEN);
    expect(again.sent).toEqual([]);
    expect(again.waiting).toEqual([]);
  });

  it("says why, if the room lets this page in no more, and can be tried again", () => {
    tab.chat.refused("The session has ended.");
    expect(tab.view?.state.outgoing[1]).toMatchObject({ problem: "The session has ended." });
    tab.chat.retry("c2");
    expect(tab.sent).toEqual(["c1", "c2", "c2"]);
  });

  it("is sent no more, if its author thinks better of it", () => {
    tab.chat.discard("c2");
    tab.welcome();
    expect(tab.sent).toEqual(["c1", "c2"]);
  });
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

  it("is not even asked while the room is away, and the page says so", () => {
    tab.welcome();
    tab.away = true;
    expect(tab.chat.ask({ type: "delete", seq: 1 })).toBe(false);
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

import { beforeEach, expect, it } from "vitest";
import { loadDraft, saveDraft } from "../../web/chat/draft.ts";
import type { TabStorage } from "../../web/chat/tab-storage.ts";
import { memoryStorage } from "./chat-tab.ts";

let storage: TabStorage;

beforeEach(() => {
  storage = memoryStorage();
  saveDraft(storage, "support:r", "a", "half written");
});

it("a draft is kept for its writer, in its room, until there is none", () => {
  expect(loadDraft(storage, "support:r", "a")).toBe("half written");
  expect(loadDraft(storage, "support:other", "a")).toBe("");
  saveDraft(storage, "support:r", "a", "");
  expect(loadDraft(storage, "support:r", "a")).toBe("");
});

it("a draft is not shown to another person who uses this tab now", () => {
  expect(loadDraft(storage, "support:r", "b")).toBe("");
});

it.each(["{", "null", '"text"', '{"me":"a","text":1}'])(
  "what is no draft (%s) is none",
  (stored) => {
    const odd = { ...storage, getItem: () => stored };
    expect(loadDraft(odd, "support:r", "a")).toBe("");
  },
);

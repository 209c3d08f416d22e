import { expect, it } from "vitest";
import type { ChatMessage, Member } from "../../protocol/chat.ts";
import { namesOf } from "../../web/chat/names.ts";
import { addNews, type News } from "../../web/chat/news.ts";

const AT = "2026-11-22T10:00:00.000Z";
const BEN: Member = { id: "b", name: "Guest", role: "guest" };
const CLEO: Member = { id: "c", name: "Guest", role: "guest" };

let seq = 0;
function said(from: Member, text: string): ChatMessage {
  seq++;
  return { type: "message", rev: seq, seq, cid: `c${seq}`, from, text, at: AT };
}

function readOut(frames: ChatMessage[][], people = [BEN]): string[] {
  const add = (news: readonly News[], messages: ChatMessage[]) =>
    addNews(news, messages, namesOf(people));
  return frames.reduce(add, [] as readonly News[]).map(({ sentence }) => sentence);
}

it("what is read out stays when more comes, also the same words once more", () => {
  const frames = [[said(BEN, "one")], [said(BEN, "two")], [said(BEN, "two")]];
  expect(readOut(frames)).toEqual(["Guest says: one", "Guest says: two", "Guest says: two"]);
});

it("each has a key of its own, so that none takes the place of another", () => {
  let news: readonly News[] = [];
  const keys = new Set<number>();
  for (let n = 0; n < 100; n++) {
    news = addNews(news, [said(BEN, "x")], new Map());
    keys.add(news.at(-1)?.key ?? 0);
  }
  expect(keys.size).toBe(100);
  // What was read out long ago is not kept for ever.
  expect(news.length).toBeLessThan(100);
});

it("people of one name are called as the page calls them", () => {
  const [sentence] = readOut([[said(CLEO, "hello")]], [BEN, CLEO]);
  expect(sentence).toMatch(/^Guest #\d{3} says: hello$/);
});

it("many at once are counted", () => {
  expect(readOut([[1, 2, 3, 4].map((n) => said(BEN, `${n}`))])).toEqual(["4 new chat messages."]);
});

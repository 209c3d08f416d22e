import type { ChatMessage } from "../../protocol/chat.ts";

/** More than that at once are counted: nobody wants to hear them read out. */
const READ_OUT = 3;

/** So many stay for a screen reader that is still reading others. */
const KEPT_NEWS = 20;

/** What came, in a sentence of its own for those who hear the page. */
export type News = { key: number; sentence: string };

/**
 * Adds what came to what is read out: nothing that is there is replaced, since it may not have been
 * read yet.
 * @param names what the page calls people, by their ids
 */
export function addNews(
  news: readonly News[],
  messages: readonly ChatMessage[],
  names: ReadonlyMap<string, string>,
): readonly News[] {
  const key = (news.at(-1)?.key ?? 0) + 1;
  return [...news, { key, sentence: describe(messages, names) }].slice(-KEPT_NEWS);
}

function describe(messages: readonly ChatMessage[], names: ReadonlyMap<string, string>): string {
  if (messages.length > READ_OUT) return `${messages.length} new chat messages.`;
  return messages
    .map(({ from, text }) => `${names.get(from.id) ?? from.name} says: ${text}`)
    .join(" ");
}

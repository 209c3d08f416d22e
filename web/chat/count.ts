import { type ChatState, seenUpTo, unseenMessages } from "./chat-state.ts";

/** Nobody counts further; and of many that wait for nobody the page forgets the oldest. */
const MAX_COUNT = 99;

/** How many messages of others the person has not seen. */
export type Unseen = {
  count: number;
  /** There may be more, which this page has not loaded. */
  more: boolean;
};

export function countUnseen(state: ChatState): Unseen {
  const { length: count } = unseenMessages(state);
  return { count, more: count > 0 && state.floor > seenUpTo(state) + 1 && !state.complete };
}

/** As a badge says it. */
export function countOf({ count, more }: Unseen): string {
  const shown = Math.min(count, MAX_COUNT);
  return more || shown < count ? `${shown}+` : String(shown);
}

/** As a sentence says it. */
export function newMessages(unseen: Unseen): string {
  const count = countOf(unseen);
  return count === "1" ? "1 new message" : `${count} new messages`;
}

/** The title of a tab that nobody may be looking at. */
export function withUnseen(title: string, unseen: Unseen): string {
  return unseen.count > 0 ? `(${countOf(unseen)}) ${title}` : title;
}

/** Nobody counts further; and of many that wait for nobody the page forgets the oldest. */
const MAX_COUNT = 99;

/** A number of messages, as a badge or a title says it. */
export function countOf(messages: number): string {
  return messages > MAX_COUNT ? `${MAX_COUNT}+` : String(messages);
}

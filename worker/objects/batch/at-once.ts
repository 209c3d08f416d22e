import { describeError, log } from "../../log.ts";

/** How many sessions or hosts are asked at once. */
const AT_ONCE = 16;

/** Does the same with all, some at once. @returns how many failed */
export async function eachOf<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<number> {
  let failed = 0;
  for (let at = 0; at < items.length; at += AT_ONCE) {
    const outcomes = await Promise.allSettled(items.slice(at, at + AT_ONCE).map(work));
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") continue;
      log("batch.step_failed", { error: describeError(outcome.reason) });
      failed++;
    }
  }
  return failed;
}

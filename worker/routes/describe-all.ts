import { describeError, log } from "../log.ts";

/**
 * Asks each object of a page about itself. One that cannot be asked is left out and logged: it must
 * not take the others with it.
 */
export async function describeAll<Description>(
  ids: readonly string[],
  describe: (id: string) => Promise<Description>,
): Promise<Description[]> {
  const outcomes = await Promise.allSettled(ids.map(describe));
  return outcomes.flatMap((outcome, n) => {
    if (outcome.status === "fulfilled") return [outcome.value];
    log("list.left_out", { id: ids[n], error: describeError(outcome.reason) });
    return [];
  });
}

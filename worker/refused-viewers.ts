import { randomId } from "../protocol/ids.ts";
import { type Env, registry } from "./env.ts";
import { describeError, log } from "./log.ts";
import type { ActivityKind } from "./objects/registry/activity.ts";
import { closeCodeOf, type Refusal } from "./problem.ts";

/** How long refusals are gathered: of each isolate the registry is told at most once in so long. */
const GATHERING_MS = 5_000;

/** What this isolate has refused and not told yet: a number for each close code, and no more. */
const untold = new Map<ActivityKind, number>();
/** Until when somebody is to tell; should the platform end that one before, the next takes over. */
let toldBy = 0;

/**
 * Counts a viewer whom the Worker itself refused, for the metrics. Anybody can cause it at will, so
 * it only adds to a number; what an isolate has when it is taken away is lost.
 */
export function countRefusedViewer(
  env: Env,
  context: { waitUntil(promise: Promise<unknown>): void },
  refusal: Refusal,
): void {
  const kind: ActivityKind = `${closeCodeOf(refusal)}`;
  untold.set(kind, (untold.get(kind) ?? 0) + 1);
  const now = Date.now();
  if (now < toldBy) return;
  toldBy = now + 2 * GATHERING_MS;
  context.waitUntil(tellLater(env));
}

async function tellLater(env: Env): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, GATHERING_MS));
  toldBy = 0;
  const counts = [...untold].map(([kind, count]) => ({ kind, count }));
  untold.clear();
  try {
    await registry(env).activity.put("", { batch: randomId(9), counts });
  } catch (error) {
    log("refusals.not_counted", { counts, error: describeError(error) });
  }
}

import type { Context } from "hono";
import { vncHost } from "../env.ts";
import { describeError, log } from "../log.ts";
import { type Sight, UNSEEN } from "../objects/session/session-row.ts";
import type { LookedAt } from "../objects/vnc-host.ts";

/** A session that has a place: what there is to see is asked of its host. */
export type Placed = LookedAt & { host_id: string };

/**
 * What there is to see of sessions now; each of their hosts is asked once.
 * @returns finds it by a session's id
 */
export async function look(
  c: Context,
  sessions: readonly Placed[],
): Promise<(sessionId: string) => Sight> {
  const sights = new Map<string, Sight>();
  await Promise.all(
    [...Map.groupBy(sessions, ({ host_id }) => host_id)].map(async ([host, ofHost]) => {
      const asked: LookedAt[] = ofHost.map(({ session_id, vnc_port, address }) => ({
        ...{ session_id, vnc_port, address },
      }));
      try {
        const found = await vncHost(c.env, host).look(asked);
        for (const [n, sight] of found.entries()) {
          const id = asked[n]?.session_id;
          if (id !== undefined) sights.set(id, sight);
        }
      } catch (error) {
        // It must not take the other hosts' sessions with it.
        log("list.host_not_asked", { host, error: describeError(error) });
      }
    }),
  );
  return (sessionId) => sights.get(sessionId) ?? UNSEEN;
}

import type { Session } from "../../protocol/api.ts";
import { ApiError, getSession, listLinks } from "../api.ts";

/**
 * What whoever looks is to this session: the page offers them only what can work. An `operator`
 * may share it, a `guest` came by a share link and has no overview to go back to.
 */
export type Standing = "unknown" | "operator" | "person" | "guest";

export type Found = { standing: Standing; session: Session | null };

const EDGE = { getSession, listLinks };

/** Asks the edge, which alone knows: a browser may have been signed in or out in another tab. */
export async function findStanding(sessionId: string, edge = EDGE): Promise<Found> {
  let session: Session | null = null;
  try {
    session = await edge.getSession(sessionId);
    await edge.listLinks(sessionId);
    return { standing: "operator", session };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { standing: standingAfter(error, session !== null), session };
  }
}

/** @param sees whether the edge showed them the session, and only refused its links */
function standingAfter(error: ApiError, sees: boolean): Standing {
  if (error.code === "link_over") return "guest";
  if (sees && error.status === 401) return "guest";
  if (sees && error.status === 403) return "person";
  return "unknown";
}

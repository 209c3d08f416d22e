import type { SeenSession } from "../../protocol/api.ts";
import { ApiError, getSession } from "../api.ts";

/**
 * What whoever looks is to this session: the page offers them only what can work. An `operator`
 * may share it, a `guest` came by a share link and has no overview to go back to.
 */
export type Standing = "unknown" | "operator" | "person" | "guest";

export type Found = { standing: Standing; session: SeenSession | null };

const EDGE = { getSession };

const STANDINGS: Record<SeenSession["standing"], Standing> = {
  guest: "guest",
  viewer: "person",
  operator: "operator",
  admin: "operator",
};

/** Asks the edge, which alone knows: a browser may have been signed in or out in another tab. */
export async function findStanding(sessionId: string, edge = EDGE): Promise<Found> {
  try {
    const session = await edge.getSession(sessionId);
    return { standing: STANDINGS[session.standing], session };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { standing: error.code === "link_over" ? "guest" : "unknown", session: null };
  }
}

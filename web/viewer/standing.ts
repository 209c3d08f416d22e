import type { SeenSession } from "../../protocol/api.ts";
import type { ApiError } from "../api.ts";

/**
 * What whoever looks is to this session: the page offers them only what can work. An `operator`
 * may share it, a `guest` came by a share link and has no overview to go back to.
 */
export type Standing = "unknown" | "operator" | "person" | "guest";

export type Found = { standing: Standing; session: SeenSession | null };

const STANDINGS: Record<SeenSession["standing"], Standing> = {
  guest: "guest",
  viewer: "person",
  operator: "operator",
  admin: "operator",
};

/** Who looks, by what the edge tells them. */
export function foundIn(session: SeenSession): Found {
  return { standing: STANDINGS[session.standing], session };
}

/** Who looks, after the edge did not let them in; what was known before stays true. */
export function foundAfter(error: ApiError, before: Found | null): Found {
  if (error.code === "link_over") return { standing: "guest", session: before?.session ?? null };
  return before ?? { standing: "unknown", session: null };
}

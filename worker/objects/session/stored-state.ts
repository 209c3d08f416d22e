import type { Session } from "../../../protocol/api.ts";

/**
 * What of a session's status is stored. An `open` one may be entered: whether that shows a picture,
 * `active` or `unreachable`, follows from its host, and is found out by asking.
 */
export type StoredState = Exclude<Session["status"], "active" | "unreachable"> | "open";

/** The states of a session that has not come to its end. */
export const OPEN_STATES: readonly StoredState[] = ["queued", "starting", "open"];

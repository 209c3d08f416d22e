import { isId } from "../protocol/ids.ts";
import { ApiError, getSession, redeemLink } from "./api.ts";

/** Where a share link led. Reasons are sentences for a person. */
export type Arrival =
  | { kind: "let-in"; sessionId: string }
  /** The link is no good, and asking again does not change that. */
  | { kind: "refused"; reason: string }
  /** It could not be tried; it may still be good. */
  | { kind: "failed"; reason: string };

const INCOMPLETE = "A part of its address is missing. Copy the whole link and open it again.";

/** The edge says only that there is none, which leaves a guest with nothing to do. */
const FORGOTTEN = "There is no such session any more; ask for a new link.";

/** What the edge's own sentences do not say to somebody with a link. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [400, INCOMPLETE],
  [404, FORGOTTEN],
]);

const EDGE = { getSession, redeemLink };

/**
 * Lets this browser in by a share link. Whoever may see the session already takes no use of it:
 * coming back by the same link, and loading again, are free.
 * @param secret `<session id>.<secret>`, as in the link's fragment
 */
export async function comeByLink(secret: string, edge = EDGE): Promise<Arrival> {
  const sessionId = secret.slice(0, Math.max(0, secret.indexOf(".")));
  if (!isId(sessionId)) return { kind: "refused", reason: INCOMPLETE };
  try {
    if (await maySee(sessionId, edge)) return { kind: "let-in", sessionId };
    const guest = await edge.redeemLink(secret);
    return { kind: "let-in", sessionId: guest.session_id };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (mayPass(error)) return { kind: "failed", reason: error.message };
    return { kind: "refused", reason: REASONS.get(error.status) ?? error.message };
  }
}

/** @throws {ApiError} if the edge could not say */
async function maySee(sessionId: string, edge: typeof EDGE): Promise<boolean> {
  try {
    await edge.getSession(sessionId);
    return true;
  } catch (error) {
    if (error instanceof ApiError && !mayPass(error)) return false;
    throw error;
  }
}

/** Whether the same question may be answered better later. */
function mayPass({ status }: ApiError): boolean {
  return status === 0 || status === 429 || status >= 500;
}

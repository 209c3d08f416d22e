import { CloseCode } from "../../protocol/close-codes.ts";

/** What a viewer that will not dial again by itself offers as the right thing to do. */
export type EndAction = "sign-in" | "overview" | "open-again" | "dial-again" | "new-link";

const LOST = "The connection was lost.";

/** For a close without a reason of its own; normally the edge or the agent gives one. */
const DEFAULT_REASONS: ReadonlyMap<number, string> = new Map([
  [CloseCode.malformed, "The edge did not understand this viewer."],
  [CloseCode.unauthorized, "You are not signed in."],
  [CloseCode.forbidden, "You may not watch this desktop."],
  [CloseCode.notFound, "There is no such session."],
  [CloseCode.agentTimeout, "The host did not answer."],
  [CloseCode.superseded, "This desktop was opened in another place."],
  [CloseCode.ended, "This session has ended."],
  [CloseCode.tooMany, "Too many people are watching this desktop."],
  [CloseCode.serverRefused, "The VNC server refused the connection."],
  [CloseCode.hostOffline, "The host is offline."],
  [CloseCode.serverTimeout, "The VNC server did not answer."],
]);

/** One sentence for a person. A browser gives 1005 and 1006 no reason: nobody said one. */
export function closeSentence(code: number, reason: string): string {
  return reason.trim() || DEFAULT_REASONS.get(code) || LOST;
}

export function actionAfterClose(code: number): EndAction {
  switch (code) {
    case CloseCode.unauthorized:
      return "sign-in";
    case CloseCode.forbidden:
    case CloseCode.notFound:
      return "overview";
    case CloseCode.ended:
      return "open-again";
    default:
      return "dial-again";
  }
}

/**
 * What is left of an action for a guest, who came by a share link: neither the overview nor a new
 * session is theirs. null where nothing is.
 */
export function actionForGuest(action: EndAction): EndAction | null {
  switch (action) {
    case "sign-in":
    case "new-link":
      return "new-link";
    case "dial-again":
      return "dial-again";
    case "overview":
    case "open-again":
      return null;
  }
}

/**
 * What a refused ticket means for the viewer; null when asking again can help.
 * @param code the problem's
 */
export function actionAfterTicketRefusal(status: number, code: string | null): EndAction | null {
  if (code === "link_over") return "new-link";
  // 0: no answer came at all.
  if (status === 0 || status === 429 || status >= 500) return null;
  switch (status) {
    case 401:
      return "sign-in";
    case 403:
    case 404:
      return "overview";
    case 410:
      return "open-again";
    default:
      return "dial-again";
  }
}

/** The longest that an agent leaves a VNC server alone after failed logins. */
const LONGEST_TOLD_WAIT_MS = 60 * 60_000;

/**
 * How long to wait, where the reason of {@link CloseCode.tooMany} says it: "… try again in 30 s." A
 * close frame has no other place for it. null if it does not say, and dialling is free.
 */
export function toldWaitMs(code: number, reason: string): number | null {
  const told = /\btry again in (\d{1,4}) (s|min)\b/.exec(reason);
  if (code !== CloseCode.tooMany || !told) return null;
  const ms = Number(told[1]) * (told[2] === "s" ? 1_000 : 60_000);
  return Math.min(ms, LONGEST_TOLD_WAIT_MS);
}

import type { Session, ShareLink } from "../../protocol/api.ts";
import type { ControlMode, Role } from "../../protocol/link.ts";

const HOUR_S = 60 * 60;

export type Choice<Value = number | null> = { label: string; value: Value };

/**
 * What a link lets people do. The first is chosen before anybody chooses: a link travels further
 * than it was meant to, and who was let in to watch by mistake breaks nothing.
 */
export const ROLES: readonly Choice<Role>[] = [
  { label: "Can watch", value: "view" },
  { label: "Can control", value: "control" },
];

/** What whoever opens a link can do, in a sentence. */
export function roleSentence(role: Role, control: ControlMode): string {
  if (role === "view") {
    return "Whoever opens the link sees this desktop. What they type and click does not reach it.";
  }
  return control === "shared"
    ? "Whoever opens the link sees this desktop, and types and clicks on it."
    : "Whoever opens the link sees this desktop, and may type and click on it when it is their turn.";
}

/** How long a link lets people in, in seconds. */
export const LIVES: readonly Choice[] = [
  { label: "1 hour", value: HOUR_S },
  { label: "1 day", value: 24 * HOUR_S },
  { label: "1 week", value: 7 * 24 * HOUR_S },
];

/** How many browsers it lets in; null for any number. */
export const USES: readonly Choice[] = [
  { label: "1", value: 1 },
  { label: "5", value: 5 },
  { label: "20", value: 20 },
  { label: "Any number", value: null },
];

/** How often a link was used, as a person would say it. */
export function usesSentence({ uses, max_uses }: Pick<ShareLink, "uses" | "max_uses">): string {
  if (max_uses !== null) return `used ${uses} of ${max_uses}`;
  if (uses === 0) return "not used yet";
  return uses === 1 ? "used once" : `used ${uses} times`;
}

/** When a link lets nobody in any more: its session may end first. RFC 3339. */
export function endOfLink(link: Pick<ShareLink, "expires_at">, session: Session): string {
  const [byLink, bySession] = [link.expires_at, session.expires_at];
  return Date.parse(byLink) < Date.parse(bySession) ? byLink : bySession;
}

/** Whether the session ends before a link made now would. */
export function sessionEndsFirst(session: Session, ttlSeconds: number, nowMs: number): boolean {
  return Date.parse(session.expires_at) < nowMs + ttlSeconds * 1000;
}

import { DEFAULT_SESSION_TTL_S, MAX_SESSION_TTL_S } from "../protocol/limits.ts";
import type { Env } from "./env.ts";

/** The settings that are numbers: what each may be, in words and as a test. */
const NUMBERS = {
  AUDIT_DAYS: { what: "a number of days above 0", isGood: (days) => days > 0 },
  SESSION_PURGE_DAYS: { what: "a number of days above 0", isGood: (days) => days > 0 },
  SESSION_IDLE_SECONDS: { what: "a number of seconds, 0 for never", isGood: (s) => s >= 0 },
  SESSION_TTL_SECONDS: lifetime(),
  SESSION_MAX_TTL_SECONDS: lifetime(),
  JOB_HOST_AWAY_SECONDS: { what: "a number of seconds above 0", isGood: (s) => s > 0 },
} satisfies Partial<Record<keyof Env, { what: string; isGood(value: number): boolean }>>;

function lifetime() {
  return {
    what: `whole seconds from 1 to ${MAX_SESSION_TTL_S}`,
    isGood: (s: number) => Number.isInteger(s) && s >= 1 && s <= MAX_SESSION_TTL_S,
  };
}

/**
 * What is wrong with the settings, for the operator: a number that is none would else be taken for
 * one that is not set, and nobody would notice.
 * @returns a sentence, or null if all are right
 */
export function wrongSetting(env: Env): string | null {
  for (const [name, { what, isGood }] of Object.entries(NUMBERS)) {
    const text = env[name as keyof typeof NUMBERS]?.trim();
    if (text && !isGood(Number(text))) return `${name} must be ${what}; mend that setting.`;
  }
  return null;
}

/** How long a session lasts, in seconds: if nobody says, and at most. */
export function sessionLife(env: Env): { usual: number; longest: number } {
  const longest = Number(env.SESSION_MAX_TTL_SECONDS) || MAX_SESSION_TTL_S;
  const usual = Number(env.SESSION_TTL_SECONDS) || DEFAULT_SESSION_TTL_S;
  return { usual: Math.min(usual, longest), longest };
}

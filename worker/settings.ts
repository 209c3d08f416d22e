import { DEFAULT_SESSION_TTL_S, MAX_SESSION_TTL_S } from "../protocol/limits.ts";

/**
 * The settings of the Worker that its operator gives: as variables and secrets of wrangler, or to
 * `npm start` in its environment. One that is not here does not exist for either.
 */
export const SETTINGS = [
  /**
   * Other origins whose pages may call, and show our pages in a frame, separated by commas or
   * spaces: `https://panel.example`.
   */
  "ALLOWED_ORIGINS",
  /** Cloudflare Access: `<team>.cloudflareaccess.com`, and the application's audience tag. */
  "ACCESS_TEAM_DOMAIN",
  "ACCESS_AUD",
  /**
   * The role of each person that Access lets through, as JSON: an e-mail address, `@domain`, a
   * group's name or `*`, to `viewer`, `operator` or `admin`. The highest that fits counts.
   */
  "ACCESS_ROLES",
  /** VirtFusion's address, and a token of its API (a secret). */
  "VIRTFUSION_URL",
  "VIRTFUSION_TOKEN",
  /** How it is told to switch VNC: `action` (if not given) or `vnc`. */
  "VIRTFUSION_VNC_BODY",
  /** For how many days the audit is kept; 90 if not given. */
  "AUDIT_DAYS",
  /** For how many days an ended session is kept; 30 if not given. */
  "SESSION_PURGE_DAYS",
  /** How long a session lasts that names no time itself, in seconds; 8 hours if not given. */
  "SESSION_TTL_SECONDS",
  /** The longest time that a session may name, in seconds; 30 days if not given, and at most. */
  "SESSION_MAX_TTL_SECONDS",
  /** So many seconds after its last viewer left a session ends that names no time itself. */
  "SESSION_IDLE_SECONDS",
  /** A host that is away for so many seconds has lost its jobs; 60 if not given. */
  "JOB_HOST_AWAY_SECONDS",
  /** How much longer than a host itself the edge waits for a desktop to start; 60 if not given. */
  "JOB_START_GRACE_SECONDS",
  /** A member of a chat who pinged and is silent for so many seconds is gone; 180 if not given. */
  "CHAT_SILENCE_SECONDS",
] as const;

export type Settings = { [Name in (typeof SETTINGS)[number]]?: string };

/** @returns those that an environment holds, without what is empty */
export function settingsIn(environment: Record<string, string | undefined>): Settings {
  const given = SETTINGS.map((name) => [name, environment[name]] as const);
  return Object.fromEntries(given.filter(([, value]) => value));
}

/** The settings that are numbers: what each may be, in words and as a test. */
const NUMBERS = {
  AUDIT_DAYS: { what: "a number of days above 0", isGood: (days) => days > 0 },
  SESSION_PURGE_DAYS: { what: "a number of days above 0", isGood: (days) => days > 0 },
  SESSION_IDLE_SECONDS: { what: "a number of seconds, 0 for never", isGood: (s) => s >= 0 },
  SESSION_TTL_SECONDS: lifetime(),
  SESSION_MAX_TTL_SECONDS: lifetime(),
  JOB_HOST_AWAY_SECONDS: seconds(),
  JOB_START_GRACE_SECONDS: seconds(),
  CHAT_SILENCE_SECONDS: seconds(),
} satisfies Partial<Record<keyof Settings, { what: string; isGood(value: number): boolean }>>;

function seconds() {
  return { what: "a number of seconds above 0", isGood: (s: number) => s > 0 };
}

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
export function wrongSetting(settings: Settings): string | null {
  for (const [name, { what, isGood }] of Object.entries(NUMBERS)) {
    const text = settings[name as keyof typeof NUMBERS]?.trim();
    const value = Number(text);
    if (text && !(Number.isFinite(value) && isGood(value))) {
      return `${name} must be ${what}; mend that setting.`;
    }
  }
  return null;
}

/** How long a session lasts, in seconds: if nobody says, and at most. */
export function sessionLife(settings: Settings): { usual: number; longest: number } {
  const longest = Number(settings.SESSION_MAX_TTL_SECONDS) || MAX_SESSION_TTL_S;
  const usual = Number(settings.SESSION_TTL_SECONDS) || DEFAULT_SESSION_TTL_S;
  return { usual: Math.min(usual, longest), longest };
}

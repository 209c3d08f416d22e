/**
 * The settings of the Worker that its operator gives: as variables and secrets of wrangler, or to
 * `npm start` in its environment. One that is not here does not exist for either.
 */
export const SETTINGS = [
  /** Other origins that may call and embed, separated by commas or spaces: `https://panel.example`. */
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

import type { Host } from "../../protocol/api.ts";
import { DEFAULT_PROFILE } from "../../protocol/limits.ts";

type Offers = {
  /** Those that jobs can run as, the usual one first. */
  profiles: string[];
  /** The hosts that offer the one that is chosen. */
  offering: Host[];
  /** What somebody who chooses it should know, as a sentence. */
  hint: string | null;
};

/** What hosts let jobs have. @param profile the one that is chosen */
export function offersOf(hosts: readonly Host[], profile: string): Offers {
  const others = new Set(hosts.flatMap((host) => host.profiles));
  others.delete(DEFAULT_PROFILE);
  const offering = hosts.filter(({ profiles }) => profiles.includes(profile));
  return {
    profiles: [DEFAULT_PROFILE, ...[...others].sort()],
    offering,
    hint: hintOf(offering, profile),
  };
}

function hintOf(offering: readonly Host[], profile: string): string | null {
  if (offering.length === 0) {
    return `No host lets jobs run as “${profile}”: they would wait until the owner of one allows it in its agent's configuration.`;
  }
  if (!offering.some(({ online }) => online)) {
    return "The hosts that allow it are offline: jobs wait until one is back.";
  }
  return null;
}

/** What a host lets jobs have, in a few words; null if nothing. */
export function offerOf({ profiles, max_desktops }: Host): string | null {
  if (profiles.length === 0) return null;
  return `takes jobs: ${profiles.join(", ")}, ${max_desktops} at once`;
}

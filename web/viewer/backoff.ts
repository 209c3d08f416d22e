/** Full jitter: many pages that lost the same edge at once must not come back at once. */
const FLOOR_MS = 1_000;
const FIRST_CEILING_MS = 2_000;
const LAST_CEILING_MS = 10_000;

/** Nobody waits for a picture in a hidden tab, and showing the tab dials at once. */
const HIDDEN_FLOOR_MS = 60_000;

/**
 * How long to wait before dialling again.
 * @param failures how many dials in a row have failed, 0 for the first
 * @param random a number in [0, 1)
 */
export function backoffMs(failures: number, random: number, hidden: boolean): number {
  // Past the last ceiling a larger exponent changes nothing, and would end at Infinity.
  const ceiling = Math.min(LAST_CEILING_MS, FIRST_CEILING_MS * 2 ** Math.min(failures, 10));
  const wait = FLOOR_MS + random * (ceiling - FLOOR_MS);
  return hidden ? Math.max(HIDDEN_FLOOR_MS, wait) : wait;
}

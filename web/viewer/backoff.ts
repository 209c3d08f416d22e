/** Full jitter: many pages that lost the same edge at once must not come back at once. */
const FLOOR_MS = 1_000;
const FIRST_CEILING_MS = 2_000;
const LAST_CEILING_MS = 10_000;

/**
 * Nobody waits for a picture in a hidden tab, and showing the tab dials at once. These do not grow:
 * the first wait is long already. Most tabs are hidden, so it is theirs that chance has to spread.
 */
const HIDDEN_FLOOR_MS = 30_000;
const HIDDEN_CEILING_MS = 90_000;

/**
 * How long to wait before dialling again.
 * @param failures how many dials in a row have failed, 0 for the first
 * @param random a number in [0, 1)
 */
export function backoffMs(failures: number, random: number, hidden: boolean): number {
  if (hidden) return between(HIDDEN_FLOOR_MS, HIDDEN_CEILING_MS, random);
  // Past the last ceiling a larger exponent changes nothing, and would end at Infinity.
  const ceiling = Math.min(LAST_CEILING_MS, FIRST_CEILING_MS * 2 ** Math.min(failures, 10));
  return between(FLOOR_MS, ceiling, random);
}

function between(floor: number, ceiling: number, random: number): number {
  return floor + random * (ceiling - floor);
}

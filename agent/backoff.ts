/** The first wait, in milliseconds, at most. */
const BASE_MS = 500;

/** No wait is longer: a host is back soon after its network is. */
const CAP_MS = 30_000;

/**
 * How long to wait before the next attempt: full jitter over a doubling range, so that a thousand
 * agents whose edge restarted do not come back in the same moment.
 * @param attempt 0 for the first retry
 */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 16));
}

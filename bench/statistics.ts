/** The middle of some numbers. @throws {RangeError} of none */
export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

/**
 * The value below which a share of some numbers lies, between two of them by their distance.
 * @param share from 0 to 1
 * @throws {RangeError} of no numbers
 */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) throw new RangeError("There are no numbers.");
  return below + (above - below) * (place - Math.floor(place));
}

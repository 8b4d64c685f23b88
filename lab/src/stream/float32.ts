/** The numbers of a law, rounded to binary32. */

export const LARGEST_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;
const SMALLEST_NORMAL = 2 ** -126;

/** Return a number in binary32: beyond its range the largest, below its normal range 0, which has no sign. */
export function rounded(number: number): number {
  if (Math.abs(number) < SMALLEST_NORMAL) return 0;
  return Math.fround(Math.min(Math.max(number, -LARGEST_FLOAT32), LARGEST_FLOAT32));
}

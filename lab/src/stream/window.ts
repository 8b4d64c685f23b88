/** The four constants of a truncated normal law, in integers of 512 binary places: every browser gets the same bits. */

import { rounded } from "./float32";

const PLACES = 512n;
const UNIT = 1n << PLACES;

/** The decimal places of √(2/π). */
const DIGITS =
  "7978845608028653558798921198687637369517172623298693153318516593413158517986036770025046678146138728" +
  "6060511772527036537102198390911";
const ROOT_TWO_OVER_PI = (BigInt(DIGITS) << PLACES) / 10n ** BigInt(DIGITS.length);

/** Cuts beyond count as infinite. */
const NEGLIGIBLE_CUT = 12;

/** What the cuts leave of the probability; `docs/stream.md` names the four. */
export interface ProbabilityWindow {
  readonly middle: number;
  readonly half: number;
  readonly upper: number;
  readonly lower: number;
}

/** Return (v_lo + v_hi)/2, (v_hi − v_lo)/2, 1 − v_hi and 1 + v_lo in binary32, where v = erf(cut/√2). */
export function probabilityWindow(alpha: number, beta: number): ProbabilityWindow {
  const low = erfOfCut(alpha);
  const high = erfOfCut(beta);
  return {
    middle: float32Of((low + high) / 2n),
    half: float32Of((high - low) / 2n),
    upper: float32Of(UNIT - high),
    lower: float32Of(UNIT + low),
  };
}

/** Return erf(cut/√2) = √(2/π) Σ (−½)ⁿ cut²ⁿ⁺¹/(n! (2n + 1)), in binary places. */
function erfOfCut(cut: number): bigint {
  if (cut < 0) return -erfOfCut(-cut);
  if (cut > NEGLIGIBLE_CUT) return UNIT;
  const x = BigInt(Math.trunc(cut * 2 ** Number(PLACES)));
  const square = (x * x) >> PLACES;
  let power = x;
  let total = 0n;
  let n = 0n;
  while (power !== 0n) {
    total += power / (2n * n + 1n);
    n += 1n;
    power = -((power * square) >> PLACES) / (2n * n);
  }
  return (total * ROOT_TWO_OVER_PI) >> PLACES;
}

/** Return a number of binary places in binary32, by way of binary64 as Python rounds. */
function float32Of(places: bigint): number {
  return rounded(Number(places) / 2 ** Number(PLACES));
}

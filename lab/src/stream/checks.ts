/** What binary32 cannot follow is refused, as in Python. */

import { LARGEST_FLOAT32 } from "./float32";
import { cutsOf, type Law, type TruncatedNormal } from "./laws";

const SMALLEST_SCALE = 2 ** -64;
const LARGEST_SCALE = 2 ** 64;
const MOST_EXTREME_CUT = 6;

/** How near to each other two cuts on one side may be, by their distance from the center. */
const FINEST_CUT = 2 ** -10;

/** How near to each other the bounds may be, by their magnitude or that of the center. */
const FINEST_STEP = 2 ** -15;

/** Above |z| of the last word, and of the last word of a law cut at 6 sigma. */
const FARTHEST_NORMAL = 6.5;
const FARTHEST_TRUNCATED = 9.1;

/** Throw unless elements are a run of indices that numbers of JavaScript can count. */
export function checkRun(count: number, offset: number): void {
  for (const [name, value] of Object.entries({ count, offset })) {
    ensure(Number.isSafeInteger(value) && value >= 0, `${name} must be a whole number from 0 upwards, got ${value}`);
  }
  ensure(
    Number.isSafeInteger(offset + count),
    `offset + count must be below 2**53, got offset=${offset}, count=${count}`,
  );
}

/** Throw unless the numbers of a law are such that binary32 can draw from it. */
export function checkLaw(law: Law): void {
  for (const [name, value] of Object.entries(law)) {
    ensure(name === "law" || Number.isFinite(value), `${law.law}: ${name} must be a finite number, got ${value}`);
  }
  switch (law.law) {
    case "constant":
      return checkReach(law, Math.abs(law.value));
    case "uniform":
      return checkBounds(law, law.low, law.high);
    case "normal":
      return checkNormal(law, law.mean, "std", law.std);
    case "sparse_normal":
      ensure(
        law.density >= 0 && law.density <= 1,
        `sparse_normal: density must lie between 0 and 1, got ${law.density}`,
      );
      return checkNormal(law, law.center, "sigma", law.sigma);
    case "truncated_normal":
      return checkTruncated(law);
    default:
      throw new RangeError(`the stream has no law ${JSON.stringify((law as Law).law)} here`);
  }
}

function checkBounds(law: Law, low: number, high: number): void {
  checkOrder(law, low, high);
  checkScale(law, "half of high - low", (high - low) / 2);
  const isInside = Math.max(Math.abs(low), Math.abs(high)) <= LARGEST_SCALE;
  ensure(isInside, `${law.law}: bounds must lie within ±2^64, got [${low}, ${high}]`);
}

function checkNormal(law: Law, mean: number, name: string, scale: number): void {
  checkScale(law, name, scale);
  checkReach(law, Math.abs(mean) + FARTHEST_NORMAL * scale);
}

function checkTruncated(law: TruncatedNormal): void {
  const { center, sigma, low, high } = law;
  checkScale(law, "sigma", sigma);
  checkOrder(law, low, high);
  const [alpha, beta] = cutsOf(law);
  const width = beta - alpha;
  const far = Math.max(alpha, -beta, 0);
  const size = Math.max(Math.abs(low), Math.abs(high), Math.abs(center));
  ensure(
    Math.min(high - low, width) >= SMALLEST_SCALE,
    `${law.law}: high - low must be at least 2^-64, and 2^-64 sigma, got ${high - low}, which is ${width} sigma`,
  );
  ensure(
    far <= MOST_EXTREME_CUT,
    `${law.law}: [${low}, ${high}] lies more than ${MOST_EXTREME_CUT} sigma from the center ${center}`,
  );
  ensure(
    width >= FINEST_CUT * far,
    `${law.law}: cuts ${far} sigma from the center must be at least ${FINEST_CUT * far} sigma apart, got ${width}`,
  );
  ensure(
    high - low >= FINEST_STEP * size,
    `${law.law}: high - low must be at least 2^-15 of the largest of |low|, |high| and |center|, got ${high - low}`,
  );
  checkReach(law, Math.min(Math.max(Math.abs(low), Math.abs(high)), Math.abs(center) + FARTHEST_TRUNCATED * sigma));
}

function checkOrder(law: Law, low: number, high: number): void {
  ensure(low < high, `${law.law}: low must be below high, got low=${low}, high=${high}`);
}

function checkScale(law: Law, name: string, scale: number): void {
  const isInside = scale >= SMALLEST_SCALE && scale <= LARGEST_SCALE;
  ensure(
    isInside,
    `${law.law}: ${name} must lie between 2^-64 and 2^64, got ${scale}; for all-equal values use constant`,
  );
}

function checkReach(law: Law, reach: number): void {
  ensure(
    reach <= LARGEST_FLOAT32,
    `${law.law} reaches ${reach}, but float32 holds at most ${LARGEST_FLOAT32}; choose a smaller scale`,
  );
}

function ensure(holds: boolean, message: string): void {
  if (!holds) throw new RangeError(message);
}

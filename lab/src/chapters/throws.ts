/** Where the darts fall, and what each of them trains. */

import { DARTS_NET, DARTS_PLAN } from "../net/defaults";
import type { Run } from "../net/types";
import { shapeOf } from "../page/shape";
import { fill, keyOf } from "../stream";

export const COUNT = 50;
export const LOW = 0.001;
export const HIGH = 10;

/** From this share of digits recognised on, a net is said to have learned. */
export const LEARNED = 0.5;

/** Return spreads that fall evenly on the scale of the powers of ten; each round has its own. */
export function spreads(round: number): number[] {
  const places = fill(keyOf(round, "darts"), { law: "uniform", low: Math.log(LOW), high: Math.log(HIGH) }, COUNT);
  return [...places].map(Math.exp);
}

export function runOf(sigma: number): Run {
  return { shape: shapeOf(DARTS_NET), start: { rule: "sigma", sigma, seed: 0 }, ...DARTS_PLAN };
}

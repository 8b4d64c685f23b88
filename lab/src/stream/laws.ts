/** The laws that promise their bits, as `Distribution.to_json` of Python writes them. */

export interface Constant {
  readonly law: "constant";
  readonly value: number;
}

export interface Uniform {
  readonly law: "uniform";
  readonly low: number;
  readonly high: number;
}

export interface Normal {
  readonly law: "normal";
  readonly mean: number;
  readonly std: number;
}

/** A normal law of `center` and `sigma`, cut to [low, high]. */
export interface TruncatedNormal {
  readonly law: "truncated_normal";
  readonly center: number;
  readonly sigma: number;
  readonly low: number;
  readonly high: number;
}

/** A normal law of `center` and `sigma` with the probability `density`, element by element, and 0 otherwise. */
export interface SparseNormal {
  readonly law: "sparse_normal";
  readonly center: number;
  readonly sigma: number;
  readonly density: number;
}

export type Law = Constant | Uniform | Normal | TruncatedNormal | SparseNormal;

/** Return the two cuts of a truncated normal law in units of sigma, counted from the center. */
export function cutsOf({ center, sigma, low, high }: TruncatedNormal): [number, number] {
  return [(low - center) / sigma, (high - center) / sigma];
}

/** What Python knows and the page only looks up: `lab/data/facts.json`, which `lab/data/lab_facts.py` writes. */

import type { Law } from "../stream";
import type { Activation, Rule } from "../net/types";

/** gain · Q, where Q is a Haar-distributed matrix with orthonormal rows or columns. */
export interface Orthogonal {
  readonly law: "orthogonal";
  readonly gain: number;
}

/** The law of one weight matrix, as `Distribution.to_json` of Python writes it. */
export type WeightLaw = Law | Orthogonal;

/** An interval that is open where an end is null. */
export type Zone = readonly [low: number | null, high: number | null];

/** An activation under z ~ N(0, 1), and where it is flat. */
export interface ActivationFacts {
  /** 1/√E φ². */
  readonly gain: number;
  /** E φ. */
  readonly mean: number;
  /** E φ². */
  readonly second_moment: number;
  /** E φ′². */
  readonly derivative_second_moment: number;
  /** φ′(0). */
  readonly slope_at_zero: number;
  /** The largest |φ′|. */
  readonly steepest: number;
  /** The σ·√fan_in at which signal and gradient reach deepest (χ₁ = 1); null where there is none. */
  readonly critical_scale: number | null;
  /** Where |φ′| is below 5 % of the steepest: the zones of the sums, and the values that φ takes there. */
  readonly flat_sums: readonly Zone[];
  readonly flat_values: readonly Zone[];
}

/** What feeds a layer after the first: an activation, a sum of branches, or a norm. */
export type Source = Activation | "sum" | "norm";

/** The rules whose laws are looked up; those of "zero", "equal" and "sigma" say themselves what they draw. */
export type PlannedRule = Exclude<Rule, "zero" | "equal" | "sigma">;

/** Indices into `laws`: of the layer inputs → width, of a hidden one, and of the last one. */
export type Places = readonly [first: number, hidden: number, last: number];

/** The whole of facts.json. */
export interface Facts {
  readonly inputs: number;
  readonly outputs: number;
  readonly widths: readonly number[];
  readonly activations: Readonly<Record<Activation, ActivationFacts>>;
  readonly laws: readonly WeightLaw[];
  /** By rule, by what feeds the layers ("any" where the rule does not ask), one entry for each width. */
  readonly rules: Readonly<Record<PlannedRule, Readonly<Partial<Record<Source | "any", readonly Places[]>>>>>;
  /** By how much `auto` scales the law of a kernel that ends one of n residual branches, from n = 0 on. */
  readonly branch_shares: readonly number[];
}

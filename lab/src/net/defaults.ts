/** Nets and plans that show on the digits, within seconds, what a start does. */

import type { Run, Shape } from "./types";

type Plan = Pick<Run, "rate" | "batch" | "epochs">;
type Size = Pick<Shape, "width" | "depth">;

/** The net of the first screen: deep enough that a wrong scale is lost on the way. */
export const DEEP_TANH: Size = { width: 128, depth: 10 };

/** Of the deep net σ = 0.02 ends with 8 % of the test digits, Xavier with 98 %, σ = 0.3 with 80 % and σ = 0.5 with 12 %. */
export const RACE_PLAN: Plan = { rate: 0.05, batch: 32, epochs: 4 };

/** Fifty blind σ: those from about 0.11 to 0.9 end with more than half of the test digits. */
export const DARTS_NET: Size = { width: 32, depth: 5 };
export const DARTS_PLAN: Plan = { rate: 0.1, batch: 32, epochs: 3 };

/** Any net that the reader builds: deep nets of ReLU or with norms need smaller steps than tanh. */
export const BENCH_PLAN: Plan = { rate: 0.01, batch: 32, epochs: 3 };

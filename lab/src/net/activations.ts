/** The activations, each as two loops: V8 keeps a loop that calls a function by name fast, not one by table. */

import type { Activation } from "./types";

interface Loops {
  /** Write φ(z). */
  readonly values: (sums: Float32Array, out: Float32Array) => void;
  /** Multiply a gradient by φ′(z), given z and φ(z). */
  readonly slopes: (sums: Float32Array, values: Float32Array, gradient: Float32Array) => void;
}

const LEAK = 0.01;
const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

const LOOPS: Readonly<Record<Activation, Loops>> = {
  identity: { values: (z, out) => out.set(z), slopes: () => {} },
  tanh: {
    values: (z, out) => { for (let i = 0; i < z.length; i++) out[i] = tanh(z[i]); },
    slopes: (z, y, g) => { for (let i = 0; i < z.length; i++) g[i] *= 1 - y[i] * y[i]; },
  },
  sigmoid: {
    values: (z, out) => { for (let i = 0; i < z.length; i++) out[i] = 1 / (1 + Math.exp(-z[i])); },
    slopes: (z, y, g) => { for (let i = 0; i < z.length; i++) g[i] *= y[i] * (1 - y[i]); },
  },
  relu: {
    values: (z, out) => { for (let i = 0; i < z.length; i++) out[i] = z[i] < 0 ? 0 : z[i]; },
    slopes: (z, _, g) => { for (let i = 0; i < z.length; i++) if (z[i] <= 0) g[i] = 0; },
  },
  leaky_relu: {
    values: (z, out) => { for (let i = 0; i < z.length; i++) out[i] = z[i] > 0 ? z[i] : LEAK * z[i]; },
    slopes: (z, _, g) => { for (let i = 0; i < z.length; i++) if (z[i] <= 0) g[i] *= LEAK; },
  },
  elu: {
    values: (z, out) => { for (let i = 0; i < z.length; i++) out[i] = z[i] > 0 ? z[i] : Math.expm1(z[i]); },
    slopes: (z, y, g) => { for (let i = 0; i < z.length; i++) if (z[i] <= 0) g[i] *= y[i] + 1; },
  },
  selu: {
    values: (z, out) => {
      for (let i = 0; i < z.length; i++) out[i] = SELU_SCALE * (z[i] > 0 ? z[i] : SELU_ALPHA * Math.expm1(z[i]));
    },
    slopes: (z, y, g) => {
      for (let i = 0; i < z.length; i++) g[i] *= z[i] > 0 ? SELU_SCALE : y[i] + SELU_SCALE * SELU_ALPHA;
    },
  },
  softsign: {
    values: (z, out) => { for (let i = 0; i < z.length; i++) out[i] = z[i] / (1 + Math.abs(z[i])); },
    slopes: (z, _, g) => { for (let i = 0; i < z.length; i++) g[i] /= (1 + Math.abs(z[i])) ** 2; },
  },
  gelu: {
    values: (z, out) => { for (let i = 0; i < z.length; i++) out[i] = z[i] * below(z[i]); },
    slopes: (z, _, g) => { for (let i = 0; i < z.length; i++) g[i] *= below(z[i]) + z[i] * density(z[i]); },
  },
};

/** The activations that a net of the lab can have. */
export const ACTIVATIONS = Object.keys(LOOPS) as readonly Activation[];

/** Write φ of sums. */
export function activate(activation: Activation, sums: Float32Array, out: Float32Array): void {
  LOOPS[activation].values(sums, out);
}

/** Multiply a gradient by the slopes φ′ at sums, whose φ are known. */
export function applySlopes(
  activation: Activation, sums: Float32Array, values: Float32Array, gradient: Float32Array,
): void {
  LOOPS[activation].slopes(sums, values, gradient);
}

/** Return tanh z to 1e-9, relative; a third of the time of Math.tanh. */
function tanh(z: number): number {
  const square = z * z;
  if (square < 1e-3) return z * (1 - square * (1 / 3 - square * (2 / 15 - square * (17 / 315))));
  return 1 - 2 / (Math.exp(2 * z) + 1);
}

/** Return Φ(z) to 1e-7: formula 7.1.26 of Abramowitz and Stegun. */
function below(z: number): number {
  const t = 1 / (1 + (0.3275911 * Math.abs(z)) / Math.SQRT2);
  const tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const half = 0.5 * tail * Math.exp(-0.5 * z * z);
  return z < 0 ? half : 1 - half;
}

/** Return the density of the standard normal law. */
function density(z: number): number {
  return 0.3989422804014327 * Math.exp(-0.5 * z * z);
}

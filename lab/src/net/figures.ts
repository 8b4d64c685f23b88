/** What one sees of a layer. */

import type { ActivationFacts } from "../data/facts";
import type { Layer } from "./types";

/** Mean and standard deviation, pooled over units and examples. */
export interface Spread {
  readonly mean: number;
  readonly std: number;
}

/** Return mean and standard deviation of values; NaN where one of them is. */
export function spreadOf(values: Float32Array): Spread {
  const shift = values[0]; // one of the values: no farther from the mean than √n standard deviations
  let sum = 0;
  let square = 0;
  for (let i = 0; i < values.length; i++) {
    const distance = values[i] - shift;
    sum += distance;
    square += distance * distance;
  }
  const mean = sum / values.length;
  return { mean: shift + mean, std: Math.sqrt(Math.max(0, square / values.length - mean * mean)) };
}

/** Return the shares of values in equal bins from low to high; the end bins take what lies outside, none takes NaN. */
export function histogramOf(values: Float32Array, low: number, high: number, bins: number): Float32Array {
  const counts = new Int32Array(bins + 1); // the last one counts NaN
  const scale = bins / (high - low);
  for (let i = 0; i < values.length; i++) {
    const place = (values[i] - low) * scale;
    counts[place >= 0 ? (place < bins ? place | 0 : bins - 1) : place < 0 ? 0 : bins]++;
  }
  return Float32Array.from(counts.subarray(0, bins), (count) => count / values.length);
}

/** Return the share of sums in the flat zones of the activation: there |φ′| is below 5 % of its steepest. */
export function saturatedShare(layer: Layer, { flat_sums: zones }: ActivationFacts): number {
  let flat = 0;
  for (const [low, high] of zones) {
    const from = low ?? -Infinity;
    const to = high ?? Infinity;
    for (let i = 0; i < layer.sums.length; i++) if (layer.sums[i] >= from && layer.sums[i] <= to) flat++;
  }
  return flat / layer.sums.length;
}

/** Return the share of units that are in a flat zone for every example: no example can teach them. */
export function deadShare(layer: Layer, { flat_sums: zones }: ActivationFacts): number {
  const { sums, fanOut } = layer;
  const isFlat = (sum: number) => zones.some(([low, high]) => sum >= (low ?? -Infinity) && sum <= (high ?? Infinity));
  let dead = 0;
  for (let unit = 0; unit < fanOut; unit++) {
    let at = unit;
    while (at < sums.length && isFlat(sums[at])) at += fanOut;
    if (at >= sums.length) dead++;
  }
  return dead / fanOut;
}

/** Return how many units of a layer differ: two with the same weights and the same bias are one. */
export function differentUnits(layer: Layer): number {
  const { weight, bias, fanIn, fanOut } = layer;
  const bits = new Uint32Array(weight.buffer, weight.byteOffset, weight.length);
  const seen = new Set<string>();
  for (let unit = 0; unit < fanOut; unit++) {
    seen.add(`${bias[unit]},${bits.subarray(unit * fanIn, (unit + 1) * fanIn).join()}`);
  }
  return seen.size;
}

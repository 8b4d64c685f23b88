/** What is refused, and in which words. */

import { expect, it } from "vitest";
import { fill, keyOf, type Law } from "../../src/stream";

const KEY = keyOf(0, "w");
const cut = (center: number, sigma: number, low: number, high: number): Law => {
  return { law: "truncated_normal", center, sigma, low, high };
};

it.each<[Law, string]>([
  [{ law: "constant", value: NaN }, "constant: value must be a finite number, got NaN"],
  [
    { law: "constant", value: 1e39 },
    "constant reaches 1e+39, but float32 holds at most 3.4028234663852886e+38; choose a smaller scale",
  ],
  [{ law: "uniform", low: 1, high: 1 }, "uniform: low must be below high, got low=1, high=1"],
  [
    { law: "uniform", low: 0, high: 2 ** -64 },
    "uniform: half of high - low must lie between 2^-64 and 2^64, got 2.710505431213761e-20; " +
      "for all-equal values use constant",
  ],
  [
    { law: "uniform", low: 0, high: 2 ** 65 },
    "uniform: bounds must lie within ±2^64, got [0, 36893488147419103000]",
  ],
  [
    { law: "normal", mean: 0, std: 0 },
    "normal: std must lie between 2^-64 and 2^64, got 0; for all-equal values use constant",
  ],
  [
    { law: "normal", mean: 3.5e38, std: 1 },
    "normal reaches 3.5e+38, but float32 holds at most 3.4028234663852886e+38; choose a smaller scale",
  ],
  [
    { law: "sparse_normal", center: 0, sigma: 1, density: 1.5 },
    "sparse_normal: density must lie between 0 and 1, got 1.5",
  ],
  [
    { law: "sparse_normal", center: 0, sigma: -1, density: 1 },
    "sparse_normal: sigma must lie between 2^-64 and 2^64, got -1; for all-equal values use constant",
  ],
  [
    cut(0, -1, -2, 2),
    "truncated_normal: sigma must lie between 2^-64 and 2^64, got -1; for all-equal values use constant",
  ],
  [cut(0, 1, 2, -2), "truncated_normal: low must be below high, got low=2, high=-2"],
  [
    cut(0, 2 ** 64, 0, 0.5),
    "truncated_normal: high - low must be at least 2^-64, and 2^-64 sigma, got 0.5, " +
      "which is 2.710505431213761e-20 sigma",
  ],
  [cut(0, 1, 7, 9), "truncated_normal: [7, 9] lies more than 6 sigma from the center 0"],
  [
    cut(0, 1, 4, 4 + 2 ** -10),
    "truncated_normal: cuts 4 sigma from the center must be at least 0.00390625 sigma apart, got 0.0009765625",
  ],
  [
    cut(1, 1, 1, 1 + 2 ** -16),
    "truncated_normal: high - low must be at least 2^-15 of the largest of |low|, |high| and |center|, " +
      "got 0.0000152587890625",
  ],
  [
    cut(3.5e38, 2 ** 64, 1, 1e39),
    "truncated_normal reaches 3.5e+38, but float32 holds at most 3.4028234663852886e+38; choose a smaller scale",
  ],
  [{ law: "orthogonal", gain: 1 } as unknown as Law, 'the stream has no law "orthogonal" here'],
])("refuses %j", (law, message) => {
  expect(() => fill(KEY, law, 1)).toThrow(new RangeError(message));
});

it.each([
  [-1, 0, "count must be a whole number from 0 upwards, got -1"],
  [1.5, 0, "count must be a whole number from 0 upwards, got 1.5"],
  [1, -4, "offset must be a whole number from 0 upwards, got -4"],
  [4, 2 ** 53 - 2, "offset + count must be below 2**53, got offset=9007199254740990, count=4"],
])("refuses %d elements from %d", (count, offset, message) => {
  expect(() => fill(KEY, { law: "normal", mean: 0, std: 1 }, count, offset)).toThrow(new RangeError(message));
});

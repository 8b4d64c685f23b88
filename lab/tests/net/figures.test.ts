/** What one sees of a layer, on arrays whose answers are known. */

import { describe, expect, it } from "vitest";
import { DIGITS, FACTS } from "../../src/data/files";
import { deadShare, differentUnits, histogramOf, saturatedShare, spreadOf } from "../../src/net/figures";
import type { Layer } from "../../src/net/types";

const { activations } = FACTS;

/** Return a layer of two inputs whose sums are known, example by example. */
function layerOf(sums: readonly (readonly number[])[], weight: readonly number[] = []): Layer {
  const fanOut = sums[0].length;
  const of = (numbers: readonly number[]) => Float32Array.from(numbers);
  const empty = of([]);
  return {
    fanIn: 2, fanOut, weight: of(weight), bias: new Float32Array(fanOut), sums: of(sums.flat()), values: of(sums.flat()),
    sumGradient: empty, weightGradient: empty, biasGradient: empty,
  };
}

describe("spread", () => {
  it("is mean and standard deviation of all values", () => {
    expect(spreadOf(Float32Array.of(1, 2, 3, 6))).toEqual({ mean: 3, std: Math.sqrt(14 / 4) });
  });

  it("keeps a small spread around a large mean", () => {
    expect(spreadOf(Float32Array.of(1000, 1000.0625)).std).toBeCloseTo(0.03125, 12);
  });

  it("is no number where a value is none", () => {
    expect(spreadOf(Float32Array.of(1, NaN))).toEqual({ mean: NaN, std: NaN });
  });

  it("is that of the inputs: mean 0 and variance 1 over all digits", () => {
    const inputs = Float32Array.of(...DIGITS.train.inputs, ...DIGITS.test.inputs);
    const { mean, std } = spreadOf(inputs);
    expect(Math.abs(mean)).toBeLessThan(1e-6);
    expect(std).toBeCloseTo(1, 6);
  });
});

describe("histogram", () => {
  it("counts what lies outside in the end bins", () => {
    const shares = histogramOf(Float32Array.of(-9, -0.9, -0.1, 0, 0.9, 1, 2, Infinity), -1, 1, 4);
    expect([...shares]).toEqual([2 / 8, 1 / 8, 1 / 8, 4 / 8]);
  });

  it("counts what is no number nowhere", () => {
    expect([...histogramOf(Float32Array.of(NaN, 0.5), 0, 1, 2)]).toEqual([0, 0.5]);
  });
});

describe("flat zones", () => {
  it("saturate tanh beyond ±2.18 and nothing of the identity", () => {
    const layer = layerOf([[-3, -2], [2, 2.5]]);
    expect(saturatedShare(layer, activations.tanh)).toBe(0.5);
    expect(saturatedShare(layer, activations.identity)).toBe(0);
  });

  it("kill the units of ReLU that are below 0 for every example", () => {
    const layer = layerOf([[-1, -1, 0], [-2, 1, 0]]);
    expect(deadShare(layer, activations.relu)).toBeCloseTo(2 / 3, 12);
    expect(deadShare(layer, activations.leaky_relu)).toBeCloseTo(2 / 3, 12);
    expect(deadShare(layer, activations.tanh)).toBe(0);
  });
});

describe("units", () => {
  it("are one where weights and bias are equal", () => {
    expect(differentUnits(layerOf([[0, 0, 0]], [1, 2, 1, 2, 2, 1]))).toBe(2);
  });

  it("differ by their bias alone", () => {
    const layer = layerOf([[0, 0]], [1, 2, 1, 2]);
    layer.bias[1] = 0.5;
    expect(differentUnits(layer)).toBe(2);
  });
});

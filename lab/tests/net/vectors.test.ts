/** Weights, signal, gradient and training, against what Python computes (`lab/data/lab_vectors.py`). */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { sliceOf } from "../../src/data/digits";
import { DIGITS, FACTS } from "../../src/data/files";
import { spreadOf } from "../../src/net/figures";
import { Net } from "../../src/net/net";
import type { Activation, Rule, Shape } from "../../src/net/types";

interface Case {
  readonly width: number;
  readonly depth: number;
  readonly activation: Activation;
  readonly rule: Rule;
  readonly skips: boolean;
  readonly norms: boolean;
  readonly sigma: number;
  readonly seed: number;
}

interface Weights extends Case {
  readonly sha256?: string;
  readonly rows?: readonly (readonly number[])[];
}

/** The root of the mean square, and three elements: at the start, after a third, at the end. */
type Sample = readonly number[];

interface LayerAnswers {
  readonly sums: readonly [mean: number, std: number];
  readonly values: readonly [mean: number, std: number];
  readonly sum_gradient: Sample;
  readonly weight_gradient: Sample;
  readonly bias_gradient: Sample;
}

interface Answers extends Case {
  readonly layers: readonly LayerAnswers[];
  readonly losses: readonly number[];
  readonly trained: readonly Sample[];
}

interface Vectors {
  readonly batch: number;
  readonly rate: number;
  readonly weights: readonly Weights[];
  readonly cases: readonly Answers[];
}

const FILE = new URL("../../../tests/data/lab_vectors.json", import.meta.url);
const VECTORS = JSON.parse(readFileSync(FILE, "utf-8")) as Vectors;

function started(given: Case): Net {
  const { width, depth, activation, skips, norms, rule, sigma, seed } = given;
  const shape: Shape = { inputs: FACTS.inputs, outputs: FACTS.outputs, width, depth, activation, skips, norms };
  const net = new Net(shape, FACTS);
  net.start({ rule, sigma, seed });
  return net;
}

function sampleOf(values: Float32Array): number[] {
  const square = values.reduce((sum, value) => sum + value * value, 0);
  const places = [0, Math.floor(values.length / 3), values.length - 1];
  return [Math.sqrt(square / values.length), ...places.map((place) => values[place])];
}

/** Expect numbers to differ by no more than a share of the largest of those expected, or of `least`. */
function expectClose(
  what: string, actual: readonly number[], expected: readonly number[], tolerance: number, least = 0,
): void {
  const scale = Math.max(least, ...expected.map(Math.abs));
  const errors = actual.map((number, i) => Math.abs(number - expected[i]));
  expect(errors.every((error) => error <= tolerance * scale), `${what}: ${actual} for ${expected}`).toBe(true);
}

function name({ rule, activation, width, depth, skips, norms }: Case): string {
  return `${rule}, ${depth} × ${width} ${activation}${skips ? ", skips" : ""}${norms ? ", norms" : ""}`;
}

describe("weights", () => {
  it.each(VECTORS.weights.map((case_) => [name(case_), case_] as const))("%s", (_, case_) => {
    const { layers } = started(case_);
    if (case_.rows === undefined) {
      const digest = createHash("sha256");
      for (const { weight } of layers) digest.update(new Uint8Array(weight.buffer));
      expect(digest.digest("hex")).toBe(case_.sha256);
    } else {
      case_.rows.forEach((row, i) => {
        const errors = row.map((value, j) => Math.abs(layers[i].weight.at(j - row.length)! - value));
        expect(Math.max(...errors)).toBeLessThan(1e-5);
      });
    }
  });
});

describe.each(VECTORS.cases.map((case_) => [name(case_), case_] as const))("%s", (_, case_) => {
  const { batch, rate } = VECTORS;

  it("has the means and spreads of Python, to 1e-5", () => {
    const net = started(case_);
    net.forward(sliceOf(DIGITS.train, 0, batch).inputs, batch);
    net.layers.forEach((layer, i) => {
      const { sums, values } = case_.layers[i];
      for (const [what, array, expected] of [["sums", layer.sums, sums], ["values", layer.values, values]] as const) {
        const { mean, std } = spreadOf(array);
        expectClose(`${what} of layer ${i}`, [mean, std], expected, 1e-5);
      }
    });
  });

  it("has the gradients of Python, to 1e-4", () => {
    const net = started(case_);
    const first = sliceOf(DIGITS.train, 0, batch);
    net.forward(first.inputs, batch);
    expect(net.backward(first.labels)).toBeCloseTo(case_.losses[0], 5);
    // Where all weights are equal, the gradients of the classes cancel: what is left of the sum is rounding.
    const least = case_.rule === "equal" ? 1e-3 : 0;
    net.layers.forEach((layer, i) => {
      const expected = case_.layers[i];
      for (const [what, actual, answer] of [
        ["sums", layer.sumGradient, expected.sum_gradient],
        ["weights", layer.weightGradient, expected.weight_gradient],
        ["biases", layer.biasGradient, expected.bias_gradient],
      ] as const) {
        expectClose(`gradient of the ${what} of layer ${i}`, sampleOf(actual), answer, 1e-4, least);
      }
    });
  });

  it("is after ten steps where Python is, to 1e-4", () => {
    const net = started(case_);
    const losses = case_.losses.map((_, step) => {
      const { inputs, labels, count } = sliceOf(DIGITS.train, step * batch, (step + 1) * batch);
      net.forward(inputs, count);
      const loss = net.backward(labels);
      net.step(rate);
      return loss;
    });
    expectClose("losses", losses, case_.losses, 1e-4);
    net.layers.forEach((layer, i) => {
      expectClose(`weights of layer ${i}`, sampleOf(layer.weight), case_.trained[i], 1e-4);
    });
  });
});

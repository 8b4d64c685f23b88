/** What the engine costs: node's times for a start, a pass forward, and a pass backward; medians of 50. */

import { readFileSync } from "node:fs";
import { type DigitsFile, readDigits, sliceOf } from "../src/data/digits";
import type { Facts } from "../src/data/facts";
import { histogramOf, spreadOf } from "../src/net/figures";
import { Net } from "../src/net/net";
import type { Shape } from "../src/net/types";

const [, , factsFile, digitsFile] = process.argv;
const FACTS = JSON.parse(readFileSync(factsFile, "utf-8")) as Facts;
const DIGITS = readDigits(JSON.parse(readFileSync(digitsFile, "utf-8")) as DigitsFile);
const EXAMPLES = sliceOf(DIGITS.train, 0, 64);
const REPEATS = 50;
const WARM_UPS = 30;

function medianOf(work: () => void): number {
  for (let i = 0; i < WARM_UPS; i++) work();
  const times = Array.from({ length: REPEATS }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[REPEATS / 2];
}

function report(depth: number): void {
  const shape: Shape = {
    inputs: FACTS.inputs, outputs: FACTS.outputs, width: 128, depth, activation: "tanh", skips: false, norms: false,
  };
  const net = new Net(shape, FACTS);
  let sigma = 0.05;
  const times = {
    "start, scaled": medianOf(() => net.start({ rule: "sigma", sigma: (sigma += 1e-4), seed: 0 })),
    forward: medianOf(() => net.forward(EXAMPLES.inputs, EXAMPLES.count)),
    backward: medianOf(() => net.backward(EXAMPLES.labels)),
    "to the sums alone": medianOf(() => net.backward(EXAMPLES.labels, "sums")),
    figures: medianOf(() => {
      for (const { values, sumGradient } of net.layers) {
        spreadOf(values);
        histogramOf(values, -1, 1, 41);
        spreadOf(sumGradient);
      }
    }),
  };
  const text = Object.entries(times).map(([what, time]) => `${what} ${time.toFixed(2)} ms`);
  console.log(`${depth} × 128 tanh units, 64 examples: ${text.join(", ")}`);
}

report(10);
report(50);

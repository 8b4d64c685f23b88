/** The map of depths and scales, which Python computes, against the nets of the page. */

import { describe, expect, it } from "vitest";
import { bandOf, DEPTHS, SCALES } from "../../src/data/bands";
import { sliceOf } from "../../src/data/digits";
import { DIGITS, FACTS } from "../../src/data/files";
import { spreadOf } from "../../src/net/figures";
import { Net } from "../../src/net/net";
import { train } from "../../src/net/training";
import type { Activation, Layer, Shape, Start } from "../../src/net/types";

const WIDTH = 64;
const FIRST = sliceOf(DIGITS.train, 0, 64);

function shapeOf(activation: Activation, depth: number): Shape {
  return { inputs: 64, width: WIDTH, depth, outputs: 10, activation, skips: false, norms: false };
}

function startOf(scale: number): Start {
  return { rule: "sigma", sigma: scale / Math.sqrt(WIDTH), seed: 0 };
}

/** Return ∂L/∂values of the last hidden layer. */
function flowInto({ weight, sumGradient, fanIn, fanOut }: Layer): Float32Array {
  return Float32Array.from({ length: (sumGradient.length / fanOut) * fanIn }, (_, at) => {
    const [example, unit] = [Math.floor(at / fanIn), at % fanIn];
    let sum = 0;
    for (let i = 0; i < fanOut; i++) sum += sumGradient[example * fanOut + i] * weight[i * fanIn + unit];
    return sum;
  });
}

describe.each(["tanh", "relu", "gelu"] as const)("%s", (activation) => {
  const { product, accuracy } = bandOf(activation);
  const cells = [0, 4, 12].flatMap((row) => [16, 20, 24].map((column) => [row, column] as const));

  it.each(cells)("keeps of signal and gradient what the map says, row %i, column %i", (row, column) => {
    const net = new Net(shapeOf(activation, DEPTHS[row]), FACTS);
    net.start(startOf(SCALES[column]));
    net.forward(FIRST.inputs, FIRST.count);
    net.backward(FIRST.labels);
    const signal = spreadOf(net.layers[DEPTHS[row] - 1].values).std / spreadOf(FIRST.inputs).std;
    const gradient = spreadOf(net.layers[0].sumGradient).std / spreadOf(flowInto(net.layers[DEPTHS[row]])).std;
    expect(Math.abs(product[row * SCALES.length + column] - Math.log10(signal * gradient))).toBeLessThan(0.11);
  });

  it("learns in one epoch what the map says", () => {
    const [row, column] = [2, 20];
    const run = { shape: shapeOf(activation, DEPTHS[row]), start: startOf(SCALES[column]), rate: 0.05, batch: 32, epochs: 1 };
    const told = [...train(run, DIGITS, FACTS)].at(-1)!;
    expect(Math.abs(told.accuracy - accuracy[row * SCALES.length + column])).toBeLessThan(0.015);
  });
});

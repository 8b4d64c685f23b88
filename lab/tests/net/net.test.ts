/** What holds of every net: symmetry, sliders, sizes, and what bad input gets. */

import { describe, expect, it } from "vitest";
import { sliceOf } from "../../src/data/digits";
import { DIGITS, FACTS } from "../../src/data/files";
import { differentUnits, spreadOf } from "../../src/net/figures";
import { lawOf } from "../../src/net/laws";
import { Net } from "../../src/net/net";
import { haar } from "../../src/net/orthogonal";
import type { Activation, Rule, Shape, Start } from "../../src/net/types";
import { keyOf, standardNormal } from "../../src/stream";

const SHAPE: Shape = {
  inputs: 64, width: 16, depth: 3, outputs: 10, activation: "tanh", skips: false, norms: false,
};
const START: Start = { rule: "sigma", sigma: 0.1, seed: 0 };
const BATCH = sliceOf(DIGITS.train, 0, 24);

function started(shape: Partial<Shape> = {}, start: Partial<Start> = {}): Net {
  const net = new Net({ ...SHAPE, ...shape }, FACTS);
  net.start({ ...START, ...start });
  return net;
}

function learn(net: Net, steps: number, rate = 0.5): void {
  for (let step = 0; step < steps; step++) {
    net.forward(BATCH.inputs, BATCH.count);
    net.backward(BATCH.labels);
    net.step(rate);
  }
}

describe("symmetry", () => {
  it("keeps units one over twenty steps that start equal", () => {
    const net = started({}, { rule: "equal" });
    const before = net.layers[0].weight.slice();
    learn(net, 20);
    expect(net.layers[0].weight).not.toEqual(before);
    expect(net.layers.slice(0, -1).map(differentUnits)).toEqual([1, 1, 1]);
  });

  it("keeps all but the last biases 0 where all weights are", () => {
    const net = started({}, { rule: "zero" });
    learn(net, 20);
    expect(net.layers.map(({ weight }) => Math.max(...weight.map(Math.abs)))).toEqual([0, 0, 0, 0]);
    expect(Math.max(...net.layers[3].bias)).toBeGreaterThan(0);
  });

  it("is broken by random weights", () => {
    expect(started().layers.map(differentUnits)).toEqual([16, 16, 16, 10]);
  });
});

describe("a start", () => {
  it.each(["sigma", "xavier_normal", "orthogonal"] as const)("is the same after another: %s", (rule) => {
    const net = started({}, { sigma: 3, seed: 9 });
    net.start({ ...START, rule });
    net.start({ ...START, rule, seed: 1 });
    learn(net, 1);
    net.start({ ...START, rule });
    net.layers.forEach(({ weight, bias }, i) => {
      expect(weight).toEqual(started({}, { rule }).layers[i].weight);
      expect(Math.max(...bias.map(Math.abs))).toBe(0);
    });
  });

  it("scales with the slider", () => {
    const [one, two] = [0.1, 0.2].map((sigma) => spreadOf(started({}, { sigma }).layers[1].weight).std);
    expect(two / one).toBeCloseTo(2, 6);
  });

  it.each([[16, 16], [40, 7], [7, 40]])("of orthogonal rows or columns is orthonormal: %i × %i", (rows, columns) => {
    const q = haar(standardNormal(keyOf(0, "q"), rows * columns), rows, columns);
    const isTall = rows >= columns;
    const at = (line: number, place: number) => (isTall ? q[place * columns + line] : q[line * columns + place]);
    for (let a = 0; a < Math.min(rows, columns); a++) {
      for (let b = 0; b <= a; b++) {
        let dot = 0;
        for (let place = 0; place < Math.max(rows, columns); place++) dot += at(a, place) * at(b, place);
        expect(dot).toBeCloseTo(a === b ? 1 : 0, 6);
      }
    }
  });
});

describe("laws", () => {
  const law = (shape: Partial<Shape>, rule: Rule, number: number) =>
    lawOf({ ...SHAPE, width: 64, ...shape }, { ...START, rule }, number, FACTS);
  const bound = (shape: Partial<Shape>, number: number) => {
    const found = law(shape, "auto", number);
    return found.law === "uniform" ? found.high : NaN;
  };

  it("are those of the layer that is fed: auto asks what by", () => {
    expect(bound({}, 0)).toBeCloseTo(Math.sqrt(3 / 64), 9);
    expect(bound({ activation: "relu" }, 1)).toBeCloseTo(Math.sqrt(6 / 64), 9);
    expect(bound({ activation: "relu", norms: true }, 1)).toBeCloseTo(Math.sqrt(3 / 64), 9);
    expect(bound({ activation: "relu" }, 3)).toBeCloseTo(Math.sqrt(12 / 74), 9);
  });

  it("are with skips those of one of several branches", () => {
    expect(bound({ activation: "relu", skips: true, depth: 5 }, 1)).toBeCloseTo(Math.sqrt(6 / 64 / 4), 9);
    expect(bound({ activation: "relu", skips: true, depth: 5 }, 2)).toBeCloseTo(Math.sqrt(3 / 64 / 4), 9);
    expect(bound({ activation: "relu", skips: true, depth: 5 }, 5)).toBeCloseTo(Math.sqrt(6 / 74), 9);
  });

  it("are refused for sizes that Python has not planned", () => {
    expect(() => law({ width: 20 }, "auto", 0)).toThrow(
      "laws are planned for 64 inputs, 10 outputs and a width of 8, 16, 32, 64, 128, 256, " +
        "got 64 inputs, 10 outputs and a width of 20",
    );
    expect(law({ width: 20 }, "sigma", 0)).toEqual({ law: "normal", mean: 0, std: 0.1 });
  });

  it("are refused for an unknown rule", () => {
    expect(() => law({}, "glorot" as Rule, 0)).toThrow(
      'rule must be one of zero, equal, sigma, standard, xavier_uniform, xavier_normal, he_normal, lecun_normal, ' +
        'orthogonal, auto, got "glorot"',
    );
  });
});

describe("bad input", () => {
  it.each<[Partial<Shape>, string]>([
    [{ depth: 0 }, "depth must be a whole number from 1 to 50, got 0"],
    [{ depth: 51 }, "depth must be a whole number from 1 to 50, got 51"],
    [{ width: 2.5 }, "width must be a whole number from 1 upwards, got 2.5"],
    [
      { activation: "silu" as Activation },
      'activation must be one of identity, tanh, sigmoid, relu, leaky_relu, elu, selu, softsign, gelu, got "silu"',
    ],
  ])("of shape is refused: %o", (shape, message) => {
    expect(() => started(shape)).toThrow(message);
  });

  it("of sigma is refused", () => {
    expect(() => started({}, { sigma: 0 })).toThrow("normal: std must lie between 2^-64 and 2^64, got 0");
  });

  it("of examples and labels is refused", () => {
    const net = started();
    expect(() => net.backward(BATCH.labels)).toThrow(
      "labels must be one for each example of the last forward pass, 0, got 24",
    );
    expect(() => net.forward(BATCH.inputs, 23)).toThrow(
      "examples must be count × 64 numbers, got 1536 for a count of 23",
    );
    net.forward(BATCH.inputs, BATCH.count);
    expect(() => net.accuracy(DIGITS.test.labels)).toThrow("the last forward pass, 24, got 360");
  });
});

describe("gradients", () => {
  it("of the sums alone are those of all, and leave the weights' as they are", () => {
    const [all, sums] = [started(), started()];
    for (const net of [all, sums]) net.forward(BATCH.inputs, BATCH.count);
    expect(sums.backward(BATCH.labels, "sums")).toBe(all.backward(BATCH.labels));
    all.layers.forEach((layer, i) => {
      expect(sums.layers[i].sumGradient).toEqual(layer.sumGradient);
      expect(Math.max(...sums.layers[i].weightGradient.map(Math.abs))).toBe(0);
      expect(Math.max(...layer.weightGradient.map(Math.abs))).toBeGreaterThan(0);
    });
  });
});

describe("counts", () => {
  it("may change from pass to pass", () => {
    const net = started({ skips: true, norms: true });
    net.forward(DIGITS.test.inputs, DIGITS.test.count);
    net.forward(BATCH.inputs, BATCH.count);
    const fresh = started({ skips: true, norms: true });
    fresh.forward(BATCH.inputs, BATCH.count);
    expect(net.backward(BATCH.labels)).toBe(fresh.backward(BATCH.labels));
    net.layers.forEach((layer, i) => {
      expect(layer.values).toEqual(fresh.layers[i].values);
      expect(layer.sumGradient).toEqual(fresh.layers[i].sumGradient);
      expect(layer.weightGradient).toEqual(fresh.layers[i].weightGradient);
    });
  });
});

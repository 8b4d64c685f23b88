/** Eight cards: what old guides say, and a measurement that anyone can trigger. */

import type { Activation, Rule } from "../net/types";
import { saturatedShare, spreadOf } from "../net/figures";
import { Net } from "../net/net";
import { sliceOf } from "../data/digits";
import { fill, keyOf, standardNormal } from "../stream";
import { type Chapter, type Lab } from "../page/chapter";
import { shapeOf } from "../page/shape";
import { button } from "../page/controls";
import { h, paragraph } from "../page/dom";
import { fillIn, percent, written } from "../page/numbers";
import { type CardName, CARDS, CARDS_TEXT } from "../text";

type Gaps = Readonly<Record<string, string | number>>;

export const cards: Chapter = {
  name: "cards",
  settings: [],
  build(lab: Lab): HTMLElement {
    const all = (Object.keys(CARDS) as CardName[]).map((name) => card(name, lab));
    return h("div", { class: "cards" }, ...all);
  },
};

function card(name: CardName, lab: Lab): HTMLElement {
  const { said, measure, found } = CARDS[name];
  const words = h("p", { role: "status" });
  const press = button(measure, () => {
    words.replaceChildren(paragraph(fillIn(found, MEASUREMENTS[name](lab))));
  });
  return h("article", { class: "card" }, h("p", { class: "said" }, h("span", {}, CARDS_TEXT.guide), ` “${said}”`), press, words);
}

/** What each card measures; the text says what it means. */
export const MEASUREMENTS: Readonly<Record<CardName, (lab: Lab) => Gaps>> = {
  axes() {
    const weight = drawn(300 * 100, Math.sqrt(2 / 400));
    const sum = (n: number): number => n * spreadOf(weight).std ** 2;
    return { right: written(sum(300), 3), wrong: written(sum(100), 3) };
  },
  sigmoid() {
    const sums = drawn(20_000, 1);
    const values = sums.map((sum) => 1 / (1 + Math.exp(-sum)));
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return { low: written(low), high: written(high), mean: written(spreadOf(values).mean, 3) };
  },
  small(lab) {
    const net = started(lab, "tanh", "sigma", 0.001);
    const last = net.layers[9];
    return { saturated: percent(saturatedShare(last, lab.facts.activations.tanh)), std: written(spreadOf(last.values).std) };
  },
  random(lab) {
    const [one, other] = [0, 1].map((seed) => started(lab, "tanh", "xavier_normal", 0, seed).layers[1].weight);
    let same = 0;
    for (let i = 0; i < one.length; i++) if (one[i] === other[i]) same++;
    return { count: one.length, same, std: written(spreadOf(one).std, 3) };
  },
  extremes() {
    const sums = drawn(20_000, 1);
    const share = (inputs: number): string => {
      const ends = sums.filter((sum) => Math.abs(Math.sqrt(inputs) * sum) > Math.log(19));
      return percent(ends.length / sums.length);
    };
    return { few: share(4), some: share(16), many: share(100) };
  },
  caffe() {
    const width = Math.sqrt(3 / 300);
    const weight = fill(keyOf(0, "card/caffe"), { law: "uniform", low: -width, high: width }, 300 * 100);
    const variance = spreadOf(weight).std ** 2;
    return { caffe: written(variance, 3), xavier: written(2 / 400, 3), ahead: written(300 * variance, 3), back: written(100 * variance, 3) };
  },
  year(lab) {
    const net = started(lab, "tanh", "xavier_uniform", 0);
    return { largest: written(net.layers[1].weight.reduce((most, each) => Math.max(most, each), 0), 3), bound: written(Math.sqrt(6 / 256), 3) };
  },
  constant(lab) {
    const size = (rule: Rule): string => {
      const net = new Net(shapeOf({ width: 4, depth: 1 }), lab.facts);
      net.start({ rule, sigma: 0.1, seed: 0 });
      const { inputs, labels, count } = sliceOf(lab.digits.train, 0, 64);
      for (const rate of [0.5, 0]) {
        net.forward(inputs, count);
        net.backward(labels);
        net.step(rate);
      }
      return written(net.layers[0].weightGradient.reduce((most, each) => Math.max(most, Math.abs(each)), 0));
    };
    return { zero: size("zero"), equal: size("equal") };
  },
};

function drawn(count: number, std: number): Float32Array {
  return standardNormal(keyOf(0, "card"), count).map((z) => std * z);
}

function started({ facts, digits }: Lab, activation: Activation, rule: Rule, sigma: number, seed = 0): Net {
  const net = new Net(shapeOf({ width: 128, depth: 10, activation }), facts);
  net.start({ rule, sigma, seed });
  const some = sliceOf(digits.train, 0, 64);
  net.forward(some.inputs, some.count);
  return net;
}

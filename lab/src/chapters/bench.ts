/** The whole bench: all controls at once. */

import type { Activation, Rule, Shape, Start } from "../net/types";
import { trial } from "../page/race";
import { type Chapter, figure, type Lab, liveLine } from "../page/chapter";
import { BLOCKS, blocksOf, shapeOf } from "../page/shape";
import { choice, listScale, logScale, menu, panel, rangeOf, slider } from "../page/controls";
import { h, paragraph } from "../page/dom";
import { written } from "../page/numbers";
import { choiceSetting, numberSetting, type State } from "../page/state";
import { judge, Stage } from "../page/stage";
import { ACTIVATION_NAMES, CONTROLS, RULES, STAGE, TODAY } from "../text";

const WIDTHS = [8, 16, 32, 64, 128, 256];

const activation = choiceSetting("activation", "tanh", Object.keys(ACTIVATION_NAMES) as Activation[]);
const rule = choiceSetting("rule", "xavier_normal", Object.keys(RULES) as Rule[]);
const depth = numberSetting("depth", 10, 1, 50, true);
const width = numberSetting("width", 128, 8, 256, true);
const std = numberSetting("std", 0.1, 0.001, 3);
const seed = numberSetting("seed", 0, 0, 99, true);
const net = choiceSetting("net", "plain", BLOCKS);

export const bench: Chapter = {
  name: "bench",
  settings: [activation, rule, depth, width, std, seed, net],
  build({ state, facts, digits }: Lab): HTMLElement {
    const line = liveLine();
    const stage = new Stage(facts, digits, { gradients: true, onSeen: (seen) => line.say(judge(seen)) });
    const race = trial(() => ({ name: RULES[state.get(rule)], shape: shapeIn(state), start: startIn(state) }));
    const spread = slider(state, std, CONTROLS.sigma, logScale(std), (value) => `σ = ${written(value, 3)}`);
    state.watch(bench.settings, () => {
      spread.hidden = !["sigma", "equal"].includes(state.get(rule));
      stage.show(shapeIn(state), startIn(state));
      race.clear();
    });
    return figure(controlsOf(state, spread), stage.picture.element, paragraph(STAGE.key, "key"), line.element, race.element);
  },
};

function controlsOf(state: State, spread: HTMLElement): HTMLElement {
  const plain = (value: number): string => String(value);
  return h(
    "div",
    {},
    panel(
      menu(state, activation, CONTROLS.activation, ACTIVATION_NAMES),
      menu(state, rule, CONTROLS.rule, RULES),
      slider(state, depth, CONTROLS.depth, listScale(rangeOf(1, 50)), plain),
      slider(state, width, CONTROLS.width, listScale(WIDTHS), plain),
      spread,
      slider(state, seed, CONTROLS.seed, listScale(rangeOf(0, 99)), plain),
    ),
    panel(choice(state, net, CONTROLS.blocks, TODAY.blocks)),
  );
}

function shapeIn(state: State): Shape {
  return shapeOf({
    width: WIDTHS.reduce((best, each) => (Math.abs(each - state.get(width)) < Math.abs(best - state.get(width)) ? each : best)),
    depth: state.get(depth),
    activation: state.get(activation),
    ...blocksOf(state.get(net)),
  });
}

function startIn(state: State): Start {
  return { rule: state.get(rule), sigma: state.get(std), seed: state.get(seed) };
}

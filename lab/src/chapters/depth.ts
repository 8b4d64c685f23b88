/** Depth: what one layer does to the variance, ten layers do to its tenth power. */

import { Stage, type Seen } from "../page/stage";
import { type Chapter, figure, type Lab, liveLine } from "../page/chapter";
import { shapeOf } from "../page/shape";
import { listScale, panel, rangeOf, slider } from "../page/controls";
import { paragraph } from "../page/dom";
import { fillIn, written } from "../page/numbers";
import { numberSetting } from "../page/state";
import { CONTROLS, DEPTH, STAGE } from "../text";

const WIDTH = 128;
const FACTORS = [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.75, 2];

const factor = numberSetting("factor", 1.5, 0.5, 2);
const layers = numberSetting("layers", 10, 2, 50, true);

export const depth: Chapter = {
  name: "depth",
  settings: [factor, layers],
  build({ state, facts, digits }: Lab): HTMLElement {
    const line = liveLine();
    const onSeen = (seen: Seen): void => line.say(tell(state.get(factor), seen));
    const stage = new Stage(facts, digits, { gradients: true, onSeen });
    state.watch([factor, layers], () => {
      const sigma = Math.sqrt(state.get(factor) / WIDTH);
      stage.show(shapeOf({ width: WIDTH, depth: state.get(layers), activation: "identity" }), { rule: "sigma", sigma, seed: 0 });
    });
    const controls = panel(
      slider(state, factor, CONTROLS.factor, listScale(FACTORS), (value) => `n·Var(w) = ${value}`),
      slider(state, layers, CONTROLS.depth, listScale(rangeOf(2, 50)), String),
    );
    return figure(controls, stage.picture.element, paragraph(STAGE.key, "key"), line.element);
  },
};

/** Set the power beside what the columns show, counted from the first layer, whose inputs are fewer. */
function tell(value: number, { stds, gradientStds }: Seen): string {
  const hops = stds.length - 1;
  const gaps = {
    factor: value,
    hops,
    power: written(value ** hops, 3),
    last: stds.length,
    seen: written((stds[hops] / stds[0]) ** 2),
    back: written((gradientStds[0] / gradientStds[hops]) ** 2),
  };
  return fillIn(DEPTH.line, gaps);
}

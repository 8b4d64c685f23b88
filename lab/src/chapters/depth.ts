/** Depth: what one layer does to the variance, ten layers do to its tenth power. */

import { Stage, type Seen } from "../page/stage";
import { type Chapter, figure, type Lab, liveLine } from "../page/chapter";
import { shapeOf } from "../page/shape";
import { listScale, panel, slider } from "../page/controls";
import { fillIn, written } from "../page/numbers";
import { numberSetting } from "../page/state";
import { CONTROLS, DEPTH } from "../text";

const WIDTH = 128;
const LAYERS = 10;
const FACTORS = [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.75, 2];

const factor = numberSetting("factor", 1.5, 0.5, 2);

export const depth: Chapter = {
  name: "depth",
  settings: [factor],
  build({ state, facts, digits }: Lab): HTMLElement {
    const line = liveLine();
    const onSeen = (seen: Seen): void => line.say(tell(state.get(factor), seen));
    const stage = new Stage(facts, digits, { gradients: true, onSeen });
    state.watch([factor], () => {
      const sigma = Math.sqrt(state.get(factor) / WIDTH);
      stage.show(shapeOf({ width: WIDTH, depth: LAYERS, activation: "identity" }), { rule: "sigma", sigma, seed: 0 });
    });
    const control = slider(state, factor, CONTROLS.factor, listScale(FACTORS), (value) => `n·Var(w) = ${value}`);
    return figure(panel(control), stage.picture.element, line.element);
  },
};

/** Set the power beside what the columns show, counted from the first layer, whose inputs are fewer. */
function tell(value: number, { stds, gradientStds }: Seen): string {
  const hops = LAYERS - 1;
  const gaps = {
    factor: value,
    hops,
    power: written(value ** hops, 3),
    all: written(value ** LAYERS, 3),
    seen: written((stds[hops] / stds[0]) ** 2, 3),
    back: written((gradientStds[0] / gradientStds[hops]) ** 2, 3),
  };
  return fillIn(DEPTH.line, gaps);
}

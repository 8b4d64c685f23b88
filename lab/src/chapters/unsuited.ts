/** When Xavier's rule is not the one: sigmoid and ReLU, whose slope and mean at the start are others. */

import type { Shape, Start } from "../net/types";
import { trial } from "../page/race";
import { paragraph } from "../page/dom";
import { type Chapter, figure, type Lab, liveLine } from "../page/chapter";
import { shapeOf } from "../page/shape";
import { choice, panel } from "../page/controls";
import { choiceSetting } from "../page/state";
import { judge, Stage } from "../page/stage";
import { CONTROLS, RULES, STAGE, UNSUITED } from "../text";

const unit = choiceSetting("unit", "relu", ["tanh", "sigmoid", "relu"]);
const law = choiceSetting("law", "xavier_normal", ["xavier_normal", "he_normal", "auto"]);

export const unsuited: Chapter = {
  name: "unsuited",
  settings: [unit, law],
  build({ state, facts, digits }: Lab): HTMLElement {
    const line = liveLine();
    const stage = new Stage(facts, digits, { gradients: true, onSeen: (seen) => line.say(judge(seen)) });
    const net = (): { shape: Shape; start: Start } => ({
      shape: shapeOf({ width: 128, depth: 20, activation: state.get(unit) }),
      start: { rule: state.get(law), sigma: 0, seed: 0 },
    });
    const race = trial(() => ({ name: RULES[state.get(law)], ...net() }));
    state.watch([unit, law], () => {
      stage.show(net().shape, net().start);
      race.clear();
    });
    const controls = panel(
      choice(state, unit, CONTROLS.activation, UNSUITED.units),
      choice(state, law, CONTROLS.rule, RULES),
    );
    return figure(controls, stage.picture.element, paragraph(STAGE.key, "key"), line.element, race.element);
  },
};

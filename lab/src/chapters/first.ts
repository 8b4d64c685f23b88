/** One net, one slider, one question. */

import { Race, type Runner } from "../page/race";
import { type Chapter, figure, type Lab, liveLine } from "../page/chapter";
import { shapeOf } from "../page/shape";
import { logScale, panel, slider } from "../page/controls";
import { written } from "../page/numbers";
import { numberSetting } from "../page/state";
import { judge, Stage } from "../page/stage";
import { CONTROLS, FIRST } from "../text";
import { DEEP_TANH, RACE_PLAN } from "../net/defaults";
import type { Start } from "../net/types";

const sigma = numberSetting("sigma", 0.01, 0.002, 2);

/** Far from the rule: the larger of the two ends, unless the reader has chosen that side herself. */
const SMALL = 0.01;
const LARGE = 1;

export const first: Chapter = {
  name: "first",
  settings: [sigma],
  build({ state, facts, digits }: Lab): HTMLElement {
    const shape = shapeOf(DEEP_TANH);
    const line = liveLine();
    const stage = new Stage(facts, digits, { onSeen: (seen) => line.say(judge(seen)) });
    const start = (): Start => ({ rule: "sigma", sigma: state.get(sigma), seed: 0 });
    const race = new Race(FIRST.commit, () => runners(start()));
    state.watch([sigma], () => {
      stage.show(shape, start());
      race.clear();
    });
    const control = slider(state, sigma, CONTROLS.sigma, logScale(sigma), (value) => `σ = ${written(value, 3)}`);
    return figure(panel(control), stage.picture.element, line.element, race.element);
  },
};

function runners(hers: Start): readonly Runner[] {
  const shape = shapeOf(DEEP_TANH);
  const wrong = hers.sigma > Math.sqrt(SMALL * LARGE) ? SMALL : LARGE;
  const run = (start: Start) => ({ shape, start, ...RACE_PLAN });
  return [
    { name: FIRST.hers, color: "c11", dashes: [], run: run(hers) },
    { name: FIRST.xavier, color: "c12", dashes: [8, 3], run: run({ ...hers, rule: "xavier_normal" }) },
    { name: `σ = ${wrong}`, color: "c5", dashes: [2, 3], run: run({ ...hers, sigma: wrong }) },
  ];
}

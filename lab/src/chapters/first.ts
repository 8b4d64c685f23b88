/** One net, one slider, one question. */

import { Race, type Runner } from "../page/race";
import { paragraph } from "../page/dom";
import { type Board, Picture } from "../page/canvas";
import type { Examples } from "../data/digits";
import { type Chapter, figure, type Lab, liveLine } from "../page/chapter";
import { shapeOf } from "../page/shape";
import { logScale, panel, slider } from "../page/controls";
import { written } from "../page/numbers";
import { numberSetting } from "../page/state";
import { judge, Stage } from "../page/stage";
import { CONTROLS, FIRST, STAGE } from "../text";
import { DEEP_TANH, RACE_PLAN } from "../net/defaults";
import type { Start } from "../net/types";

const sigma = numberSetting("sigma", 0.01, 0.002, 2);

/** Far from the rule: the larger of the two ends, unless the reader has chosen that side herself. */
const SMALL = 0.01;
const LARGE = 1;

/** Pixels of a digit, and how large each is painted. */
const [SIDE, DIGIT, GAP] = [8, 5, 8];

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
    const strip = new Picture((board) => paintDigits(board, digits.train), () => DIGIT * SIDE, FIRST.digits);
    const control = slider(state, sigma, CONTROLS.sigma, logScale(sigma), (value) => `σ = ${written(value, 3)}`);
    return figure(strip.element, panel(control), stage.picture.element, paragraph(STAGE.key, "key"), line.element, race.element);
  },
};

/** Paint the first of the digits, as many as fit. */
function paintDigits({ pen, width, color }: Board, { inputs, count }: Examples): void {
  const [low, high] = [inputs.reduce((a, b) => Math.min(a, b)), inputs.reduce((a, b) => Math.max(a, b))];
  pen.fillStyle = color("ink");
  for (let digit = 0; digit < Math.min(count, Math.floor(width / (DIGIT * SIDE + GAP))); digit++) {
    for (let pixel = 0; pixel < SIDE * SIDE; pixel++) {
      pen.globalAlpha = (inputs[digit * SIDE * SIDE + pixel] - low) / (high - low);
      pen.fillRect(digit * (DIGIT * SIDE + GAP) + (pixel % SIDE) * DIGIT, Math.floor(pixel / SIDE) * DIGIT, DIGIT, DIGIT);
    }
  }
  pen.globalAlpha = 1;
}

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

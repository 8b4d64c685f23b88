/** Today's nets: skips and norms, and what they leave of the question. */

import type { Shape, Start } from "../net/types";
import { trial } from "../page/race";
import { paragraph } from "../page/dom";
import { type Chapter, figure, type Lab, liveLine } from "../page/chapter";
import { BLOCKS, blocksOf, shapeOf } from "../page/shape";
import { choice, logScale, panel, slider } from "../page/controls";
import { written } from "../page/numbers";
import { choiceSetting, numberSetting } from "../page/state";
import { judge, Stage } from "../page/stage";
import { CONTROLS, STAGE, TODAY } from "../text";

const WIDTH = 128;
const DEPTH = 30;

const blocks = choiceSetting("blocks", "plain", BLOCKS);
const scale = numberSetting("scale", 0.5, 0.1, 3);

export const today: Chapter = {
  name: "today",
  settings: [blocks, scale],
  build({ state, facts, digits }: Lab): HTMLElement {
    const line = liveLine();
    const stage = new Stage(facts, digits, { gradients: true, onSeen: (seen) => line.say(judge(seen)) });
    const net = (): { shape: Shape; start: Start } => ({
      shape: shapeOf({ width: WIDTH, depth: DEPTH, ...blocksOf(state.get(blocks)) }),
      start: { rule: "sigma", sigma: state.get(scale) / Math.sqrt(WIDTH), seed: 0 },
    });
    const race = trial(() => ({ name: TODAY.blocks[state.get(blocks)], ...net() }));
    state.watch([blocks, scale], () => {
      stage.show(net().shape, net().start);
      race.clear();
    });
    const controls = panel(
      choice(state, blocks, CONTROLS.blocks, TODAY.blocks),
      slider(state, scale, CONTROLS.scale, logScale(scale), (value) => `σ·√n = ${written(value)}`),
    );
    return figure(controls, stage.picture.element, paragraph(STAGE.key, "key"), line.element, race.element);
  },
};

/** Zero, and equal: units that start alike stay alike. */

import { sliceOf } from "../data/digits";
import { differentUnits } from "../net/figures";
import { Net } from "../net/net";
import type { Layer, Start } from "../net/types";
import { type Board, FONT, Picture } from "../page/canvas";
import { type Chapter, figure, type Lab } from "../page/chapter";
import { shapeOf } from "../page/shape";
import { button, choice, panel } from "../page/controls";
import { h } from "../page/dom";
import { fillIn, written } from "../page/numbers";
import { choiceSetting } from "../page/state";
import { CONTROLS, ZERO } from "../text";

const UNITS = 4;
const STEPS = 20;
const BATCH = 64;
const RATE = 0.5;
const PAUSE = 90;
const SIDE = 8;
/** The size of a weight that is painted in full colour. */
const FULL = 0.3;

const alike = choiceSetting("alike", "equal", ["zero", "equal", "random"]);

export const zero: Chapter = {
  name: "zero",
  settings: [alike],
  build({ state, facts, digits }: Lab): HTMLElement {
    const net = new Net(shapeOf({ width: UNITS, depth: 1 }), facts);
    const words = h("p", { class: "live", role: "status" });
    const picture = new Picture((board) => paintUnits(board, net.layers[0]), (width) => Math.min(width / UNITS, 150) + 24, ZERO.unit);
    let step = 0;
    let timer = 0;
    const tell = (): void => {
      const gaps = { step, units: UNITS, different: differentUnits(net.layers[0]), size: sizeOf(net.layers[0]) };
      words.textContent = fillIn(gaps.different === 1 ? ZERO.one : ZERO.several, gaps);
      picture.describe(words.textContent);
      picture.refresh();
    };
    const learn = (): void => {
      const from = (step % Math.floor(digits.train.count / BATCH)) * BATCH;
      const batch = sliceOf(digits.train, from, from + BATCH);
      net.forward(batch.inputs, BATCH);
      net.backward(batch.labels);
      net.step(RATE);
      step++;
    };
    const restart = (): void => {
      window.clearInterval(timer);
      net.start(startOf(state.get(alike)));
      step = 0;
      tell();
    };
    const run = (): void => {
      restart();
      if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) {
        while (step < STEPS) learn();
        tell();
        return;
      }
      timer = window.setInterval(() => {
        learn();
        if (step === STEPS) window.clearInterval(timer);
        tell();
      }, PAUSE);
    };
    state.watch([alike], restart);
    return figure(
      panel(choice(state, alike, CONTROLS.start, ZERO.starts), button(ZERO.train, run, "main")),
      picture.element,
      words,
    );
  },
};

function startOf(name: "zero" | "equal" | "random"): Start {
  const rule = name === "random" ? "sigma" : name;
  return { rule, sigma: 0.1, seed: 0 };
}

function sizeOf({ weight }: Layer): string {
  return written(weight.reduce((most, each) => Math.max(most, Math.abs(each)), 0));
}

/** Paint what each unit looks for: its 64 weights, in the places of the pixels. */
function paintUnits({ pen, width, color }: Board, { weight, fanIn }: Layer): void {
  const room = Math.min(width / UNITS, 150);
  const side = Math.floor((room - 12) / SIDE);
  pen.font = `12px ${FONT}`;
  pen.textBaseline = "top";
  for (let unit = 0; unit < UNITS; unit++) {
    const left = unit * room;
    for (let pixel = 0; pixel < fanIn; pixel++) {
      const value = Math.max(-1, Math.min(1, weight[unit * fanIn + pixel] / FULL));
      pen.fillStyle = color("wash");
      pen.globalAlpha = 1;
      const [x, y] = [left + (pixel % SIDE) * side, Math.floor(pixel / SIDE) * side];
      pen.fillRect(x, y, side - 1, side - 1);
      pen.globalAlpha = Math.abs(value);
      pen.fillStyle = color(value < 0 ? "c12" : "mark");
      pen.fillRect(x, y, side - 1, side - 1);
    }
    pen.globalAlpha = 1;
    pen.fillStyle = color("soft");
    pen.textAlign = "left";
    pen.fillText(`${ZERO.unit} ${unit + 1}`, left, side * SIDE + 5);
  }
}

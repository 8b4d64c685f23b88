/** Uniform or normal: two forms of one variance. */

import { sliceOf } from "../data/digits";
import { histogramOf, spreadOf } from "../net/figures";
import { Net } from "../net/net";
import { type Area, type Board, FONT, Picture } from "../page/canvas";
import { type Chapter, figure, type Lab, liveLine } from "../page/chapter";
import { shapeOf } from "../page/shape";
import { choice, panel } from "../page/controls";
import { fillIn, written } from "../page/numbers";
import { choiceSetting } from "../page/state";
import { CONTROLS, FORMS } from "../text";

const LAYERS = 10;
const WIDTH = 128;
const EXAMPLES = 64;
const BINS = 61;

const form = choiceSetting("form", "xavier_uniform", ["xavier_uniform", "xavier_normal"]);

interface Sight {
  readonly weights: Float32Array;
  readonly values: Float32Array;
}

export const forms: Chapter = {
  name: "forms",
  settings: [form],
  build({ state, facts, digits }: Lab): HTMLElement {
    const net = new Net(shapeOf({ width: WIDTH, depth: LAYERS }), facts);
    const line = liveLine();
    const look = (): Sight => {
      net.start({ rule: state.get(form), sigma: 0, seed: 0 });
      const some = sliceOf(digits.train, 0, EXAMPLES);
      net.forward(some.inputs, some.count);
      return { weights: net.layers[1].weight, values: net.layers[LAYERS - 1].values };
    };
    const picture = new Picture((board) => {
      const sight = look();
      paint(board, sight);
      const said = fillIn(FORMS.line, { weights: written(spreadOf(sight.weights).std, 3), values: written(spreadOf(sight.values).std, 3) });
      line.say(said);
      picture.describe(said);
    }, (width) => (width < 500 ? 330 : 210), FORMS.values);
    state.watch([form], () => picture.refresh());
    return figure(panel(choice(state, form, CONTROLS.form, FORMS.names)), picture.element, line.element);
  },
};

function paint(board: Board, { weights, values }: Sight): void {
  if (board.width < 500) {
    paintHistogram(board, weights, 0.35, FORMS.weights, { x: 0, y: 0, width: board.width, height: 160 });
    paintHistogram(board, values, 1, FORMS.values, { x: 0, y: 165, width: board.width, height: 160 });
    return;
  }
  const width = board.width / 2 - 16;
  paintHistogram(board, weights, 0.35, FORMS.weights, { x: 0, y: 0, width, height: board.height });
  paintHistogram(board, values, 1, FORMS.values, { x: width + 32, y: 0, width, height: board.height });
}

function paintHistogram({ pen, color }: Board, values: Float32Array, reach: number, title: string, at: Area): void {
  const bottom = at.y + at.height - 22;
  const shares = histogramOf(values, -reach, reach, BINS);
  const most = Math.max(...shares);
  pen.fillStyle = color("mark");
  shares.forEach((share, bin) => {
    const tall = (share / most) * (at.height - 50);
    pen.fillRect(at.x + (bin * at.width) / BINS, bottom - tall, at.width / BINS - 1, tall);
  });
  pen.fillStyle = color("soft");
  pen.font = `12px ${FONT}`;
  pen.textBaseline = "top";
  pen.textAlign = "left";
  pen.fillText(title, at.x, at.y + 2);
  pen.textAlign = "center";
  for (const place of [-0.8, -0.4, 0, 0.4, 0.8]) {
    const tick = Number((place * reach).toPrecision(2));
    pen.fillText(String(tick).replace("-", "−"), at.x + ((place + 1) / 2) * at.width, bottom + 5);
  }
}

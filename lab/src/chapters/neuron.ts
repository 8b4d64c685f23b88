/** One neuron: n inputs, and a bar that should reach 1. */

import { histogramOf, spreadOf } from "../net/figures";
import { type Board, FONT, Picture } from "../page/canvas";
import { type Chapter, figure, type Lab, liveLine } from "../page/chapter";
import { listScale, logScale, panel, slider } from "../page/controls";
import { fillIn, written } from "../page/numbers";
import { numberSetting } from "../page/state";
import { keyOf, standardNormal } from "../stream";
import { CONTROLS, NEURON } from "../text";

const SUMS = 1500;
const MOST = 1024;
const REACH = 4;
const BINS = 61;
const COUNTS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, MOST];

const inputs = numberSetting("inputs", 64, 1, MOST, true);
const spread = numberSetting("spread", 0.5, 0.005, 2);

export const neuron: Chapter = {
  name: "neuron",
  settings: [inputs, spread],
  build({ state }: Lab): HTMLElement {
    const line = liveLine();
    const picture = new Picture((board) => {
      const [n, sigma] = [state.get(inputs), state.get(spread)];
      const sums = sumsOf(n, sigma);
      paint(board, sums, n * sigma * sigma);
      const gaps = { n, sigma: written(sigma, 3), promised: written(n * sigma ** 2, 3), seen: written(spreadOf(sums).std ** 2, 3) };
      line.say(fillIn(NEURON.line, gaps));
      picture.describe(fillIn(NEURON.line, gaps));
    }, (width) => (width < 500 ? 230 : 250), NEURON.sums);
    state.watch([inputs, spread], () => picture.refresh());
    return figure(
      panel(
        slider(state, inputs, CONTROLS.inputs, listScale(COUNTS), (value) => `n = ${value}`),
        slider(state, spread, CONTROLS.sigma, logScale(spread), (value) => `σ = ${written(value, 3)}`),
      ),
      picture.element,
      line.element,
    );
  },
};

const noise = new Map<number, Float32Array>();

/** Return sums of n products w·x, x and w/σ drawn from N(0, 1), each sum from other draws. */
function sumsOf(n: number, sigma: number): Float32Array {
  let sums = noise.get(n);
  if (sums === undefined) {
    sums = new Float32Array(SUMS);
    for (let each = 0; each < SUMS; each++) {
      const w = standardNormal(keyOf(0, "neuron/w"), n, each * MOST);
      const x = standardNormal(keyOf(0, "neuron/x"), n, each * MOST);
      for (let i = 0; i < n; i++) sums[each] += w[i] * x[i];
    }
    noise.set(n, sums);
  }
  return sums.map((sum) => sum * sigma);
}

function paint(board: Board, sums: Float32Array, variance: number): void {
  const barRoom = board.width < 500 ? 84 : 130;
  paintHistogram(board, sums, board.width - barRoom - 16);
  paintBar(board, variance, board.width - barRoom, barRoom);
}

function paintHistogram({ pen, height, color }: Board, sums: Float32Array, width: number): void {
  const bottom = height - 24;
  const shares = histogramOf(sums, -REACH, REACH, BINS);
  const most = Math.max(...shares, 0.06);
  pen.fillStyle = color("mark");
  shares.forEach((share, bin) => {
    const tall = (share / most) * (bottom - 24);
    pen.fillRect((bin * width) / BINS, bottom - tall, width / BINS - 1, tall);
  });
  pen.fillStyle = color("soft");
  pen.font = `12px ${FONT}`;
  pen.textAlign = "left";
  pen.textBaseline = "top";
  pen.fillText(NEURON.sums, 0, 2);
  pen.textAlign = "center";
  for (const tick of [-3, -2, -1, 0, 1, 2, 3]) {
    pen.fillText(String(tick).replace("-", "−"), ((tick + REACH) / (2 * REACH)) * width, bottom + 6);
  }
}

/** Paint n·Var(w) on a scale of powers of two, with the line that it should reach. */
function paintBar({ pen, height, color }: Board, variance: number, left: number, room: number): void {
  const [top, bottom] = [26, height - 24];
  const place = (value: number): number => bottom - ((Math.log2(value) + 8) / 16) * (bottom - top);
  const y = Math.min(Math.max(place(variance), top), bottom - 1);
  pen.fillStyle = color(Math.abs(Math.log2(variance)) < 0.2 ? "yes" : "no");
  pen.fillRect(left + room / 2 - 18, y, 36, bottom - y);
  pen.strokeStyle = color("ink");
  pen.setLineDash([4, 3]);
  pen.beginPath();
  pen.moveTo(left, place(1));
  pen.lineTo(left + room, place(1));
  pen.stroke();
  pen.setLineDash([]);
  pen.textAlign = "right";
  pen.textBaseline = "bottom";
  for (const tick of [1 / 64, 1, 64]) {
    pen.fillStyle = color(tick === 1 ? "ink" : "soft");
    pen.font = tick === 1 ? `bold 13px ${FONT}` : `11px ${FONT}`;
    pen.fillText(tick < 1 ? "1/64" : String(tick), left + room, place(tick) - 2);
  }
  pen.fillStyle = color("ink");
  pen.font = `bold 13px ${FONT}`;
  pen.textAlign = "center";
  pen.textBaseline = "top";
  pen.fillText("n·Var(w)", left + room / 2, 2);
  pen.fillText(written(variance, 3), left + room / 2, bottom + 6);
}

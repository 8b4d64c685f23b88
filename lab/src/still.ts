/** A picture for browsers in which the page can't run: three starts of the first net, as SVG. */

import { sliceOf } from "./data/digits";
import { DIGITS, FACTS } from "./data/files";
import { histogramOf, spreadOf } from "./net/figures";
import { Net } from "./net/net";
import type { Start } from "./net/types";
import { shapeOf } from "./page/shape";
import { brief } from "./page/numbers";
import { PAGE } from "./text";

const [LAYERS, WIDTH, EXAMPLES, BINS] = [10, 128, 64, 41];
const [LEFT, STEP, TALL, ROW] = [110, 58, 120, 165];

const STARTS: readonly (readonly [string, Start])[] = [
  ["σ = 0.01", { rule: "sigma", sigma: 0.01, seed: 0 }],
  ["Xavier", { rule: "xavier_normal", sigma: 0, seed: 0 }],
  ["σ = 1", { rule: "sigma", sigma: 1, seed: 0 }],
];

/** What the template of the page leaves open. */
export default {
  title: PAGE.tab,
  description: PAGE.description,
  still: `<h1>${PAGE.title}</h1>\n<p>${PAGE.still}</p>\n${picture()}`,
};

function picture(): string {
  const net = new Net(shapeOf({ width: WIDTH, depth: LAYERS }), FACTS);
  const { inputs } = sliceOf(DIGITS.train, 0, EXAMPLES);
  const rows = STARTS.map(([name, start], index) => {
    net.start(start);
    net.forward(inputs, EXAMPLES);
    const columns = net.layers.slice(0, LAYERS).map(({ values }, layer) => column(values, LEFT + layer * STEP, 20));
    return `<g transform="translate(0 ${index * ROW})"><text x="0" y="85">${name}</text>${columns.join("")}</g>`;
  });
  const size = `0 0 ${LEFT + LAYERS * STEP} ${STARTS.length * ROW}`;
  return `<svg class="still" viewBox="${size}" role="img" aria-label="${PAGE.stillPicture}">${rows.join("")}</svg>`;
}

/** Return one column: a histogram that stands upright, and its standard deviation. */
function column(values: Float32Array, left: number, top: number): string {
  const shares = histogramOf(values, -1.1, 1.1, BINS);
  const most = shares.reduce((best, share) => Math.max(best, share), 0);
  const tall = TALL / BINS;
  let path = "";
  shares.forEach((share, bin) => {
    const wide = Math.round((share / most) * 50);
    if (wide > 0) path += `M${left + 25 - wide / 2} ${(top + TALL - (bin + 0.5) * tall).toFixed(1)}h${wide}`;
  });
  return `<path d="${path}"/><text class="std" x="${left + 25}" y="${top + TALL + 16}">${brief(spreadOf(values).std)}</text>`;
}

/** The narrow band: a map of all depths and scales. */

import { type Band, bandOf, DEPTHS, SCALES } from "../data/bands";
import type { Activation } from "../net/types";
import { type Area, type Board, FONT, Picture } from "../page/canvas";
import { type Chapter, figure, type Lab, liveLine } from "../page/chapter";
import { choice, listScale, menu, panel, slider } from "../page/controls";
import { fillIn, percent, written } from "../page/numbers";
import { choiceSetting, numberSetting, type State } from "../page/state";
import { ACTIVATION_NAMES, BAND, CONTROLS } from "../text";
import { paintKey, paintMap } from "./map";

const AXIS = 44;
const BELOW = 84;
const WIDEST = 560;
const INK = "#111";

const phi = choiceSetting("map", "tanh", Object.keys(ACTIVATION_NAMES) as Activation[]);
const shows = choiceSetting("shows", "signal", ["signal", "accuracy"]);
const scaleAt = numberSetting("map_scale", SCALES[SCALES.length / 2], SCALES[0], SCALES[SCALES.length - 1]);
const depthAt = numberSetting("map_depth", 22, 1, 50, true);

export const band: Chapter = {
  name: "band",
  settings: [phi, shows, scaleAt, depthAt],
  build({ state }: Lab): HTMLElement {
    const line = liveLine();
    let map = bandOf(state.get(phi));
    const picture = new Picture((board) => paint(board, map, state), (width) => Math.min(width, WIDEST) * 0.8 + BELOW, BAND.picture);
    state.watch([phi], () => {
      map = bandOf(state.get(phi));
    });
    state.watch(band.settings, () => {
      picture.refresh();
      line.say(read(map, state));
      picture.describe(`${BAND.picture} ${read(map, state)}`);
    });
    picture.onPointer((place) => {
      const { width, height } = sizeOf(place.width);
      const [x, y] = [(place.x - AXIS) / width, 1 - place.y / height];
      if (x < 0 || x >= 1 || y < 0 || y >= 1) return;
      state.set(scaleAt, SCALES[Math.floor(x * SCALES.length)]);
      state.set(depthAt, DEPTHS[Math.floor(y * DEPTHS.length)]);
    });
    const controls = panel(
      menu(state, phi, CONTROLS.map, ACTIVATION_NAMES),
      choice(state, shows, CONTROLS.shows, BAND.names),
      slider(state, scaleAt, CONTROLS.scale, listScale(SCALES), (value) => `σ·√n = ${written(value)}`),
      slider(state, depthAt, CONTROLS.depth, listScale(DEPTHS), String),
    );
    return figure(controls, picture.element, line.element);
  },
};

function sizeOf(width: number): { width: number; height: number } {
  const room = Math.min(width, WIDEST);
  return { width: room - AXIS, height: room * 0.8 };
}

/** Return the place of the point that is read, in steps of the map. */
function pointOf(state: State): { row: number; column: number } {
  const nearest = (values: readonly number[], value: number): number =>
    values.reduce((best, each, index) => (Math.abs(each - value) < Math.abs(values[best] - value) ? index : best), 0);
  return { row: nearest(DEPTHS, state.get(depthAt)), column: nearest(SCALES, state.get(scaleAt)) };
}

function read({ product, accuracy }: Band, state: State): string {
  const { row, column } = pointOf(state);
  const at = row * SCALES.length + column;
  const gaps = { scale: written(SCALES[column]), depth: DEPTHS[row] === 1 ? BAND.oneLayer : `${DEPTHS[row]} ${BAND.layers}` };
  if (state.get(shows) === "accuracy") return fillIn(BAND.accuracy, { ...gaps, value: percent(accuracy[at]) });
  return fillIn(BAND.signal, { ...gaps, value: written(10 ** product[at]) });
}

function paint(board: Board, map: Band, state: State): void {
  const { pen, color } = board;
  const { width, height } = sizeOf(board.width);
  const frame = { x: AXIS, y: 0, width, height };
  const isSignal = state.get(shows) === "signal";
  paintMap(pen, isSignal ? map.product : map.accuracy, isSignal ? "signal" : "accuracy", frame);
  paintTheory(board, map.theory, frame);
  paintPoint(board, pointOf(state), frame);
  pen.font = `12px ${FONT}`;
  pen.fillStyle = color("soft");
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const depth of [1, 10, 20, 30, 40, 50]) {
    pen.fillText(String(depth), AXIS - 6, Math.min(Math.max(height * (1 - (depth - 0.5) / 50), 7), height - 6));
  }
  pen.textAlign = "center";
  pen.textBaseline = "top";
  for (const scale of [0.1, 0.3, 1, 3, 10]) {
    const x = AXIS + ((Math.log10(scale) + 1) / 2) * width;
    pen.fillText(String(scale), Math.min(Math.max(x, AXIS + 8), AXIS + width - 8), height + 5);
  }
  pen.fillText(`${BAND.axes.scale} →`, AXIS + width / 2, height + 22);
  pen.save();
  pen.translate(2, height / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(`${BAND.axes.depth} →`, 0, 0);
  pen.restore();
  paintKey(board, isSignal ? "signal" : "accuracy", { x: AXIS, y: height + 46, width, height: 12 });
}

/** Draw where theory expects signal × gradient to come out as they went in, depth by depth. */
function paintTheory({ pen }: Board, theory: Float32Array, frame: Area): void {
  const columns = SCALES.length;
  pen.strokeStyle = INK; // the map has the same colours on dark ground
  pen.lineWidth = 2;
  pen.setLineDash([6, 4]);
  pen.beginPath();
  let isDrawn = false;
  for (let row = 0; row < DEPTHS.length; row++) {
    const column = crossingOf(theory.subarray(row * columns, (row + 1) * columns));
    if (column !== undefined) {
      const x = frame.x + ((column + 0.5) / columns) * frame.width;
      const y = frame.y + (1 - (row + 0.5) / DEPTHS.length) * frame.height;
      if (isDrawn) pen.lineTo(x, y);
      else pen.moveTo(x, y);
    }
    isDrawn = column !== undefined;
  }
  pen.stroke();
  pen.setLineDash([]);
  pen.lineWidth = 1;
}

/** Return the place, between two columns, where a row goes from below 0 to above. */
function crossingOf(row: Float32Array): number | undefined {
  for (let column = 0; column + 1 < row.length; column++) {
    const [one, other] = [row[column], row[column + 1]];
    if (one <= 0 && other > 0) return column - one / (other - one);
  }
  return undefined;
}

function paintPoint({ pen }: Board, { row, column }: { row: number; column: number }, frame: Area): void {
  const x = frame.x + ((column + 0.5) / SCALES.length) * frame.width;
  const y = frame.y + (1 - (row + 0.5) / DEPTHS.length) * frame.height;
  for (const [radius, tone] of [[8, "#fff"], [6, INK]] as const) {
    pen.strokeStyle = tone;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.stroke();
  }
  pen.lineWidth = 1;
}

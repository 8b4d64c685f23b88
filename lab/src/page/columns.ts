/** A net as columns: the sums of each layer, as a histogram that stands upright beside the curve of φ. */

import type { Zone } from "../data/facts";
import { histogramOf } from "../net/figures";
import { type Area, type Board, FONT } from "./canvas";
import { brief } from "./numbers";

/** One column: the numbers, and how far they spread. */
export interface Column {
  readonly values: Float32Array;
  readonly std: number;
}

/** A row of columns on one axis. */
export interface ColumnRow {
  readonly columns: readonly Column[];
  readonly low: number;
  readonly high: number;
  /** Where the activation is flat; shaded. */
  readonly zones: readonly Zone[];
  /** φ at equal steps from low to high, drawn beside the axis; empty for none. */
  readonly curve: Float32Array;
  /** The colour of the bars. */
  readonly color: string;
  readonly title: string;
  /** Where the signal comes from; an arrow shows it. */
  readonly flow: "right" | "left";
}

const AXIS = 40;
const RIGHT = 14;
const TOP = 24;
const BELOW = 36;
const BINS = 41;
const NARROW = 500;

/** Paint a row of columns into a strip of the board. */
export function paintColumns(board: Board, row: ColumnRow, top: number, height: number): void {
  const left = AXIS + curveRoom(board);
  const area = { x: left, y: top + TOP, width: board.width - left - RIGHT, height: height - TOP - BELOW };
  const place = (value: number): number => area.y + ((row.high - value) / (row.high - row.low)) * area.height;
  paintTitle(board, row, top, left);
  paintZones(board, row, area, place);
  paintAxis(board, row, area, place);
  const step = area.width / row.columns.length;
  row.columns.forEach((column, index) => {
    paintBars(board, row, column, area.x + index * step, step, area);
  });
  paintCurve(board, row.curve, area);
  paintLabels(board, row, area, step);
}

function curveRoom({ width }: Board): number {
  return width < NARROW ? 34 : 70;
}

/** Draw φ on its side: up is its argument, and to the right its value. */
function paintCurve(board: Board, curve: Float32Array, area: Area): void {
  if (curve.length === 0) return;
  const { pen, color } = board;
  const room = curveRoom(board) - 14;
  const [low, high] = [Math.min(...curve), Math.max(...curve)];
  pen.strokeStyle = color("ink");
  pen.lineWidth = 2;
  pen.beginPath();
  curve.forEach((value, index) => {
    const x = AXIS + 4 + ((value - low) / (high - low)) * room;
    pen.lineTo(x, area.y + area.height * (1 - index / (curve.length - 1)));
  });
  pen.stroke();
  pen.lineWidth = 1;
  pen.fillStyle = color("ink");
  pen.font = `italic 14px ${FONT}`;
  pen.textAlign = "left";
  pen.textBaseline = "top";
  pen.fillText("φ", AXIS + 4, area.y - 19);
}

function paintTitle({ pen, width, color }: Board, { title, flow }: ColumnRow, top: number, left: number): void {
  pen.font = `13px ${FONT}`;
  pen.fillStyle = color("soft");
  pen.textBaseline = "top";
  pen.textAlign = flow === "right" ? "left" : "right";
  pen.fillText(flow === "right" ? `${title} →` : `← ${title}`, flow === "right" ? left : width - RIGHT, top + 3);
}

function paintZones(board: Board, row: ColumnRow, area: Area, place: (value: number) => number): void {
  board.pen.fillStyle = board.color("zone");
  for (const [low, high] of row.zones) {
    const from = place(Math.min(high ?? row.high, row.high));
    const to = place(Math.max(low ?? row.low, row.low));
    if (to > from) board.pen.fillRect(AXIS, from, area.x + area.width - AXIS, to - from);
  }
}

function paintAxis({ pen, color }: Board, row: ColumnRow, area: Area, place: (value: number) => number): void {
  pen.font = `11px ${FONT}`;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const tick of ticksOf(row.low, row.high)) {
    const y = Math.round(place(tick)) + 0.5;
    pen.strokeStyle = color(tick === 0 ? "axis" : "grid");
    pen.beginPath();
    pen.moveTo(AXIS, y);
    pen.lineTo(area.x + area.width, y);
    pen.stroke();
    pen.fillStyle = color("soft");
    pen.fillText(`${tick < 0 ? "−" : ""}${brief(Math.abs(tick))}`, AXIS - 6, y);
  }
}

function ticksOf(low: number, high: number): number[] {
  const reach = Math.max(Math.abs(low), Math.abs(high));
  const unit = 10 ** Math.floor(Math.log10(reach));
  const step = [0.5, 1, 2, 5].map((each) => each * unit).find((each) => reach / each <= 2.5) ?? unit;
  const ticks: number[] = [];
  for (let tick = Math.ceil(low / step); tick <= Math.floor(high / step); tick++) ticks.push(tick * step);
  return ticks;
}

function paintBars(board: Board, row: ColumnRow, column: Column, x: number, step: number, area: Area): void {
  const shares = histogramOf(column.values, row.low, row.high, BINS);
  const most = shares.reduce((best, share) => Math.max(best, share), 0);
  if (!(most > 0)) return;
  const widest = step * 0.86;
  const tall = area.height / BINS;
  board.pen.fillStyle = board.color(row.color);
  for (let bin = 0; bin < BINS; bin++) {
    const wide = (shares[bin] / most) * widest;
    if (wide > 0) {
      const y = area.y + area.height - (bin + 1) * tall;
      board.pen.fillRect(x + (step - wide) / 2, y, Math.max(wide, 0.5), Math.max(tall - 0.5, 0.8));
    }
  }
}

function paintLabels({ pen, color }: Board, { columns }: ColumnRow, area: Area, step: number): void {
  const every = [1, 2, 5, 10, 25].find((each) => each * step >= 52) ?? 50;
  const bottom = area.y + area.height;
  pen.textAlign = "center";
  pen.textBaseline = "top";
  columns.forEach(({ std }, index) => {
    if ((index + 1) % every !== 0) return;
    const x = Math.min(area.x + (index + 0.5) * step, area.x + area.width - 8);
    pen.font = `11px ${FONT}`;
    pen.fillStyle = color("soft");
    pen.fillText(String(index + 1), x, bottom + 5);
    pen.fillStyle = color("ink");
    pen.font = `bold 11px ${FONT}`;
    pen.fillText(brief(std), x, bottom + 20);
  });
  pen.textAlign = "right";
  pen.font = `11px ${FONT}`;
  pen.fillStyle = color("soft");
  pen.fillText("layer", AXIS - 6, bottom + 5);
  pen.fillText("std", AXIS - 6, bottom + 20);
}

/** Courses of training: the share of digits recognised, step by step. */

import { type Board, FONT, Picture } from "./canvas";
import { percent } from "./numbers";

export interface Curve {
  readonly name: string;
  readonly color: string;
  readonly dashes: readonly number[];
  readonly points: { readonly step: number; readonly share: number }[];
}

const LEFT = 42;
const TOP = 10;
const BELOW = 30;
const LEAST_GAP = 15;
const NAME_FONT = `bold 12px ${FONT}`;

/** Return a picture of curves, which the caller fills and refreshes. */
export function curvesPicture(curves: () => readonly Curve[], steps: () => number, label: string): Picture {
  return new Picture((board) => paintCurves(board, curves(), steps()), (width) => (width < 500 ? 220 : 260), label);
}

function paintCurves(board: Board, curves: readonly Curve[], steps: number): void {
  const { pen, width, height, color } = board;
  pen.font = NAME_FONT;
  const names = curves.map(({ name }) => pen.measureText(`100 % ${name}`).width);
  const right = width - Math.max(60, ...names) - 12;
  const x = (step: number): number => LEFT + (step / Math.max(steps, 1)) * (right - LEFT);
  const y = (share: number): number => TOP + (1 - share) * (height - TOP - BELOW);
  pen.font = `12px ${FONT}`;
  pen.lineWidth = 1;
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    pen.strokeStyle = color(share === 0 ? "axis" : "grid");
    line(pen, [[LEFT, y(share)], [right, y(share)]]);
    pen.fillStyle = color("soft");
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.fillText(percent(share), LEFT - 6, y(share));
  }
  pen.textAlign = "center";
  pen.textBaseline = "bottom";
  pen.fillText("steps of training →", (LEFT + right) / 2, height - 2);
  for (const { points, color: name, dashes } of curves) {
    pen.strokeStyle = color(name);
    pen.lineWidth = 2.5;
    pen.setLineDash([...dashes]);
    line(pen, points.map(({ step, share }) => [x(step), y(share)]));
    pen.setLineDash([]);
  }
  paintNames(board, curves, right + 8, y);
}

/** Write each name at the end of its curve, and none over another. */
function paintNames({ pen, color }: Board, curves: readonly Curve[], x: number, y: (share: number) => number): void {
  const ends = curves
    .filter(({ points }) => points.length > 0)
    .map((curve) => ({ curve, share: curve.points[curve.points.length - 1].share, place: 0 }))
    .sort((one, other) => other.share - one.share);
  let free = 0;
  for (const end of ends) {
    end.place = Math.max(y(end.share), free);
    free = end.place + LEAST_GAP;
  }
  const over = free - LEAST_GAP - y(0);
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.font = NAME_FONT;
  for (const { curve, share, place } of ends) {
    pen.fillStyle = color(curve.color.replace(/^c/, "t"));
    pen.fillText(`${percent(share)} ${curve.name}`, x, place - Math.max(over, 0));
  }
}

function line(pen: CanvasRenderingContext2D, points: readonly (readonly [number, number])[]): void {
  pen.beginPath();
  points.forEach(([x, y], index) => (index === 0 ? pen.moveTo(x, y) : pen.lineTo(x, y)));
  pen.stroke();
}

/** The net on its stage: drawn, run and painted as often as a control moves. */

import { type Digits, type Examples, sliceOf } from "../data/digits";
import type { Facts } from "../data/facts";
import { activate } from "../net/activations";
import { saturatedShare, spreadOf } from "../net/figures";
import { Net } from "../net/net";
import type { Activation, Shape, Start } from "../net/types";
import { type Board, Picture } from "./canvas";
import { type Column, paintColumns } from "./columns";
import { fillIn, percent, written } from "./numbers";
import { STAGE } from "../text";

const EXAMPLES = 64;
const GRADIENT_REACH = 4;
const LIFELESS = 0.02;
const BURSTING = 50;
const JAMMED = 0.5;

/** What was seen of the hidden layers. */
export interface Seen {
  readonly stds: readonly number[];
  readonly gradientStds: readonly number[];
  /** The share of the last hidden layer's sums in flat zones. */
  readonly saturated: number;
}

/** How far the axis of sums reaches, in both directions. */
const REACH = 4;
const CURVE_POINTS = 81;

interface StageOptions {
  readonly gradients?: boolean;
  /** Called after each painting. */
  readonly onSeen?: (seen: Seen) => void;
}

/** A picture of the sums of each layer and, if wished, of the gradients. */
export class Stage {
  readonly picture: Picture;
  private net: Net | undefined;
  private shape: Shape | undefined;
  private wish: { shape: Shape; start: Start } | undefined;
  private readonly facts: Facts;
  private readonly examples: Examples;
  private readonly options: StageOptions;

  constructor(facts: Facts, digits: Digits, options: StageOptions = {}) {
    this.facts = facts;
    this.examples = sliceOf(digits.train, 0, EXAMPLES);
    this.options = options;
    const height = options.gradients === true ? 450 : 270;
    this.picture = new Picture((board) => this.paint(board), (width) => (width < 500 ? height * 0.85 : height), STAGE.unpainted);
  }

  /** Show this net from this start with the next frame. */
  show(shape: Shape, start: Start): void {
    this.wish = { shape, start };
    this.picture.refresh();
  }

  private paint(board: Board): void {
    if (this.wish === undefined) return;
    const { shape, start } = this.wish;
    const net = this.run(shape, start);
    const hidden = net.layers.slice(0, -1);
    const sums = hidden.map((layer) => columnOf(layer.sums));
    const gradients = this.options.gradients === true ? hidden.map((layer) => columnOf(layer.sumGradient)) : [];
    this.paintRows(board, shape, sums, gradients);
    const seen = {
      stds: sums.map(({ std }) => std),
      gradientStds: gradients.map(({ std }) => std),
      saturated: saturatedShare(net.layers[shape.depth - 1], this.facts.activations[shape.activation]),
    };
    this.picture.describe(describe(seen));
    this.options.onSeen?.(seen);
  }

  private run(shape: Shape, start: Start): Net {
    if (this.net === undefined || this.shape === undefined || !isSame(this.shape, shape)) {
      this.net = new Net(shape, this.facts);
      this.shape = shape;
    }
    this.net.start(start);
    this.net.forward(this.examples.inputs, this.examples.count);
    if (this.options.gradients === true) this.net.backward(this.examples.labels, "sums");
    return this.net;
  }

  private paintRows(board: Board, shape: Shape, sums: readonly Column[], gradients: readonly Column[]): void {
    const zones = this.facts.activations[shape.activation].flat_sums;
    const top = gradients.length > 0 ? board.height * 0.54 : board.height;
    const ahead = { low: -REACH, high: REACH, zones, curve: curveOf(shape.activation), color: "mark", flow: "right" } as const;
    paintColumns(board, { ...ahead, columns: sums, title: STAGE.sums }, 0, top);
    if (gradients.length === 0) return;
    const last = gradients[gradients.length - 1].std;
    const reach = GRADIENT_REACH * (last > 0 && last < Infinity ? last : 1);
    const back = { low: -reach, high: reach, zones: [], curve: NO_CURVE, color: "c12", flow: "left" } as const;
    paintColumns(board, { ...back, columns: gradients, title: STAGE.gradients }, top, board.height - top);
  }
}

const NO_CURVE = new Float32Array(0);

/** Return φ from one end of the axis to the other. */
function curveOf(activation: Activation): Float32Array {
  const points = Float32Array.from({ length: CURVE_POINTS }, (_, index) => REACH * ((2 * index) / (CURVE_POINTS - 1) - 1));
  activate(activation, points, points);
  return points;
}

/** Say in one sentence what became of the signal. */
export function judge({ stds, saturated }: Seen): string {
  const last = stds[stds.length - 1];
  const gaps = { first: written(stds[0]), last: written(last), depth: stds.length, saturated: percent(saturated) };
  const kept = last / stds[0];
  if (!Number.isFinite(last)) return fillIn(STAGE.overflown, gaps);
  if (last === 0) return fillIn(STAGE.silent, gaps);
  if (saturated > JAMMED) return fillIn(STAGE.saturated, gaps);
  if (kept < LIFELESS) return fillIn(STAGE.dying, gaps);
  if (kept > BURSTING) return fillIn(STAGE.bursting, gaps);
  return fillIn(STAGE.alive, gaps);
}

function columnOf(values: Float32Array): Column {
  return { values, std: spreadOf(values).std };
}

function isSame(one: Shape, other: Shape): boolean {
  return (Object.keys(one) as (keyof Shape)[]).every((name) => one[name] === other[name]);
}

function describe({ stds, gradientStds }: Seen): string {
  const list = (numbers: readonly number[]): string => numbers.map((number) => written(number)).join(", ");
  const values = fillIn(STAGE.described, { list: list(stds) });
  return gradientStds.length === 0 ? values : `${values} ${fillIn(STAGE.gradientsDescribed, { list: list(gradientStds) })}`;
}

/** The net on its stage: drawn, run and painted as often as a control moves. */

import { type Digits, type Examples, sliceOf } from "../data/digits";
import type { ActivationFacts, Facts } from "../data/facts";
import { activate } from "../net/activations";
import { saturatedShare, spreadOf } from "../net/figures";
import { Net } from "../net/net";
import type { Activation, Shape, Start } from "../net/types";
import { type Board, Picture } from "./canvas";
import { type Column, paintColumns } from "./columns";
import { fillIn, percent, written } from "./numbers";
import { ACTIVATION_NAMES, STAGE } from "../text";

const EXAMPLES = 64;

/** How many standard deviations of the widest column its axis reaches, in both directions. */
const WIDE = 3.2;
/** How far the axis of sums reaches at least. */
const REACH = 4;
const CURVE_POINTS = 81;

/** What is left of the spread at the other end: below the first it is lost, below the second it fades, and so upwards. */
const [LOST, FADED, GROWN, BURST] = [0.02, 0.2, 5, 50];
const JAMMED = 0.5;

/** What was seen of the hidden layers. */
export interface Seen {
  readonly stds: readonly number[];
  readonly gradientStds: readonly number[];
  readonly activation: Activation;
  /** The share of the last hidden layer's sums in flat zones, if there is one on both sides; 0 otherwise. */
  readonly saturated: number;
}

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
    const facts = this.facts.activations[shape.activation];
    const seen = {
      stds: sums.map(({ std }) => std),
      gradientStds: gradients.map(({ std }) => std),
      activation: shape.activation,
      saturated: isBounded(facts) ? saturatedShare(net.layers[shape.depth - 1], facts) : 0,
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
    const facts = this.facts.activations[shape.activation];
    const top = gradients.length > 0 ? board.height * 0.54 : board.height;
    const reach = isBounded(facts) ? REACH : Math.max(REACH, reachOf(sums));
    const title = fillIn(STAGE.sums, { phi: ACTIVATION_NAMES[shape.activation] });
    const ahead = { low: -reach, high: reach, zones: facts.flat_sums, curve: curveOf(shape.activation, reach) };
    paintColumns(board, { ...ahead, columns: sums, color: "mark", title, flow: "right" }, 0, top);
    if (gradients.length === 0) return;
    const far = reachOf(gradients) || 1;
    const back = { low: -far, high: far, zones: [], curve: NO_CURVE, color: "c12", title: STAGE.gradients } as const;
    paintColumns(board, { ...back, columns: gradients, flow: "left" }, top, board.height - top);
  }
}

/** Whether φ is flat on both sides, so that sums beyond its bend need no axis. */
function isBounded({ flat_sums: zones }: ActivationFacts): boolean {
  return zones.length === 2;
}

/** Return how far an axis must reach for the widest of columns; 0 where none is. */
function reachOf(columns: readonly Column[]): number {
  return WIDE * columns.reduce((most, { std }) => (Number.isFinite(std) ? Math.max(most, std) : most), 0);
}

const NO_CURVE = new Float32Array(0);

/** Return φ from one end of the axis to the other. */
function curveOf(activation: Activation, reach: number): Float32Array {
  const points = Float32Array.from({ length: CURVE_POINTS }, (_, index) => reach * ((2 * index) / (CURVE_POINTS - 1) - 1));
  activate(activation, points, points);
  return points;
}

/** Say in words what became of signal and gradient. */
export function judge({ stds, gradientStds, activation, saturated }: Seen): string {
  const last = stds[stds.length - 1];
  const gaps = { first: written(stds[0]), last: written(last), depth: stds.length, saturated: percent(saturated) };
  const signal = fillIn(signalWords(stds[0], last, saturated), { ...gaps, phi: ACTIVATION_NAMES[activation] });
  const [start, end] = [gradientStds[gradientStds.length - 1], gradientStds[0]];
  if (!(last > 0 && last < Infinity) || start === undefined) return signal;
  const words = gradientWords(end / start);
  return words === "" ? signal : `${signal} ${fillIn(words, { start: written(start), end: written(end) })}`;
}

function signalWords(first: number, last: number, saturated: number): string {
  if (!Number.isFinite(last)) return STAGE.overflown;
  if (last === 0) return STAGE.silent;
  if (saturated > JAMMED) return STAGE.saturated;
  const kept = last / first;
  if (kept < LOST) return STAGE.dying;
  if (kept < FADED) return STAGE.fading;
  if (kept > BURST) return STAGE.bursting;
  return kept > GROWN ? STAGE.growing : STAGE.alive;
}

function gradientWords(kept: number): string {
  if (!(kept < Infinity)) return "";
  if (kept < LOST) return STAGE.gradientVanishes;
  if (kept < FADED) return STAGE.gradientFades;
  if (kept > BURST) return STAGE.gradientBursts;
  return kept > GROWN ? STAGE.gradientGrows : "";
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

/** One layer's arrays, and its two passes. */

import { activate, applySlopes } from "./activations";
import { multiply } from "./multiply";
import { denormalize, normalize } from "./norm";
import { transpose } from "./transpose";
import type { Activation, Layer } from "./types";

const NOTHING: Float32Array = new Float32Array(0);

/** What a layer does with what it receives, beside W·x + b. */
export interface Way {
  readonly activation: Activation;
  readonly skips: boolean;
  readonly norms: boolean;
}

/** Arrays that one layer after another uses. */
export class Scratch {
  private readonly arrays = new Map<string, Float32Array>();

  /** Return the array of a name, cut to a length; what it held is undefined. */
  take(name: string, length: number): Float32Array {
    const known = this.arrays.get(name) ?? NOTHING;
    if (known.length >= length) return known.subarray(0, length);
    const longer = new Float32Array(length);
    this.arrays.set(name, longer);
    return longer;
  }
}

/** A dense layer: what it receives → normed → sums → φ → what the next one receives. */
export class Dense implements Layer {
  readonly fanIn: number;
  readonly fanOut: number;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly weightGradient: Float32Array;
  readonly biasGradient: Float32Array;
  sums = NOTHING;
  values = NOTHING;
  sumGradient = NOTHING;
  private readonly way: Way;
  private readonly scratch: Scratch;
  private capacity = 0;
  private whole = { sums: NOTHING, curved: NOTHING, values: NOTHING, gradient: NOTHING, normed: NOTHING, scales: NOTHING };
  private count = 0;
  private curved = NOTHING;
  private multiplied = NOTHING;

  constructor(fanIn: number, fanOut: number, way: Way, scratch: Scratch) {
    this.fanIn = fanIn;
    this.fanOut = fanOut;
    this.way = way;
    this.scratch = scratch;
    this.weight = new Float32Array(fanOut * fanIn);
    this.weightGradient = new Float32Array(fanOut * fanIn);
    this.bias = new Float32Array(fanOut);
    this.biasGradient = new Float32Array(fanOut);
  }

  /** Compute sums and values of what the layer receives, count × in. */
  forward(received: Float32Array, count: number): void {
    this.reserve(count);
    this.multiplied = received;
    if (this.way.norms) {
      this.multiplied = this.whole.normed.subarray(0, count * this.fanIn);
      normalize(received, this.fanIn, this.multiplied, this.whole.scales);
    }
    multiply(this.multiplied, this.weight, this.sums, count, this.fanOut, this.fanIn);
    addToRows(this.sums, this.bias);
    if (this.curved !== this.sums) activate(this.way.activation, this.sums, this.curved);
    if (this.way.skips) for (let i = 0; i < received.length; i++) this.values[i] = received[i] + this.curved[i];
  }

  /** Turn ∂L/∂values into the gradient of the sums. */
  backward(flow: Float32Array): void {
    this.sumGradient.set(flow);
    applySlopes(this.way.activation, this.sums, this.curved, this.sumGradient);
  }

  /** Turn the gradient of the sums into those of weights and biases. */
  backwardToWeights(): void {
    const { count, fanIn, fanOut } = this;
    const errors = transpose(this.sumGradient, count, fanOut, this.scratch.take("errors", count * fanOut));
    const inputs = transpose(this.multiplied, count, fanIn, this.scratch.take("inputs", count * fanIn));
    multiply(errors, inputs, this.weightGradient, fanOut, fanIn, count);
    for (let unit = 0, at = 0; unit < fanOut; unit++) {
      let sum = 0;
      for (let example = 0; example < count; example++, at++) sum += errors[at];
      this.biasGradient[unit] = sum;
    }
  }

  /** Turn the flow ∂L/∂values into that of what the layer received; `below` takes it. */
  passDown(flow: Float32Array, below: Float32Array): void {
    const { count, fanIn, fanOut } = this;
    const columns = transpose(this.weight, fanOut, fanIn, this.scratch.take("columns", fanIn * fanOut));
    multiply(this.sumGradient, columns, below, count, fanIn, fanOut);
    if (this.way.norms) denormalize(below, this.multiplied, fanIn, this.whole.scales);
    if (this.way.skips) for (let i = 0; i < below.length; i++) below[i] += flow[i];
  }

  /** Go one step down the gradient. */
  step(rate: number): void {
    for (let i = 0; i < this.weight.length; i++) this.weight[i] -= rate * this.weightGradient[i];
    for (let i = 0; i < this.bias.length; i++) this.bias[i] -= rate * this.biasGradient[i];
  }

  /** Cut the arrays to a number of examples; those of the identity without skips are one and the same. */
  private reserve(count: number): void {
    if (count > this.capacity) this.allocate(count);
    if (count === this.count) return;
    const length = count * this.fanOut;
    this.sums = this.whole.sums.subarray(0, length);
    this.sumGradient = this.whole.gradient.subarray(0, length);
    this.curved = this.way.activation === "identity" ? this.sums : this.whole.curved.subarray(0, length);
    this.values = this.way.skips ? this.whole.values.subarray(0, length) : this.curved;
    this.count = count;
  }

  private allocate(count: number): void {
    const make = (units: number, isNeeded: boolean) => new Float32Array(isNeeded ? count * units : 0);
    this.capacity = count;
    this.count = 0;
    this.whole = {
      sums: make(this.fanOut, true),
      curved: make(this.fanOut, this.way.activation !== "identity"),
      values: make(this.fanOut, this.way.skips),
      gradient: make(this.fanOut, true),
      normed: make(this.fanIn, this.way.norms),
      scales: make(1, this.way.norms),
    };
  }
}

function addToRows(matrix: Float32Array, row: Float32Array): void {
  for (let at = 0; at < matrix.length; ) for (let i = 0; i < row.length; i++) matrix[at++] += row[i];
}

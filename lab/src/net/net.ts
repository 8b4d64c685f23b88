/** A plain net of dense layers, with the weights that glorot draws. */

import type { Facts } from "../data/facts";
import { ACTIVATIONS } from "./activations";
import { lawOf } from "./laws";
import { Dense, Scratch } from "./layer";
import { crossEntropy, shareRight } from "./loss";
import type { Layer, Shape, Start } from "./types";
import { Drawer } from "./weights";

const DEEPEST = 50;

/**
 * A net: x₀ = examples, x_l = φ(W_l·x_{l−1} + b_l), logits = W·x_depth + b.
 *
 * Its parts are `layers.0.weight` to `layers.{depth}.weight`: a PyTorch model with its linear layers in
 * `self.layers` gets the same bits from `glorot.initialize(model, rule, seed=…)`.
 */
export class Net {
  readonly layers: readonly Layer[];
  private readonly shape: Shape;
  private readonly facts: Facts;
  private readonly dense: readonly Dense[];
  private readonly drawer = new Drawer();
  private readonly scratch = new Scratch();
  private count = 0;

  constructor(shape: Shape, facts: Facts) {
    checkShape(shape);
    this.shape = shape;
    this.facts = facts;
    this.dense = Array.from({ length: shape.depth + 1 }, (_, number) => {
      const isLast = number === shape.depth;
      const way = {
        activation: isLast ? "identity" : shape.activation,
        skips: shape.skips && number > 0 && !isLast,
        norms: shape.norms && number > 0,
      } as const;
      const fanIn = number === 0 ? shape.inputs : shape.width;
      return new Dense(fanIn, isLast ? shape.outputs : shape.width, way, this.scratch);
    });
    this.layers = this.dense;
  }

  /** Set all weights, and all biases to 0. */
  start(start: Start): void {
    this.dense.forEach((layer, number) => {
      const law = lawOf(this.shape, start, number, this.facts);
      this.drawer.draw(start.seed, `layers.${number}.weight`, law, layer.fanOut, layer.fanIn, layer.weight);
      layer.bias.fill(0);
    });
  }

  /** Compute all sums and values of examples, count × inputs. */
  forward(examples: Float32Array, count: number): void {
    if (count < 1 || examples.length !== count * this.shape.inputs) {
      throw new RangeError(
        `examples must be count × ${this.shape.inputs} numbers, got ${examples.length} for a count of ${count}`,
      );
    }
    this.count = count;
    let values = examples;
    for (const layer of this.dense) {
      layer.forward(values, count);
      values = layer.values;
    }
  }

  /**
   * Compute all gradients of the mean cross-entropy of the last forward pass, and return that.
   *
   * Who only looks at the gradients of the sums asks for them alone, in half the time.
   */
  backward(labels: Uint8Array, of: "all" | "sums" = "all"): number {
    const { outputs, width, depth } = this.shape;
    let flow = this.scratch.take("logits", this.count * outputs);
    const loss = this.loss(labels, flow);
    for (let number = depth; number > 0; number--) {
      const below = this.scratch.take(`flow ${number % 2}`, this.count * width);
      this.dense[number].backward(flow);
      this.dense[number].passDown(flow, below);
      flow = below;
    }
    this.dense[0].backward(flow);
    if (of === "all") for (const layer of this.dense) layer.backwardToWeights();
    return loss;
  }

  /** Go one step of plain gradient descent: w ← w − rate·∂L/∂w. */
  step(rate: number): void {
    for (const layer of this.dense) layer.step(rate);
  }

  /** Return the mean cross-entropy of the last forward pass, and write its gradient by the logits. */
  loss(labels: Uint8Array, gradient = this.scratch.take("logits", this.count * this.shape.outputs)): number {
    this.checkLabels(labels);
    return crossEntropy(this.dense[this.shape.depth].values, labels, this.shape.outputs, gradient);
  }

  /** Return the share of the examples of the last forward pass that are recognised. */
  accuracy(labels: Uint8Array): number {
    this.checkLabels(labels);
    return shareRight(this.dense[this.shape.depth].values, labels, this.shape.outputs);
  }

  private checkLabels(labels: Uint8Array): void {
    if (labels.length !== this.count || this.count === 0) {
      throw new RangeError(
        `labels must be one for each example of the last forward pass, ${this.count}, got ${labels.length}`,
      );
    }
  }
}

function checkShape(shape: Shape): void {
  for (const name of ["inputs", "width", "outputs"] as const) {
    const size = shape[name];
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new RangeError(`${name} must be a whole number from 1 upwards, got ${size}`);
    }
  }
  if (!Number.isSafeInteger(shape.depth) || shape.depth < 1 || shape.depth > DEEPEST) {
    throw new RangeError(`depth must be a whole number from 1 to ${DEEPEST}, got ${shape.depth}`);
  }
  if (!ACTIVATIONS.includes(shape.activation)) {
    throw new RangeError(
      `activation must be one of ${ACTIVATIONS.join(", ")}, got ${JSON.stringify(shape.activation)}`,
    );
  }
}

/** What a net of the lab is: its shape, its start, and what each layer holds after a pass. */

/** The activations, by glorot's own names. */
export type Activation =
  | "identity"
  | "tanh"
  | "sigmoid"
  | "relu"
  | "softsign"
  | "gelu"
  | "leaky_relu"
  | "elu"
  | "selu";

/** The rules that set the weights. Biases start at zero under every rule. */
export type Rule =
  | "zero"
  | "equal"
  | "sigma"
  | "standard"
  | "xavier_uniform"
  | "xavier_normal"
  | "he_normal"
  | "lecun_normal"
  | "orthogonal"
  | "auto";

/** The shape of a net: `depth` hidden layers of one width, and one more that gives the outputs. */
export interface Shape {
  readonly inputs: number;
  readonly width: number;
  /** Hidden layers, 1 to 50. */
  readonly depth: number;
  readonly outputs: number;
  readonly activation: Activation;
  /** Hidden layers after the first add what they receive: x + φ(Wx + b). */
  readonly skips: boolean;
  /** Pre-norm, without parameters: every layer after the first multiplies (x − mean)/√(var + 1e-5) of each example. */
  readonly norms: boolean;
}

/** How the weights start: a pure function of the shape and these three. */
export interface Start {
  readonly rule: Rule;
  /** "sigma": the standard deviation of every weight; "equal": the value of every weight; else unused. */
  readonly sigma: number;
  readonly seed: number;
}

/** One layer; the arrays are written again by each pass. */
export interface Layer {
  readonly fanIn: number;
  readonly fanOut: number;
  /** out × in, row-major: the stream's order. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  /** count × out: W·x + b, before φ. */
  readonly sums: Float32Array;
  /** count × out: what the next layer receives, φ(sums), plus the layer's input with skips; the last layer's are its sums. */
  readonly values: Float32Array;
  /** count × out: ∂(mean loss)/∂sums. */
  readonly sumGradient: Float32Array;
  readonly weightGradient: Float32Array;
  readonly biasGradient: Float32Array;
}

/** One training of one net. */
export interface Run {
  readonly shape: Shape;
  readonly start: Start;
  readonly rate: number;
  readonly batch: number;
  readonly epochs: number;
}

/** Where a training stands. */
export interface Progress {
  readonly step: number;
  readonly steps: number;
  /** Mean cross-entropy of the steps since the last report. */
  readonly loss: number;
  /** Share of the test digits that are recognised. */
  readonly accuracy: number;
  /** The loss is no longer a number; the run ends here. */
  readonly diverged: boolean;
}

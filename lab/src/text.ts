/** All words of the page. `{name}` is a gap that the page fills with what it measures. */

import type { Activation, Rule } from "./net/types";
import { math } from "./page/math";
import type { Question } from "./page/prediction";

export const PAGE = {
  tab: "Where would you set it? The start of a neural network, to touch",
  description: "How large should the random numbers be that a neural network starts from? One slider, real nets, handwritten digits.",
  title: "Where would you set it?",
  lead:
    "A neural network starts as random numbers. How large should they be? This page lets you find out: every net here " +
    "is real, runs in your browser, and has the very weights that <code>glorot</code> draws in Python.",
  still:
    "This page needs JavaScript and a browser of 2022 or later. Here is what it lets you move: ten tanh layers of 128 units " +
    "look at 64 handwritten digits, from three starts. Each column shows what one layer passes on, and its standard deviation.",
  stillPicture: "Columns of three starts: one dies, Xavier's lives, one saturates",
  chapters: "Chapters",
  unread: "The address holds what this page does not know: {parts}. It shows its usual start instead.",
  end: "Made with glorot, which plans, applies and checks the start of whole models:",
};

export const PREDICTION = { title: "Your prediction", right: "Yes.", wrong: "Not quite." };

export const CONTROLS = {
  sigma: "Spread of the weights, σ", start: "All weights start", inputs: "Inputs", factor: "Each layer multiplies the variance by",
  fanIn: "fan_in: inputs of a unit", fanOut: "fan_out: units that an input feeds", form: "Form", map: "Activation",
  shows: "Colour shows", activation: "Activation", rule: "Rule", blocks: "Blocks", scale: "Scale of the weights",
  framework: "Framework", depth: "Hidden layers", width: "Units in each", seed: "Seed",
};

export const STAGE = {
  sums: "the sums of each layer, before φ",
  unpainted: "A net, as columns; painted when it comes into sight",
  gradients: "gradient that arrives at each layer",
  alive: "The signal lives: its spread goes from {first} in layer 1 to {last} in layer {depth}.",
  dying: "The signal dies: its spread falls from {first} in layer 1 to {last} in layer {depth}.",
  silent: "Silence: all sums of layer {depth} are the same number.",
  bursting: "The signal bursts: its spread grows from {first} in layer 1 to {last} in layer {depth}.",
  saturated: "Saturated: {saturated} of the sums of layer {depth} lie where φ is flat.",
  overflown: "The signal has left the range of numbers by layer {depth}.",
  described: "Histograms of the sums of each layer; standard deviations by layer: {list}.",
  gradientsDescribed: "Standard deviations of the gradients by layer: {list}.",
};

export const RACE = {
  running: "Training …",
  done: "Told right of 360 new digits: {list}.",
  picture: "Share of new digits told right, by step of training",
};

export const FIRST = { commit: "This is my σ: train", hers: "yours", xavier: "Xavier" };

export const DARTS = {
  throw: "Throw fifty darts", running: "Fifty nets are training …", picture: "Spreads that were thrown, and what each net learned",
  axis: "σ, thrown anywhere between 0.001 and 10", done: "{learned} of {count} learned: they tell at least {least} of new digits right.",
};

export const ZERO = {
  starts: { zero: "at 0", equal: "at 0.1", random: "at random" }, train: "Train twenty steps", unit: "unit",
  one: "After {step} steps, the {units} units are one and the same. Largest weight: {size}.",
  several: "After {step} steps, {different} of the {units} units differ. Largest weight: {size}.",
};

export const NEURON = { sums: "sums z of 1,500 neurons", line: "n·Var(w) = {n} × {sigma}² = {promised}; the sums have a variance of {seen}." };

export const DEPTH = {
  line:
    "{factor} multiplied {hops} times is {power}: from layer 1 to 10 the variance changes {seen} times, the gradient's, " +
    "from right to left, {back} times. All ten layers: {all}.",
};

export const RULE = {
  proof: [
    { lights: "sum", formula: "z = ∑ w x", why: "A unit adds what <b>fan_in</b> inputs send it, each through a weight of its own." },
    { lights: "ahead", formula: "Var(z) = n_in · Var(w) · Var(x)", why: "With independent weights of mean zero, the variances of the terms add up." },
    { lights: "ahead", formula: "n_in · Var(w) = 1", why: "<b>First wish:</b> the signal comes out as wide as it came in." },
    { lights: "back", formula: "n_out · Var(w) = 1", why: "<b>Second wish:</b> so does the gradient, which adds what <b>fan_out</b> units send back." },
    { lights: "weight", formula: "Var(w) = 2/{n_in + n_out}", why: "Both hold only if the layer is square. Xavier's rule takes the mean of n<sub>in</sub> and n<sub>out</sub>." },
  ],
  drawing: "One output unit adds {n} inputs; one input unit feeds {m} outputs.",
  heads: ["Var(w)", "signal ×", "gradient ×"],
  rows: ["1/fan_in", "1/fan_out", "Xavier: 2/(fan_in + fan_out)"],
  line: "Xavier, {n} → {m}: the signal's variance is multiplied by {ahead}, the gradient's by {back}. The two add up to 2. {depth} such factors in a row would make {power}.",
};

export const FORMS = {
  names: { xavier_uniform: "uniform", xavier_normal: "normal" }, weights: "weights of layer 2", values: "what layer 10 passes on",
  line: "The weights spread by {weights}, the values of layer 10 by {values}.",
};

export const BAND = {
  names: { signal: "signal × gradient", accuracy: "digits told right after one epoch" },
  axes: { depth: "hidden layers", scale: "scale σ·√n" }, keys: { low: "lost", kept: "as at the start", high: "burst", none: "10 %", all: "100 %" },
  signal: "Scale {scale}, {depth} layers: signal times gradient come out {value} times as large.",
  accuracy: "Scale {scale}, {depth} layers: {value} of new digits told right after one epoch.",
  picture: "Map of scale and depth; the two sliders move the point that is read.",
};

export const UNSUITED = { units: { tanh: "tanh", sigmoid: "sigmoid", relu: "ReLU" } };

export const TODAY = { blocks: { plain: "plain", skips: "with skips", norms: "with norms", both: "with both" } };

export const BENCH = { train: "Train this net" };

export const ACTIVATION_NAMES = {
  tanh: "tanh", sigmoid: "sigmoid", relu: "ReLU", softsign: "softsign", gelu: "GELU", identity: "identity (linear)",
  leaky_relu: "leaky ReLU", elu: "ELU", selu: "SELU",
} satisfies Readonly<Record<Activation, string>>;

export const RULES = {
  xavier_normal: "Xavier normal", xavier_uniform: "Xavier uniform", he_normal: "He", lecun_normal: "LeCun", orthogonal: "orthogonal",
  auto: "auto", standard: "standard 1/√n", sigma: "one σ for all", equal: "all equal", zero: "all zero",
} satisfies Readonly<Record<Rule, string>>;

export const CODE = {
  copy: "Copy", copied: "Copied.", marked: "Your browser lets no page copy; the lines are marked, press Ctrl+C.",
  names: { pytorch: "PyTorch", keras: "Keras", jax: "JAX", tensorflow1: "TensorFlow 1", caffe: "Caffe" },
  samples: {
    pytorch: `import glorot
from torch import nn

model = nn.Sequential(nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 10))
glorot.initialize(model, "xavier", seed=0)     # the whole model

nn.init.xavier_uniform_(model[0].weight)       # one tensor, in PyTorch alone`,
    keras: `import keras, glorot

model = keras.Sequential([
    keras.Input((64,)),
    keras.layers.Dense(128, "tanh"),           # GlorotUniform is the default here
    keras.layers.Dense(10),
])
glorot.initialize(model, "xavier", seed=0)     # the same weights on every backend`,
    jax: `import jax, glorot
from flax import nnx

model = nnx.Sequential(nnx.Linear(64, 128, rngs=nnx.Rngs(0)), jax.nn.tanh, nnx.Linear(128, 10, rngs=nnx.Rngs(0)))
model = glorot.initialize(model, "xavier", seed=0)

init = jax.nn.initializers.glorot_uniform()    # one array, in JAX alone
w = init(jax.random.key(0), (64, 128))`,
    tensorflow1: `import tensorflow.compat.v1 as tf
import glorot.keras
tf.disable_v2_behavior()
tf.contrib = glorot.keras.contrib              # what TensorFlow 2 has dropped

init = tf.contrib.layers.xavier_initializer()
w = tf.get_variable("w", [64, 128], initializer=init)`,
    caffe: `layer {
  name: "ip1"
  type: "InnerProduct"
  inner_product_param {
    num_output: 128
    weight_filler { type: "xavier" variance_norm: AVERAGE }   # without it: fan_in alone
    bias_filler { type: "constant" value: 0 }
  }
}`,
  },
};

export const CARDS_TEXT = { guide: "A guide says:" };

export const CARDS = {
  axes: {
    said: "fan_in is the number of rows of the weight matrix, fan_out that of its columns.",
    measure: "Count both ways",
    found: "True for (in, out), as in Keras and JAX; in PyTorch, (out, in), it is the other way round. A layer from 300 to 100: a unit sums 300 inputs, and n·Var(w) is {right}; who takes 100 expects {wrong}.",
  },
  sigmoid: {
    said: "Like tanh, the sigmoid is symmetric around zero, in [−1, 1].",
    measure: "Measure 20,000 outputs",
    found: "Of 20,000 outputs the lowest is {low}, the highest {high}, the mean {mean}. A sigmoid lies between 0 and 1, and its mean of ½ pushes every next layer to one side.",
  },
  small: {
    said: "Too small weights saturate the units, just as too large ones do.",
    measure: "Set σ to 0.001",
    found: "{saturated} of layer 10 is saturated. Small weights do not saturate, they silence: what layer 10 passes on spreads by {std}.",
  },
  random: {
    said: "With Xavier initialisation, random weights are no longer used.",
    measure: "Draw twice",
    found: "Two seeds share {same} of {count} weights. Xavier <em>is</em> random: the rule sets only how wide the draw is, here {std}.",
  },
  extremes: {
    said: "With σ = 1 a sigmoid’s output is almost always 0 or 1.",
    measure: "Try 4, 16 and 100 inputs",
    found: "Within 0.05 of 0 or 1 are {few} of the outputs after 4 inputs, {some} after 16, {many} after 100. σ alone decides nothing; n·Var(w) does.",
  },
  caffe: {
    said: "Caffe’s “xavier” filler is Xavier’s rule.",
    measure: "Measure a layer 300 → 100",
    found: "Its variance is {caffe}; Xavier’s would be {xavier}. Caffe divides by fan_in alone: the signal is kept (× {ahead}), the gradient is not (× {back}). <code>variance_norm: AVERAGE</code> gives the rule of the paper.",
  },
  year: {
    said: "Xavier initialisation dates from 2009.",
    measure: "Read the paper’s bound off a net",
    found: "Glorot and Bengio’s paper is of 2010 (AISTATS). Its equation 16 bounds the weights by √6/√(n + m) = {bound}; the largest of a layer here is {largest}.",
  },
  constant: {
    said: "A constant start is the same as a start at zero.",
    measure: "Look at the gradients",
    found: "At zero, the last hidden layer’s gradient is {zero}: it never moves. At 0.01 everywhere it is {equal}: weights move, but all units of a layer alike. Both fail, for different reasons.",
  },
};

export type CardName = keyof typeof CARDS;

export interface ChapterText {
  readonly title: string;
  readonly nav: string;
  readonly lead: readonly string[];
  readonly after: readonly string[];
  readonly question?: Question;
}

export const CHAPTERS = {
  first: {
    title: "One net, one slider",
    nav: "One slider",
    lead: [
      "Ten layers of 128 units look at 64 handwritten digits. Nothing is learned yet: each weight is a random number with mean 0 and spread σ. Each column shows the sums that one layer computes, before tanh; where a column is wide, such sums are common. In the shaded zones tanh, drawn at the left, is flat: a unit there hardly reacts.",
      "<strong>Move σ and watch all ten columns.</strong> When you like what you see, commit: your net then trains beside two others.",
    ],
    after: [],
    question: {
      ask: "What did you look for in the columns?",
      options: ["All sums close to 0", "Columns that stay alike from left to right", "Sums in the shaded zones"],
      right: 1,
      answer: "A start is good if the signal keeps its spread through all layers. Near 0 nothing arrives; in the flat zones nothing changes. Between them lies a narrow band, and this page is about how to hit it.",
    },
  },
  darts: {
    title: "Fifty darts, thrown blind",
    nav: "Darts",
    lead: ["Suppose that you know no rule. You throw σ anywhere between 0.001 and 10, each power of ten as likely as the next, fifty times, and train a net of five layers of 32 units with each."],
    after: [],
    question: {
      ask: "How many of fifty blind throws learn to read digits?",
      options: ["Nearly all", "About half", "Fewer than a third"],
      right: 2,
      answer: "Fewer than a third. To the left the signal dies, to the right the units saturate. Deeper nets have an even smaller target, and a rule hits it every time.",
    },
  },
  zero: {
    title: "Zero, and equal",
    nav: "Zero, equal",
    lead: ["Why random at all? Start every weight at the same number and look at four units. Each square shows what one unit looks for: its 64 weights, in the places of the pixels (blue for positive, orange for negative)."],
    after: ["Units that start alike receive the same gradient, take the same step, and stay alike. A layer of a thousand equal units is a layer of one. Random weights break this <em>symmetry</em>. (Biases may be 0: the weights already differ.)"],
    question: {
      ask: "All weights start at 0.1. After twenty steps, how many <em>different</em> units has the layer?",
      options: ["1", "2", "4"],
      right: 0,
      answer: "One. The steps are real, the weights move, but all four units move together. At 0 it is worse: tanh passes on 0, so no gradient reaches the weights at all.",
    },
  },
  neuron: {
    title: "One neuron",
    nav: "One neuron",
    lead: [`A unit computes ${math("z = w_1 x_1 + … + w_n x_n")}. The more it adds, the wider the sum: with weights of mean 0 that do not depend on each other or on the inputs, ${math("Var(z) = n · Var(w)")} for inputs of variance 1. <strong>Bring the bar to 1.</strong>`],
    after: [],
    question: {
      ask: "A unit had 16 inputs and now has 64. To keep the sums as they were, σ must be …",
      options: ["a quarter of what it was", "half of what it was", "the same"],
      right: 1,
      answer: "Half. Variance is σ², so n·σ² stays the same if σ shrinks by √4 = 2. This is the 1/√n in every good rule.",
    },
  },
  depth: {
    title: "Depth multiplies",
    nav: "Depth",
    lead: ["One layer that misses a little does no harm. Ten in a row multiply. Here are ten layers without an activation; the upper columns are the signal, from left to right, the lower ones the gradient, from right to left."],
    after: [`1.5 ten times over is ${math("1.5^10 ≈ 57.7")}; a half ten times over is ${math("0.5^10 ≈ 0.001")}. A <em>vanishing</em> or <em>exploding gradient</em> is the same multiplication on the way back.`],
    question: {
      ask: "Each layer multiplies the variance by 1.5. What do ten layers make of it?",
      options: ["15 times as much", "58 times as much", "1.5 times as much"],
      right: 1,
      answer: "58 times: 1.5 to the power of 10. Errors of layers do not add up, they multiply. So the factor must be close to 1, and closer the deeper the net.",
    },
  },
  rule: {
    title: "The rule: two wishes, one weight",
    nav: "The rule",
    lead: ["In 2010 Xavier Glorot and Yoshua Bengio wished for two things at once. Press a line of the proof to see what it speaks of, and move the sizes of the layer."],
    after: ["The proof assumes what holds at the start of a tanh net: the activation is nearly a line with slope 1 around zero, and values and weights are independent with mean 0."],
    question: {
      ask: "What does 2/(fan_in + fan_out) balance?",
      options: ["Speed and memory", "The signal ahead and the gradient back", "Weights and biases"],
      right: 1,
      answer: "The signal wants 1/fan_in, the gradient 1/fan_out. From 300 to 100 units Xavier grows the signal's variance by 1.5 and halves the gradient's; if both sizes are equal, both wishes come true.",
    },
  },
  forms: {
    title: "Uniform or normal?",
    nav: "Uniform, normal",
    lead: [`Both forms of the rule have the same variance. A uniform law on [−a, a] has the variance ${math("{a^2}/3")}, so its bound is √3 times the σ of the normal one: ${math("a = √{6/{n_in + n_out}}")}.`],
    after: [],
    question: {
      ask: "Which of the two gives the better start to the ten layers?",
      options: ["Uniform", "Normal", "Neither: they can hardly be told apart"],
      right: 2,
      answer: "Neither. A sum of many terms forgets what law each term came from and keeps only the variance. What matters is how wide you draw, not in which shape.",
    },
  },
  band: {
    title: "The narrow band",
    nav: "The band",
    lead: ["1,600 starts at once: to the right the scale σ·√n grows, upwards the depth. White is where the signal ahead times the gradient back comes out as it went in; blue is lost, red has burst. The dashed line is theory: there the two should come out even. Move the point, by the sliders or on the map."],
    after: [],
    question: {
      ask: "With more layers, the band of scales that work becomes …",
      options: ["wider", "narrower", "no different"],
      right: 1,
      answer: "Narrower, for each layer repeats the same factor. A shallow net forgives a wrong scale; fifty layers forgive almost none. Theory's line shows where the factor is 1.",
    },
  },
  unsuited: {
    title: "When Xavier is not the one",
    nav: "When not",
    lead: [
      "Xavier's proof takes the activation for a line of slope 1 through zero. A <em>sigmoid</em> has slope ¼ at zero and the mean ½: its gradient shrinks at every layer. A <em>ReLU</em> sets half of all sums to zero and so halves the mean square. Twenty layers show it.",
      `He's rule makes up for ReLU's half: ${math("Var(w) = 2/{n_in}")}. <em>auto</em> asks glorot for the factor of the activation at hand.`,
    ],
    after: [],
    question: {
      ask: "Under Xavier, which share of the signal's mean square does one ReLU layer keep, if it is square?",
      options: ["All of it", "Half", "A quarter"],
      right: 1,
      answer: "Half: negative sums become 0. Twenty layers keep one millionth. Doubling Var(w) mends it, and that is He's rule. For a sigmoid no scale mends the mean of ½; choose tanh.",
    },
  },
  today: {
    title: "Today's nets",
    nav: "Today's nets",
    lead: ["Thirty tanh layers. A <em>skip</em> adds what a layer received to what it computes, so the signal has a road past every layer. A <em>norm</em> rescales what a layer receives. Switch them on, then move the scale."],
    after: ["With skips the sum grows from layer to layer, so deep residual nets scale down the end of each branch (by 1/√(number of branches) in GPT-2). A start still matters; it is the branches that must be small."],
    question: {
      ask: "With skips, what happens to the gradient on its way back through thirty layers?",
      options: ["It vanishes all the same", "It arrives: the skips carry it", "It turns around"],
      right: 1,
      answer: "It arrives. The skip passes every gradient on unchanged, and each branch only adds to it. That is why nets of hundreds of layers can be trained at all.",
    },
  },
  code: {
    title: "Your code",
    nav: "Your code",
    lead: ["“Xavier” means something else in each framework. These lines give the rule of the paper."],
    after: [],
    question: {
      ask: "You write <code>nn.Linear(300, 100)</code> in PyTorch and nothing else. Do its weights follow Xavier's rule?",
      options: ["Yes, it is the default", "No, they are narrower"],
      right: 1,
      answer: "No. PyTorch draws uniformly within ±1/√fan_in: the variance is 1/(3·fan_in), a third of what keeps a linear signal. Keras does take Xavier's uniform form by default.",
    },
  },
  cards: {
    title: "What old guides say wrongly",
    nav: "Eight errors",
    lead: ["Eight sentences that are still copied. Press to measure."],
    after: [],
  },
  bench: {
    title: "The whole bench",
    nav: "The bench",
    lead: ["All controls at once. The address of this page keeps what you set, so you can send it to someone."],
    after: [],
  },
} as const satisfies Readonly<Record<string, ChapterText>>;

export type ChapterName = keyof typeof CHAPTERS;

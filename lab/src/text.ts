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
  sums: "the sums of each layer, before φ = {phi}",
  key: "A column is as wide as its commonest sum is common; a bar at the edge holds all that lies beyond. 2e−3 is 0.002.",
  unpainted: "A net, as columns; painted when it comes into sight",
  gradients: "gradient that arrives at each layer",
  alive: "The signal lives: its spread goes from {first} in layer 1 to {last} in layer {depth}.",
  fading: "The signal fades: its spread falls from {first} in layer 1 to {last} in layer {depth}.",
  dying: "The signal dies: its spread falls from {first} in layer 1 to {last} in layer {depth}.",
  growing: "The signal grows: its spread goes from {first} in layer 1 to {last} in layer {depth}.",
  silent: "Silence: all sums of layer {depth} are the same number.",
  bursting: "The signal bursts: its spread grows from {first} in layer 1 to {last} in layer {depth}.",
  saturated: "Stuck: {saturated} of the sums of layer {depth} lie where {phi} is flat. The units are saturated.",
  overflown: "The signal has left the range of numbers by layer {depth}.",
  gradientVanishes: "The gradient vanishes on its way back: {start} in the last layer, {end} in the first.",
  gradientFades: "The gradient fades on its way back: {start} in the last layer, {end} in the first.",
  gradientGrows: "The gradient grows on its way back: {start} in the last layer, {end} in the first.",
  gradientBursts: "The gradient bursts on its way back: {start} in the last layer, {end} in the first.",
  described: "Histograms of the sums of each layer; standard deviations by layer: {list}.",
  gradientsDescribed: "Standard deviations of the gradients by layer: {list}.",
};

export const RACE = {
  trial: "Train this net",
  running: "Training …",
  done: "Of 360 new digits recognised: {list}.",
  picture: "Share of new digits recognised, by step of training",
};

export const FIRST = { commit: "This is my σ: train", hers: "yours", xavier: "Xavier", digits: "Some of the handwritten digits" };

export const DARTS = {
  throw: "Throw fifty darts", running: "Fifty nets are training …", picture: "Spreads that were thrown, and what each net learned",
  axis: "σ, thrown anywhere between 0.001 and 10", done: "{learned} of {count} learned: they recognise at least {least} of new digits.", share: "new digits recognised", rule: "Xavier’s σ",
};

export const ZERO = {
  starts: { zero: "at 0", equal: "at 0.1", random: "at random" }, train: "Train twenty steps", unit: "unit",
  one: "After {step} steps, the {units} units are one and the same. Largest weight: {size}.",
  several: "After {step} steps, {different} of the {units} units differ. Largest weight: {size}.",
};

export const NEURON = { sums: "sums z of 1,500 neurons", line: "n·Var(w) = {n} × {sigma}² = {promised}; the sums have a variance of {seen}." };

export const DEPTH = {
  line:
    "From layer 1 to {last} there are {hops} steps: {factor} to the power of {hops} is {power}. Measured: the signal's variance " +
    "is multiplied by {seen}, the gradient's, on its way back, by {back}. (Variance is std².)",
};

export const RULE = {
  proof: [
    { lights: "sum", formula: "z = ∑ w x", why: "A unit adds what <b>fan_in</b> inputs send it, each through its own weight." },
    { lights: "ahead", formula: "Var(z) = n_in · Var(w) · Var(x)", why: "With independent weights of mean zero, the variances of the terms add up." },
    { lights: "ahead", formula: "n_in · Var(w) = 1", why: "<b>First wish:</b> the signal comes out as wide as it came in." },
    { lights: "back", formula: "n_out · Var(w) = 1", why: "<b>Second wish:</b> so does the gradient. On its way back an input collects it from all <b>fan_out</b> units that it feeds." },
    { lights: "weight", formula: "Var(w) = 2/{n_in + n_out}", why: "Both hold only if n<sub>in</sub> = n<sub>out</sub>. Otherwise Xavier puts their mean for n: Var(w) is 1 over (n<sub>in</sub> + n<sub>out</sub>)/2." },
  ],
  drawing: "One output unit adds {n} inputs; one input unit feeds {m} outputs.",
  heads: ["Var(w)", "signal ×", "gradient ×"],
  rows: ["1/fan_in", "1/fan_out", "Xavier: 2/(fan_in + fan_out)"],
  line: "Xavier, {n} → {m}: the signal's variance is multiplied by {ahead}, the gradient's by {back}. The two add up to 2. Ten such factors of the signal multiply to {power}.",
};

export const FORMS = {
  names: { xavier_uniform: "uniform", xavier_normal: "normal" }, weights: "weights of layer 2", values: "what layer 10 passes on",
  line: "The weights spread by {weights}, the values of layer 10 by {values}.",
};

export const BAND = {
  oneLayer: "1 layer", layers: "layers",
  names: { signal: "signal × gradient", accuracy: "digits recognised after one pass" },
  axes: { depth: "hidden layers", scale: "scale σ·√n" }, keys: { low: "lost", kept: "as at the start", high: "burst", none: "10 %", all: "100 %" },
  signal: "Scale {scale}, {depth}: signal times gradient comes out {value} times as large.",
  accuracy: "Scale {scale}, {depth}: {value} of new digits recognised after one pass over the digits.",
  picture: "Map of scale and depth; the two sliders move the point that is read.",
};

export const UNSUITED = { units: { tanh: "tanh", sigmoid: "sigmoid", relu: "ReLU" } };

export const TODAY = { blocks: { plain: "plain", skips: "with skips", norms: "with norms", both: "with both" } };

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
    found: "Right only where weights are stored as (in, out), as in Keras and JAX; PyTorch stores (out, in). A layer from 300 to 100: each unit sums 300 inputs, and n·Var(w) is {right}, as measured. Mistake 100 for fan_in, and you would expect {wrong}.",
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
    found: "In the net of chapter 3, one step after zero, the largest gradient of a unit’s weight is {zero}: none ever moves. One step after 0.1 everywhere it is {equal}: weights move, but those of all units alike. Both fail, for different reasons.",
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
      "Ten layers of 128 units look at 64 handwritten digits. Nothing is learned yet: each weight is a random number with mean 0 and spread σ. Each column shows the sums that one layer computes, before tanh: the wider a column at some height, the more sums have that value. In the shaded zones tanh, drawn at the left, is flat: a unit there hardly reacts.",
      "<strong>Move σ and watch all ten columns.</strong> When you like what you see, commit: your net then trains beside two others.",
    ],
    after: [],
    question: {
      ask: "Which of these starts will learn best?",
      options: ["All sums close to 0", "Sums that spread alike in all layers, outside the shaded zones", "Sums in the shaded zones"],
      right: 1,
      answer: "The sums should keep their spread through all layers and stay where tanh is steep. Near 0 nothing arrives; in the flat zones nothing changes. Between them lies a narrow band: how do you hit it?",
    },
  },
  darts: {
    title: "Fifty darts, thrown blind",
    nav: "Darts",
    lead: ["Suppose that you know no rule. You throw σ anywhere between 0.001 and 10, each power of ten as likely as the next, fifty times, and train a net of five layers of 32 units with each. A net has learned if it recognises at least half of the new digits."],
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
    lead: ["Why random at all? Start every weight at the same number and look at four units. Each square shows what one unit looks for: its 64 weights, in the places of the pixels: blue for positive, orange for negative, full colour from 0.3 on."],
    after: ["Training tells each weight which way to move, and how far: its <em>gradient</em>. Units that start alike receive the same gradient, take the same step, and stay alike: a layer of a thousand equal units is a layer of one. Random weights break this <em>symmetry</em>. (The number that a unit adds to its sum, its <em>bias</em>, may start at 0: the weights already differ.)"],
    question: {
      ask: "A layer of 1,000 units, all weights at 0.1, is trained for a week. How many <em>different</em> units has it then?",
      options: ["1", "about 500", "1,000"],
      right: 0,
      answer: "One. The steps are real, the weights move, but all units move together. At 0 it is worse: tanh passes on 0, so no gradient reaches the weights at all.",
    },
  },
  neuron: {
    title: "One neuron",
    nav: "One neuron",
    lead: [`A unit computes ${math("z = w_1 x_1 + … + w_n x_n")}. The more it adds, the wider the sum: with weights of mean 0 that do not depend on each other or on the inputs, ${math("Var(z) = n · Var(w)")} for inputs of mean 0 and variance 1. <strong>Bring the bar to 1.</strong>`],
    after: [`Back to chapter 1: from layer 2 on, a unit there adds 128 inputs, so ${math("n · σ^2 = 1")} at σ = 1/√128 = 0.088. Was yours near it?`],
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
    lead: ["One layer that misses a little does no harm. Many in a row multiply. Here are layers without an activation; the upper columns are the signal, from left to right. The lower ones are the gradient: how strongly the error reacts to each sum. Training computes it from right to left, layer by layer, and from it the gradient of each weight. Set the factor, then the depth."],
    after: ["Ten layers: 1.5<sup>10</sup> is 57.7, and 0.5<sup>10</sup> a thousandth. A <em>vanishing</em> or <em>exploding gradient</em> is the same multiplication on the way back."],
    question: {
      ask: "A tenth too much: each layer multiplies the variance by 1.1. What do fifty layers make of it?",
      options: ["5 times as much", "117 times as much", "1.1 times as much"],
      right: 1,
      answer: "117 times: 1.1 to the power of 50. Errors of layers do not add up, they multiply. So the factor must be close to 1, and closer the deeper the net.",
    },
  },
  rule: {
    title: "The rule: two wishes, one weight",
    nav: "The rule",
    lead: ["In 2010 Xavier Glorot and Yoshua Bengio wished for two things at once. Press a line of the proof to see what it speaks of, and move the sizes of the layer."],
    after: ["The proof assumes what nearly holds at the start of a tanh net: the activation is a line with slope 1, and values and weights are independent with mean 0. (Away from zero tanh is flatter than a line, which is why Xavier's columns taper a little. A correction for it is called a <em>gain</em>.)"],
    question: {
      ask: "Now the other way round: 100 inputs, 300 units. What does Xavier do to the variance of the signal?",
      options: ["It multiplies it by 1.5", "It keeps it", "It halves it"],
      right: 2,
      answer: "It halves it: 100 · 2/400. The gradient's grows by 1.5. The rule balances the two wishes: where fan_in and fan_out differ, neither is quite granted; where they are equal, both are.",
    },
  },
  forms: {
    title: "Uniform or normal?",
    nav: "Uniform, normal",
    lead: [`Both forms of the rule have the same variance. Numbers drawn evenly from [−a, a] have the variance ${math("{a^2}/3")}, so the bound a is √3 times the σ of the normal form: ${math("a = √{6/{n_in + n_out}}")}.`],
    after: [],
    question: {
      ask: "Which of the two gives the better start to the ten layers?",
      options: ["Uniform", "Normal", "Neither: they can hardly be told apart"],
      right: 2,
      answer: "Neither. A sum of many terms forgets how each term was drawn and keeps only the variance. What matters is how wide you draw, not in which shape.",
    },
  },
  band: {
    title: "The narrow band",
    nav: "The band",
    lead: ["1,600 starts at once: upwards the depth grows, to the right the scale σ·√n, the root of chapter 4's n·Var(w); 1 is right for a straight line. White: signal and gradient together come through about as large as they went in. Blue: lost. Red: burst. On the dashed line theory expects white. Move the point, by the sliders or on the map."],
    after: ["For tanh the white strip lies a little to the right of 1. Tanh is flatter than a line, so a deep net needs weights a little larger than Xavier's: the <em>gain</em> of chapter 6. Choose identity, a straight line, and it lies at 1."],
    question: {
      ask: "With more layers, the band of scales that work becomes …",
      options: ["wider", "narrower", "no different"],
      right: 1,
      answer: "Narrower, for each layer repeats the same factor. A shallow net forgives a wrong scale, for tanh tames what is too large; fifty layers forgive almost none.",
    },
  },
  unsuited: {
    title: "When Xavier is not the one",
    nav: "When not",
    lead: [
      "Xavier's proof takes the activation for a line of slope 1 through zero. A <em>sigmoid</em> has slope ¼ at zero and the mean ½: its gradient shrinks at every layer. A <em>ReLU</em> sets half of all sums to zero and so halves the mean square. Twenty layers show it.",
      `Kaiming He's rule (2015) makes up for the lost half: ${math("Var(w) = 2/{n_in}")}. <em>auto</em> picks the factor that suits the chosen activation.`,
    ],
    after: [],
    question: {
      ask: "Under Xavier, which share of the signal's mean square does one ReLU layer keep, if it has as many inputs as units?",
      options: ["All of it", "Half", "A quarter"],
      right: 1,
      answer: "Half: negative sums become 0. Twenty layers keep one millionth. Doubling Var(w) to 2/n mends it: He's rule. For a sigmoid auto saves the signal, but no scale saves the gradient; choose tanh.",
    },
  },
  today: {
    title: "Today's nets",
    nav: "Today's nets",
    lead: ["Thirty tanh layers. A <em>skip</em> adds what a layer received to what it computes, so the signal has a road past every layer; what the layer itself adds is its <em>branch</em>. A <em>norm</em> rescales what a layer receives to variance 1. Switch them on, then move the scale."],
    after: ["With norms the scale hardly matters for the signal: whatever comes is rescaled. With skips the sums grow from layer to layer, so deep nets start each branch small (GPT-2: times 1/√(number of branches)). How much each branch adds is what a start decides in today's nets."],
    question: {
      ask: "With skips, what happens to the gradient on its way back through thirty layers?",
      options: ["It vanishes all the same", "It arrives: the skips carry it", "It turns around"],
      right: 1,
      answer: "It arrives, and even grows: the skip passes it on, and each branch adds to it. That is why nets of hundreds of layers can be trained at all.",
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
    title: "What old guides get wrong",
    nav: "Eight errors",
    lead: ["Eight sentences that are still copied, wrong or only half right. Press to measure."],
    after: [],
  },
  bench: {
    title: "The whole bench",
    nav: "The bench",
    lead: ["All controls at once. The <em>seed</em> picks which random numbers are drawn: the same seed, the same weights. Training goes three times over the 1,437 digits. The address of this page keeps what you set, so you can send it to someone."],
    after: [],
  },
} as const satisfies Readonly<Record<string, ChapterText>>;

export type ChapterName = keyof typeof CHAPTERS;

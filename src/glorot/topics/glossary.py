"""Topic: the glossary, a line for each word that has no page of its own."""

import functools
import re

from glorot.topics.base import TOPICS, section_of, topic
from glorot.topics.figures import Bar, Bars, Figure


@topic()
def glossary() -> Figure:
    """The words of the field and of glorot, a line each.

    z = W·x + b, a = φ(z)

    The question:
        What is it called?

    The answer:
        Type any of these words: `glorot explain epoch` shows its line, and the longer pages are named in it.

    Words:
        accuracy: the share of examples whose class is guessed right.
        activation: a nonlinearity φ between layers, and the value that it gives; see `activation_functions`.
        adam: an optimiser with a step of its own for every weight, which hides some bad starts and mends none.
        adamw: Adam with weight decay apart from the gradient.
        adapter: the part of glorot that translates between a framework's model and glorot's plan.
        alexnet: the net that won ImageNet in 2012; N(0, 0.01²) weights and some biases of 1.
        attention: a layer whose outputs are averages of values, weighted by how well queries and keys match.
        autoencoder: a net that learns to give back its input through a narrow middle.
        backpropagation: the chain rule, layer by layer from the loss to the input, which gives every gradient;
            see `vanishing_gradients`.
        batch: the examples that one step of training looks at.
        batch size: how many examples a batch has.
        bert: a transformer of 2018 whose weights start from N(0, 0.02²), cut at 2σ.
        chain rule: the derivative of f(g(x)) is f′(g(x))·g′(x): gradients are products, one factor a layer.
        check: one rule of `glorot check`, with a code such as GL502; `glorot explain checks` lists them.
        class: what a classifier tells apart.
        cnn: a net of convolutions.
        contrib: the part of TensorFlow 1 that held `xavier_initializer`; `tf.contrib = glorot.keras.contrib`
            brings it back.
        conv: short for convolution.
        convolution: a layer that applies one small kernel at every position; its fans count the window too.
        cross entropy: the loss of classifiers, −ln of the probability of the right class; ln C by guessing
            among C.
        data: the examples that a net learns from.
        dataset: all examples, usually in a training, a validation and a test part.
        decay: making weights or the learning rate smaller during training.
        deep learning: learning with nets of many layers.
        depth: how many layers lie between input and output.
        derivative: how much a function changes for a small change of its input.
        distribution: the law of one random draw, such as U(−a, a) or N(0, σ²); see `uniform_or_normal`.
        dropout: setting random values to 0 while training, which fights overfitting.
        dropout rate: the share of values that dropout sets to 0.
        early stopping: ending training when the loss on unseen data stops falling; see `overfitting`.
        embedding: a table with a row of weights for each word or symbol.
        epoch: one pass through all training examples.
        error: how far an answer is from the right one.
        example: one input with its right answer.
        expectation: the same as an expected value.
        expected value: the mean over all that chance may bring, written E.
        feature: one number of an input, or of what a layer makes of it.
        feedforward: a net whose signal runs one way, without loops.
        fine tuning: training a net on from weights that were trained on another task.
        forward: from the input to the output.
        forward pass: computing the output from the input, layer by layer.
        fully connected: of a layer whose every unit reads every input; see `linear layer`.
        gan: two nets that train against each other, one making, one judging.
        generalization: doing well on examples never seen; see `overfitting`.
        gpt: a transformer that predicts the next word; its residual weights start smaller by 1/√(2L); see
            `residual`.
        gradient: the derivatives of the loss by every weight: the direction of steepest ascent.
        gradient descent: changing weights a little against the gradient, again and again; see `learning_rate`.
        head: the last layer, which gives the answer.
        hidden layer: a layer between input and output.
        hyperparameter: a number chosen before training, such as depth, width or learning rate.
        iid: independent and identically distributed: drawn from one law, none knowing of another.
        imagenet: 1.3 million photographs in 1,000 classes.
        independent and identically distributed: drawn from one law, none knowing of another; iid.
        inventory: what a model has: its parameters and their parts, with role and fans.
        jacobian: the matrix of the derivatives of all outputs by all inputs.
        kernel: the weights of a layer that are multiplied with the input.
        l2: weight decay as a term of the loss, the sum of squared weights.
        layer: units that read the same inputs: z = W·x + b, then φ.
        lenet: a small convolutional net of 1998 for digits; an example of Caffe's.
        linear layer: z = W·x + b, fully connected, called Dense in Keras and InnerProduct in Caffe.
        logits: the outputs before softmax.
        loss: how wrong the answers are; training makes it small.
        lstm: a recurrent layer with gates; its forget bias often starts at 1.
        maxout: the largest of several weighted sums, in place of an activation.
        mean: the sum of numbers divided by how many they are.
        mean squared error: the loss of regression: the mean of (answer − truth)².
        minibatch: the same as a batch.
        mlp: a multilayer perceptron: linear layers with an activation between them.
        mnist: 70,000 images of handwritten digits, 28 by 28 pixels, on which many tutorials train.
        momentum: a step that remembers the steps before.
        mse: the mean squared error.
        nan: not a number, as from ∞ − ∞; see `exploding_gradients`.
        neural network: layers of units, each a weighted sum and an activation.
        neuron: the same as a unit.
        noise: what differs between examples by chance and cannot be learned; see `overfitting`.
        normalized initialization: what the paper of 2010 calls Xavier initialisation; see `xavier`.
        optimizer: the rule that turns gradients into steps, such as SGD or Adam.
        orthogonal matrix: one that turns vectors and keeps their length.
        parameter: a weight or a bias: a number that training changes.
        part: the unit of a plan: a parameter, or one piece of a fused one.
        perceptron: one unit with a step for activation, the first of all nets.
        plan: for each part of a model its distribution, and why; made by `glorot.plan`.
        plateau: a stretch of training in which the loss hardly falls; see `convergence`.
        preactivation: z, the weighted sum before φ.
        pretraining: training on one task before another; before 2010 how deep nets were made to start.
        probe: a measurement of signal and gradient through a real model, by `glorot.measure`.
        rbm: restricted Boltzmann machine, with which deep nets were pretrained before 2010.
        recipe: a rule for a whole model, such as `xavier` or `auto`.
        recurrent: of a net that feeds its own values back to itself, step by step.
        regression: learning to answer with numbers instead of classes.
        regularization: what keeps a net from learning the noise; see `overfitting`.
        rmsprop: an optimiser that divides each step by the recent size of that weight's gradient.
        rnn: a recurrent net; its weights act once a time step, so gradients vanish or explode over time.
        scheme: a rule for one tensor, such as `xavier_uniform` or `he_normal`.
        sgd: stochastic gradient descent: steps against the gradient of one batch after another.
        signal: how much the values of a layer vary, over units and examples.
        slope: the derivative of φ at a point; a gradient is multiplied by it at every layer.
        softmax: makes positive numbers that sum to 1 out of logits: the probabilities of the classes.
        step function: 0 below a threshold, 1 above: slope 0 everywhere, so no gradient descent.
        stream: glorot's random numbers, a pure function of seed, name and index; see `seed`.
        tensor: an array of numbers with any number of axes.
        test set: examples kept aside and used once, at the end.
        training: changing weights, step by step, so that the loss falls.
        transfer learning: starting from weights trained on another task; what is new still needs a start.
        transformer: a net of attention and small MLPs on a residual stream; see `residual`.
        underfitting: doing badly even on the training examples.
        unit: one weighted sum with its activation.
        validation set: examples kept aside to choose hyperparameters by.
        vgg: a plain deep convolutional net of 2014, trained in stages until Xavier's start made that needless.
        vit: a transformer that reads an image as a row of patches.
        warmup: beginning training with a small learning rate that grows.
        weight: a number that an input is multiplied by.
        weight decay: pulling weights towards 0 at every step.
        width: how many units a layer has.

    What to do:
        `glorot explain` lists all pages; docs/concepts.md has the words of the library in order.

    Example:
        >>> from glorot.topics.glossary import words_of_the_field
        >>> words_of_the_field()["epoch"]
        'one pass through all training examples.'

    Next:
        `glorot explain initialization` begins at the beginning.

    Related:
        initialization, fans, variance.

    Also asked as:
        words, terms, terminology, vocabulary, definitions, jargon, abbreviations, symbols, notation

    References:
        Goodfellow, Bengio & Courville (2016), Deep Learning, chapters 5 to 8.
    """
    letters = sorted({word[0] for word in words_of_the_field()})
    count = {letter: sum(word.startswith(letter) for word in words_of_the_field()) for letter in letters}
    most = sorted(count, key=lambda letter: -count[letter])[:5]
    bars = tuple(Bar(letter, count[letter], _some(letter)) for letter in sorted(most))
    return Bars(f"{len(words_of_the_field())} words; those with the letters that most begin with:", "words", bars)


def _some(letter: str) -> str:
    return ", ".join([word for word in words_of_the_field() if word.startswith(letter)][:4]) + " …"


@functools.cache
def words_of_the_field() -> dict[str, str]:
    """Return each word of the glossary with its line, as the docstring of the topic has them.

    Example:
        >>> words_of_the_field()["width"]
        'how many units a layer has.'
    """
    entries = re.findall(r"^(\S[^:\n]*): ((?:.|\n +)+)", section_of(TOPICS.factory("glossary"), "Words"), re.MULTILINE)
    return {word: " ".join(line.split()) for word, line in entries}

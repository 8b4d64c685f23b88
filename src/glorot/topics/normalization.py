"""Topic: batch norm and layer norm."""

import numpy as np

from glorot.topics.base import topic
from glorot.topics.figures import Figure, Lines, curve
from glorot.topics.nets import Floats, signal_through


@topic(activation="relu", depth=20, net="norms", rule="he_normal", width=128)
def normalization() -> Figure:
    """Layers that give their input mean 0 and variance 1: over the batch (batch norm) or over the units (layer norm).

    y = γ·(x − mean)/√(variance + ε) + β, γ = 1, β = 0

    The question:
        If every layer rescales what it gets, does the start still matter?

    The answer:
        Less for the signal: a norm undoes any scale of the layer before it. But the gradient of a weight is
        divided by its scale, so the start still sets how fast each layer learns, and what has no norm before it
        (heads, embeddings, residual branches) keeps its start.

        Batch norm takes mean and variance over the examples of a batch, for each unit; in evaluation it uses
        running averages. Layer norm takes them over the units, for each example, and is the same in both. RMS norm
        leaves the mean alone.

        A norm repairs scale only. Equal units stay equal behind it, and in deep chains without skips the
        gradient through batch norm grows from layer to layer.

    What to do:
        γ 1, β 0; γ 0 in the last norm of a residual branch lets a block begin as the identity. Leave out the bias
        of the layer before. `glorot check` looks at the starts of norms (GL308).

    Example:
        >>> from glorot.topics.nets import signal_through
        >>> from glorot.topics.normalization import normed, too_large
        >>> [round(signal_through(layer)[-1]) for layer in (too_large, normed)]  # after 20 layers
        [119, 1]

    Next:
        `glorot explain GL308`.

    Related:
        residual, variance, learning_rate.

    Also asked as:
        normalisation, norm, norms, batch norm, batch normalization, batch normalisation, bn, layer norm, layer
        normalization, layer normalisation, ln, rms norm, group norm, instance norm, batch and layer norm, batch
        norm and layer norm, weight norm, weight normalization, spectral norm, internal covariate shift,
        batchnorm1d, batchnorm2d, whitening, data normalization, input normalization, standardize, standardize
        inputs, standardization, standardise, zero mean, mean zero, unit variance, zero mean unit variance,
        input scaling, feature scaling, preprocessing

    References:
        Ioffe & Szegedy (2015), "Batch Normalization"; Ba, Kiros & Hinton (2016), "Layer Normalization".
    """
    layers = {"σ = 1.8/√n": too_large, "σ = 1.1/√n": too_small, "1.8, layer norm": normed}
    curves = tuple(curve(name, signal_through(layer)) for name, layer in layers.items())
    title = "The signal through twenty ReLU layers: a norm undoes what the weights do to it."
    return Lines(title, "layer", "signal (σ of the values)", curves, log=True)


def too_large(x: Floats, weight: Floats) -> Floats:
    """Return the values of a ReLU layer whose weights are too large."""
    return np.maximum(x @ (1.8 * weight).T, 0)


def too_small(x: Floats, weight: Floats) -> Floats:
    """Return the values of a ReLU layer whose weights are too small."""
    return np.maximum(x @ (1.1 * weight).T, 0)


def normed(x: Floats, weight: Floats) -> Floats:
    """Return the values of the layer with large weights, normed over the units."""
    y = too_large(x, weight)
    return np.asarray((y - y.mean(axis=1, keepdims=True)) / y.std(axis=1, keepdims=True))

"""Topic: residual connections."""

import math

import numpy as np

from glorot.topics.base import topic
from glorot.topics.figures import Figure, Lines, curve
from glorot.topics.nets import Floats, signal_through

DEPTH = 20


@topic(activation="tanh", depth=20, net="skips", rule="xavier_normal", width=128)
def residual() -> Figure:
    """A layer that adds to its input instead of replacing it: signal and gradient have a way past every layer.

    x_{l+1} = x_l + f(x_l), Var(x_L) = Var(x_0)·(1 + b)^L if each branch has b times the variance of its input

    The question:
        Fifty layers that each do a little harm. What if each only added to what it got?

    The answer:
        Then the identity carries signal and gradient through, whatever a branch does: nothing vanishes. But sums
        grow: a branch as strong as its input doubles the variance at every layer.

        Hence the starts of deep nets: the last weight of every branch is scaled by 1/√L or 1/√(2L) for L
        blocks (GPT-2), or starts at 0 (zero-γ in ResNets, ReZero, Fixup), so that the whole net begins near the
        identity. With a norm at the head of each branch the variance grows by a constant a branch, not by a factor.

    What to do:
        `glorot.initialize(model, "auto", inputs=batch, seed=0)` finds the branches and counts them.
        `glorot check` sees streams that grow too much (GL408).

    Example:
        >>> from glorot.topics.nets import signal_through
        >>> from glorot.topics.residual import added, plain, scaled
        >>> [round(signal_through(layer)[-1], 2) for layer in (plain, added, scaled)]  # after 20 layers
        [0.14, 3.8, 1.19]

    Next:
        `glorot explain GL408`; `glorot explain GL307`.

    Related:
        normalization, vanishing_gradients, exploding_gradients, zeros.

    Also asked as:
        residual connection, residual connections, residual network, residual networks, residual branch,
        residual block, skip, skips, skip connection, skip connections, shortcut, shortcut connection, resnet,
        resnets, residual net, residuals, fixup, rezero, layer scale, residual stream, highway, identity
        mapping, deep residual learning, gpt 2

    References:
        He et al. (2016), "Deep Residual Learning"; Zhang, Dauphin & Ma (2019), "Fixup"; Radford et al. (2019), GPT-2.
    """
    layers = {"no skips": plain, "x + f(x)": added, "x + f(x)/√L": scaled}
    curves = tuple(curve(name, signal_through(layer, DEPTH)) for name, layer in layers.items())
    title = f"The signal through {DEPTH} tanh layers: it fades without skips, grows with them, and 1/√L holds it."
    return Lines(title, "layer", "signal (σ of the values)", curves, log=True)


def plain(x: Floats, weight: Floats) -> Floats:
    """Return φ(W·x)."""
    return np.asarray(np.tanh(x @ weight.T))


def added(x: Floats, weight: Floats) -> Floats:
    """Return x + φ(W·x)."""
    return x + plain(x, weight)


def scaled(x: Floats, weight: Floats) -> Floats:
    """Return x + φ(W·x)/√L."""
    return x + plain(x, weight) / math.sqrt(DEPTH)

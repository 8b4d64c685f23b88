"""Topic: symmetry."""

import numpy as np

from glorot.topics.base import topic
from glorot.topics.figures import Figure, Grids, grid
from glorot.topics.nets import Net, constant_std, net_of, wave

STEPS, RATE, UNITS = 200, 0.1, 5


@topic(activation="tanh", depth=10, rule="equal", width=128)
def symmetry() -> Figure:
    """Why equal weights stay equal: units that start alike learn alike, and a layer of copies is one unit.

    w_i = w_j and a_i = a_j ⇒ ∂L/∂w_i = ∂L/∂w_j, so w_i = w_j after every step

    The question:
        All weights 0, or all 0.5: simple and fair. Why does it never work?

    The answer:
        Equal units give equal values and get equal gradients, so every step changes them alike: they stay
        equal for ever. Random weights break the symmetry.

        With all weights 0 it is worse: the gradient of a hidden layer is multiplied by weights that are 0, so
        nothing but the last bias learns. A constant other than 0 does learn, but like a net with one unit a layer.

        Biases may all be 0: the random weights tell the units apart already.

    What to do:
        Draw weights at random with mean 0, from any law of the right variance; set biases to 0.
        `glorot check` finds equal units (GL201), equal copies of layers (GL203) and dead symmetry (GL205).

    Example:
        >>> import numpy as np
        >>> from glorot.topics.symmetry import trained
        >>> equal, drawn = trained()
        >>> np.allclose(equal, equal[0]), np.allclose(drawn, drawn[0])  # the units after 200 steps: all alike?
        (True, False)

    Next:
        `glorot compare --recipe "constant(0.1)" --recipe xavier` trains both.

    Related:
        zeros, constant, initialization, bias.

    Also asked as:
        symmetry breaking, break symmetry, breaking symmetry, symmetric weights, symmetry problem, zero
        initialization, zero initialisation, zero weights, all zeros, initialize to zero, initialize with zeros,
        same weights, equal weights, constant initialization, weights zero, why not zero, identical weights,
        identical units, initialize weights to zero, initialize to zeros, weights to zero, all weights equal,
        zero init

    References:
        Goodfellow, Bengio & Courville (2016), Deep Learning, section 8.4.
    """
    equal, drawn = trained()
    title = f"{UNITS} units after {STEPS} steps, a row each: copies, and individuals."
    told = "Columns: weight in, bias, weight out. Strength is size, colour is sign."
    return Grids(title, told, (grid("start: all 0.5", equal), grid("start: random", drawn)))


def trained() -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], ...]:
    """Return what the units have become from equal and from random weights: a row each."""
    x, y = wave()
    nets = [net_of([1, UNITS, 1], "tanh", constant_std(0.0)), net_of([1, UNITS, 1], "tanh", constant_std(0.7))]
    nets[0].weights = [weight + 0.5 for weight in nets[0].weights]
    for net in nets:
        for _ in range(STEPS):
            net.step(x, y, RATE)
    return tuple(_units(net) for net in nets)


def _units(net: Net) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.column_stack([net.weights[0][:, 0], net.biases[0], net.weights[1][0]])

"""Topic: activation functions."""

import numpy as np

from glorot.activations import activation
from glorot.topics.base import topic
from glorot.topics.figures import Curve, Figure, Lines

SHOWN, REACH = ("tanh", "sigmoid", "relu", "gelu"), 3.0


@topic()
def activation_functions() -> Figure:
    """The bend between two layers, without which a deep net is one matrix; each asks for a start of its own.

    a = φ(z), z = W·x + b

    The question:
        Two matrices in a row are one matrix. What makes depth worth anything?

    The answer:
        A function φ between them that is not linear, value by value. What it does to the size of the signal (E φ²),
        to its mean (E φ) and to the gradient (E φ′²) decides which start fits.

        tanh: mean 0, slope 1 at 0: Xavier. sigmoid: mean ½ and slope at most ¼: hard to start in deep nets.
        ReLU: half the signal gone, no flat part above 0: He. GELU and SiLU: like ReLU with a soft corner; `auto`
        computes their gains.

        The last layer usually has none, or softmax inside the loss.

    What to do:
        ReLU or GELU in hidden layers as a rule, tanh in recurrent ones; `glorot explain NAME` shows each with its
        numbers, and where it is flat.

    Example:
        >>> from glorot.activations import activation
        >>> {name: round(activation(name).moments().mean, 2) + 0 for name in ("tanh", "sigmoid", "relu")}  # E φ
        {'tanh': 0.0, 'sigmoid': 0.5, 'relu': 0.4}

    Next:
        `glorot explain activations` lists them; `glorot explain tanh`.

    Related:
        gain, saturation, dead_relu, relu, tanh, sigmoid.

    Also asked as:
        activation function, activations, nonlinearity, nonlinearities, nonlinear function, squashing function,
        transfer function, which activation, linear activation, relu or tanh, relu vs tanh, sigmoid vs tanh,
        relu vs sigmoid, tanh vs relu

    References:
        Glorot, Bordes & Bengio (2011), "Deep Sparse Rectifier Neural Networks"; Hendrycks & Gimpel (2016), GELU.
    """
    z = np.linspace(-REACH, REACH, 61)
    curves = tuple(Curve(name, tuple(z.tolist()), tuple(activation(name).function(z).tolist())) for name in SHOWN)
    return Lines("Four activations.", "z", "φ(z)", curves)

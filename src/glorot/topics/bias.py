"""Topic: bias."""

import numpy as np

from glorot.topics.base import topic
from glorot.topics.figures import Curve, Figure, Lines
from glorot.topics.nets import drawn


@topic()
def bias() -> Figure:
    """The number that a unit adds to its weighted sum; it starts at 0, with a few good exceptions.

    z = W·x + b, b = 0

    The question:
        Weights must be random. Must biases be?

    The answer:
        No. Random weights tell the units apart already, so biases start at 0; anything else adds a part to
        every sum that says nothing about the input.

        A positive bias keeps more ReLUs alive, a negative one makes them silent for most inputs: at −2 only
        one in fifty still answers. Small positive biases such as 0.01 were once advised; with He's weights
        half of the units answer without them.

        Exceptions: the forget gate of an LSTM starts at 1, so that it remembers; the last layer of a
        classifier of rare things starts at the log-odds of the classes, so that the first loss is right
        (GL310); a fresh gate of a residual branch may start closed.

    What to do:
        Leave biases at 0: every recipe of glorot does, and knows the exceptions. A bias before a batch norm
        does nothing: leave it out.

    Example:
        >>> import math
        >>> share = 0.5 * (1 + math.erf(-2 / math.sqrt(2)))  # of standard normal sums that exceed 2
        >>> round(share, 3)
        0.023

    Next:
        `glorot explain GL310` says how a bias starts at a prior.

    Related:
        symmetry, dead_relu, initialization.

    Also asked as:
        biases, bias initialization, bias init, bias term, forget bias, initialize bias, offset, intercept, bias
        zero, prior bias

    References:
        Goodfellow, Bengio & Courville (2016), Deep Learning, section 8.4; Jozefowicz et al. (2015) on forget gates.
    """
    sums = drawn("sums", 64, 64, 1.0)
    places = np.arange(-3, 3.25, 0.25)
    share = tuple(float(np.mean(sums + place > 0)) for place in places)
    curves = (Curve("units that answer", tuple(places.tolist()), share),)
    return Lines("The share of ReLUs that answer an input, by their bias.", "bias", "share above 0", curves)

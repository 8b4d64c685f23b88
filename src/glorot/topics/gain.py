"""Topic: gain."""

from glorot.activations import activation
from glorot.topics.base import topic
from glorot.topics.figures import Bar, Bars, Figure

SHOWN = ("identity", "relu", "tanh", "gelu", "sigmoid")


@topic()
def gain() -> Figure:
    """What makes up for the activation: the factor on σ that gives back the signal that φ takes away.

    g = 1/√E φ(z)², z ~ N(0, 1), σ = g/√n

    The question:
        ReLU throws away every negative value. By how much must the next weights be larger?

    The answer:
        By √2. Half of a standard normal signal's mean square is left, E φ² = ½, so the variance of the weights is
        doubled. Every activation has its own factor, the gain, from the same average.

        PyTorch's `calculate_gain` uses 5/3 for tanh, a rule of thumb that is not this average (1.59), and 1 for
        sigmoid. For the gradient the like factor comes from φ′: g_b = 1/√E φ′².

        The gain of a layer belongs to the activation that feeds it, the one below; the first layer is fed by data
        and needs none.

    What to do:
        Let `auto` read the activation from the model; or `glorot explain gelu` shows its gains.

    Example:
        >>> from glorot.activations import activation
        >>> round(activation("relu").gain, 4), round(activation("tanh").gain, 3)
        (1.4142, 1.593)

    Next:
        `glorot explain relu`, `glorot explain auto`.

    Related:
        he, auto, variance, activation_functions.

    Also asked as:
        gains, calculate_gain, init gain, nonlinearity gain, scale factor, scaling factor, gain factor, why sqrt
        2, sqrt 2, square root of 2

    References:
        He et al. (2015), "Delving Deep into Rectifiers", ICCV, section 2.2.
    """
    bars = []
    for name in SHOWN:
        phi = activation(name)
        bars.append(Bar(name, phi.gain, f"{phi.gain:.3f}, for E φ² = {phi.moments().second_moment:.3f}"))
    return Bars("The gain of five activations.", "gain 1/√E φ²", tuple(bars))

"""Topic: saturation."""

from glorot.topics.base import topic
from glorot.topics.figures import Figure, Histograms, histogram
from glorot.topics.nets import deep_pass

SCALES = (0.5, 1.0, 4.0)


@topic(activation="tanh", depth=10, rule="sigma", std=0.354, width=128)
def saturation() -> Figure:
    """A unit is saturated where its activation is flat: its value hardly moves, and it hardly learns.

    ∂L/∂z = φ′(z)·∂L/∂a, φ′(z) ≈ 0 for large |z|

    The question:
        A tanh unit gives 0.999 for one input and 0.9999 for another. How does it learn the difference?

    The answer:
        Hardly: its slope φ′ is near 0 there, and the gradient is multiplied by that slope. Large weights make
        large sums, large sums lie on the flat parts, and whole layers stop learning.

        Too small a start does not saturate: it keeps tanh at its steepest, where it is linear; there the
        signal fades instead. Saturation comes from weights that are too large, from inputs that are not
        scaled, or from steps that are too large.

        sigmoid saturates at 0 and 1, tanh at ±1; ReLU is flat below 0 only, and softsign approaches its
        ends so slowly that it keeps some slope.

    What to do:
        Give weights Xavier's variance, inputs mean 0 and variance 1; take ReLU or a norm in deep nets.
        `glorot check` reports saturated layers (GL404).

    Example:
        >>> from glorot.topics.nets import deep_pass
        >>> [round(deep_pass("tanh", scale).flat()[9], 2) for scale in (1, 4)]  # Xavier's start, and four times it
        [0.0, 0.55]

    Next:
        `glorot explain tanh` shades where it is flat; `glorot explain GL404` says how a check finds it.

    Related:
        vanishing_gradients, sigmoid, tanh, xavier.

    Also asked as:
        saturated, saturate, saturates, saturating, saturated neurons, saturated units, saturated activation,
        flat, flat zone, flat region, sigmoid saturation, tanh saturation, saturation of neurons, derivative
        zero, slope zero, saturates at 1, derivative of sigmoid, derivative of tanh, sigmoid derivative, tanh
        derivative

    References:
        Glorot & Bengio (2010), section 3, figures 2 to 4.
    """
    rows = []
    for scale in SCALES:
        run = deep_pass("tanh", scale)
        told = f"flat: {100 * run.flat()[-1]:.0f} %"
        rows.append(histogram(f"σ·√n = {scale:g}", run.values[-1], -1, 1, told))
    return Histograms(
        "Values of the tenth tanh layer: small weights fade, large ones pin units to ±1.", "tanh", tuple(rows)
    )

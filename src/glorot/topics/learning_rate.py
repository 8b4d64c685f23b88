"""Topic: the learning rate."""

from glorot.topics.base import topic
from glorot.topics.figures import Curve, Figure, Lines
from glorot.topics.nets import deep_task, xavier_std

STEPS, EVERY, CEILING = 300, 10, 10.0
RATES = (0.001, 0.03, 1.0)


@topic()
def learning_rate() -> Figure:
    """How far a step of training goes: the factor on the gradient.

    w ← w − rate·∂L/∂w

    The question:
        The gradient says in which direction to go. How far?

    The answer:
        As far as the loss still falls: too short, and training takes for ever; too far, and a step jumps across
        the valley, higher up on the other side, until numbers overflow.

        The largest rate that works depends on the start: it is about 2 over the sharpest curvature of the loss,
        and large weights make the loss sharper. So a start that is too large forces a small rate, and a start in
        which layers differ in scale makes one rate wrong for some of them.

        Width matters as well: with Adam, hidden matrices of a net r times as wide want a rate r times as small (μP).

    What to do:
        Try powers of three between 1e-4 and 1 for SGD; start large nets with a warmup. `plan.groups()` of glorot
        gives each tensor its factor. `glorot check --steps 20` sees a loss that diverges (GL508).

    Example:
        >>> from glorot.topics.learning_rate import RATES, losses
        >>> [round(losses(rate)[-1], 2) for rate in RATES]  # too small, right, too large
        [0.34, 0.04, 10.0]

    Next:
        `glorot explain GL508`; `glorot compare --lr 0.1 --quick`.

    Related:
        convergence, exploding_gradients, initialization.

    Also asked as:
        learning rates, lr, step size, learning rate schedule, lr schedule, learning rate decay, learning
        rate warmup, learning rate too high, learning rate too large, learning rate too low, mup, maximal
        update, muon, update size, optimisation, optimization

    References:
        LeCun et al. (1998), "Efficient BackProp", section 4.6; Yang et al. (2021), "Tensor Programs V", for μP.
    """
    x = tuple(map(float, range(0, STEPS, EVERY)))
    told = ("too small", "right", "too large")
    curves = tuple(
        Curve(f"{rate:g}: {word}", x, tuple(losses(rate)[::EVERY])) for rate, word in zip(RATES, told, strict=True)
    )
    return Lines(f"The loss at three rates (cut at {CEILING:g}).", "step", "loss", curves, log=True)


def losses(rate: float) -> list[float]:
    """Return the loss at each step, cut at the ceiling once it has run away."""
    net, x, y = deep_task(xavier_std)
    found: list[float] = []
    while len(found) < STEPS:
        loss = net.step(x, y, rate)
        if not loss < CEILING:
            return [*found, *[CEILING] * (STEPS - len(found))]
        found.append(loss)
    return found

"""Topic: dead ReLUs."""

import numpy as np

from glorot.topics.base import topic
from glorot.topics.figures import Bar, Bars, Figure
from glorot.topics.nets import constant_std, drawn, net_of

STEPS, UNITS = 10, 64


@topic(activation="relu", depth=10, rule="he_normal", width=128)
def dead_relu() -> Figure:
    """A ReLU that is 0 for every example has slope 0 for every example: no gradient reaches its weights again.

    φ(z) = max(z, 0), φ′(z) = 0 for z < 0, so ∂L/∂w = 0 if z < 0 on all examples

    The question:
        A ReLU gives 0 for half of its inputs. When is that healthy, and when is a unit lost?

    The answer:
        Half is healthy: other examples still make it answer. A unit that is 0 on all examples gets gradient 0
        from all of them, and stays as it is. One step that is too large can push many units there.

        At the start hardly any unit is dead if weights have mean 0 and biases are 0. What kills: a large
        learning rate, a large negative bias, inputs of a mean far from 0 (pixels from 0 to 255), and very narrow
        deep nets, in which a whole layer may be dead by chance.

    What to do:
        He's weights, biases 0, a smaller rate or warmup; or an activation with some slope below 0:
        `leaky_relu`, `elu`, `gelu`. `glorot check` counts dead units (GL405).

    Example:
        >>> from glorot.topics.dead_relu import dead_share
        >>> [round(share, 2) for share in (dead_share(), dead_share(mean=5), dead_share(rate=0.1))]
        [0.0, 0.39, 0.52]

    Next:
        `glorot explain relu`; `glorot explain GL405`.

    Related:
        relu, leaky_relu, he, learning_rate.

    Also asked as:
        dead relus, dying relu, dead unit, dead units, dead neuron, dead neurons, dying relu problem, dead relu
        problem, relu dead, relu dying, dead, dying neurons, relu dies, inactive units, relu always zero

    References:
        Lu et al. (2019), "Dying ReLU and Initialization", arXiv 1903.06733.
    """
    causes = {
        "He, biases 0": dead_share(),
        "biases −3": dead_share(bias=-3),
        "inputs of mean 5": dead_share(mean=5),
        f"{STEPS} steps, rate 0.1": dead_share(rate=0.1),
    }
    bars = tuple(Bar(name, share, f"{100 * share:.0f} %") for name, share in causes.items())
    return Bars(f"Dead ReLUs of {UNITS}, and what killed them.", "share of units that are 0 on all examples", bars)


def dead_share(bias: float = 0.0, mean: float = 0.0, rate: float = 0.0) -> float:
    """Return the share of dead units of a small net with He's weights.

    Args:
        bias: of all hidden units at the start.
        mean: of the inputs, whose standard deviation is 1.
        rate: of its few steps of training.

    Example:
        >>> dead_share()
        0.0
    """
    x = mean + drawn("examples", 64, 8, 1.0)
    net = net_of([8, UNITS, 1], "relu", constant_std(0.5))  # √(2/8)
    net.biases[0] += bias
    for _ in range(STEPS if rate else 0):
        net.step(x, 3 + x[:, :1], rate)
    return float(np.mean((net.forward(x)[0] <= 0).all(axis=0)))

"""Topic: uniform or normal."""

import numpy as np

from glorot import stream
from glorot.schemes import SCHEMES
from glorot.topics.base import topic
from glorot.topics.figures import Figure, Histograms, histogram

SIZE, STD = 4096, 1.0
LAWS = {
    "uniform": f"uniform({-(3**0.5)}, {3**0.5})",
    "normal": "normal(std=1)",
    "truncated at 2σ": "truncated_normal(std=1)",
}


@topic()
def uniform_or_normal() -> Figure:
    """Which law the weights are drawn from: it hardly matters, as long as the variance is right.

    U(−a, a) has the variance a²/3, so a = √3·σ draws as N(0, σ²) does

    The question:
        xavier_uniform or xavier_normal: which one learns better?

    The answer:
        Neither. A unit sums many weighted inputs, and the sum is nearly normal whatever law the weights had: only
        their variance comes through. The bound of the uniform form is √3·σ: hence the 6 in √(6/(in + out)).

        A normal law has no end: of a million weights one lies near 5σ. A truncated one is cut, mostly at 2σ, which
        takes a twelfth of σ away: TensorFlow and JAX make up for it in variance scaling, PyTorch's `trunc_normal_`
        does not.

        Heavy cuts, sparse laws or one repeated value are another matter: those do change what a layer sees.

    What to do:
        Keep the form that your framework or paper uses, and care for the variance.

    Example:
        >>> from glorot.fans import dense
        >>> from glorot.schemes import xavier_normal, xavier_uniform
        >>> law = xavier_uniform()(dense(300, 100))
        >>> round(law.high, 4), round(law.std, 4), round(xavier_normal()(dense(300, 100)).std, 4)
        (0.1225, 0.0707, 0.0707)

    Next:
        `glorot compare --recipe xavier_uniform --recipe xavier_normal` tells them apart, or cannot.

    Related:
        xavier_uniform, xavier_normal, truncated_normal, variance.

    Also asked as:
        uniform vs normal, normal vs uniform, normal or uniform, uniform distribution, normal distribution,
        gaussian distribution, truncated, truncation, truncated normal distribution, distributions, random
        distribution, probability distribution, bell curve, xavier uniform or normal, xavier uniform vs normal,
        he uniform vs normal

    References:
        Glorot & Bengio (2010), equation 16.
    """
    rows = []
    for name, law in LAWS.items():
        values = stream.draw(stream.key_of(0, name), SCHEMES.make(law)(None), (SIZE,), axes="i", dtype=np.float64)
        rows.append(histogram(name, np.asarray(values), -3.5, 3.5, f"σ = {np.std(values):.2f}"))
    return Histograms("Three laws of one standard deviation.", "weight/σ", tuple(rows))

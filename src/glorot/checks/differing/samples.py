"""Two samples: can both come from one law?"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.forensics.chances import beyond, kolmogorov

EFFECT = 0.05
"""How far apart two stds, distribution functions or reaches must be to matter, as for weights that follow a plan."""

ENOUGH = 50
"""The fewest elements of a normal law for which the ratio of two stds is tested; a law with heavier tails, whose
kurtosis is more than 3, needs more in proportion to it."""

Sample = NDArray[np.float64]


class Contrast(NamedTuple):
    """How two samples differ.

    Attributes:
        p: the probability of so large a difference if both are drawn from one law; 1 where it is too small to matter.
        ratio: the std of the second over that of the first.
        distance: the largest difference of their distribution functions.
        reach: how far the second reaches from the common mean over how far the first does.
        error: the standard error of the logarithm of the ratio; infinite where there are too few elements.
    """

    p: float
    ratio: float
    distance: float
    reach: float
    error: float

    @property
    def effect(self) -> float:
        """How far apart they are, by ratio (its logarithm) or distance; where neither matters, by reach."""
        effect = max(abs(log_of(self.ratio)), self.distance)
        return effect if effect > EFFECT else abs(log_of(self.reach))

    def visible(self, alpha: float) -> float:
        """Return how far a std must be off to be found here, as a relative error, at an error rate."""
        z = -NormalDist().inv_cdf(alpha / 6)
        return max(EFFECT, math.expm1(z * self.error))


def contrast(one: Sample, other: Sample, rounding: float = 0.0) -> Contrast:
    """Compare two samples by their stds, by their distribution functions, and by how many reach beyond the other.

    Args:
        one: the first sample.
        other: the second one.
        rounding: the relative error of the values.

    Returns:
        How they differ; p is the smallest of the tests whose effect matters, times three, because there are three.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> uniform = rng.uniform(-1, 1, 10000)
        >>> contrast(uniform, rng.uniform(-1, 1, 10000)).p
        1.0
        >>> found = contrast(uniform, rng.uniform(-1.1, 1.1, 10000))
        >>> found.p < 1e-9, round(found.ratio, 1), round(found.visible(1e-3), 2)
        (True, 1.1, 0.05)

    References:
        Smirnov (1948), "Table for estimating the goodness of fit of empirical distributions", Annals of Mathematical
        Statistics 19; Rosenbaum (1954), "Tables for a nonparametric test of location", Annals of Mathematical
        Statistics 25, for the number that lies beyond the other sample.
    """
    one, other = np.sort(one), np.sort(other)
    stds = float(one.std()), float(other.std())
    ratio = 1.0 if stds[0] == stds[1] else stds[1] / stds[0] if stds[0] else math.inf
    error = _error(one, other) if all(stds) else math.inf
    distance = _distance(one, other)
    reach, reaching = _reaches(one, other, rounding)
    tests = [
        (distance, kolmogorov(max(distance - rounding, 0.0), one.size * other.size // (one.size + other.size))),
        (abs(log_of(reach)), reaching),
        (abs(log_of(ratio)), beyond(log_of(ratio) / error) if math.isfinite(error) else 1.0),
    ]
    least = min((chance for effect, chance in tests if effect > EFFECT), default=1.0)
    return Contrast(min(1.0, 3 * least), ratio, distance, reach, error)


def log_of(ratio: float) -> float:
    """Return the logarithm of a ratio; −∞ for 0."""
    return math.log(ratio) if ratio > 0 else -math.inf


def _distance(one: Sample, other: Sample) -> float:
    both = np.concatenate([one, other])
    below = (np.searchsorted(sample, both, "right") / sample.size for sample in (one, other))
    return float(np.max(np.abs(np.subtract(*below))))


def _error(one: Sample, other: Sample) -> float:
    """Return the standard error of the logarithm of the ratio of two stds, which is close to normal.

    Var log(s₂/s₁) = (κ − 1) (1/n₁ + 1/n₂) / 4, with κ the mean kurtosis of both, and no less than that of a normal law
    """
    kurtosis = [float(np.mean((sample - sample.mean()) ** 4)) / float(sample.var()) ** 2 for sample in (one, other)]
    common = max(3.0, sum(kurtosis) / 2)
    if min(one.size, other.size) < ENOUGH * common / 3:
        return math.inf
    return math.sqrt((common - 1) * (1 / (one.size - 1) + 1 / (other.size - 1))) / 2


def _reaches(one: Sample, other: Sample, rounding: float) -> tuple[float, float]:
    """Return the ratio of the reaches, second over first, and the chance of so many elements beyond the other's end.

    If both have one law, the k elements farthest from the common mean are all of one sample with a probability of at
    most (n/(n + m))^k. The samples are not divided by their stds: the errors of these would put many elements of one
    sample beyond a sharp end of the other.
    """
    center = float(np.concatenate([one, other]).mean())
    far = [np.abs(sample - center) for sample in (one, other)]
    ends = [float(sample.max()) for sample in far]
    if not all(ends):
        return 1.0, 1.0
    longer = int(ends[1] > ends[0])
    count = np.count_nonzero(far[longer] > ends[1 - longer] * (1 + 2 * rounding))
    share = far[longer].size / (one.size + other.size)
    return ends[1] / ends[0], min(1.0, 2 * math.pow(share, count))

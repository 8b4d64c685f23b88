"""Two samples: can both come from one law?"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.checks.plan.following import ENOUGH
from glorot.forensics.chances import beyond, kolmogorov

EFFECT = 0.05
"""How far apart two stds, distribution functions or reaches must be to matter, as for weights that follow a plan."""

Sample = NDArray[np.float64]


class Contrast(NamedTuple):
    """How two samples differ.

    Attributes:
        p: the probability of so much, were both drawn from one law; 1 where nothing that differs matters.
        ratio: the std of the second over that of the first.
        distance: the largest difference of their distribution functions.
        reach: how far the second reaches from its mean over how far the first does, each in its own stds.
    """

    p: float
    ratio: float
    distance: float
    reach: float

    @property
    def effect(self) -> float:
        """The largest of the three, as a distance from 0; the ratios by their logarithms."""
        return max(abs(_log(self.ratio)), self.distance, abs(_log(self.reach)))


def contrast(one: Sample, other: Sample, rounding: float = 0.0) -> Contrast:
    """Compare two samples by their std, by their distribution functions, and by how many reach beyond the other.

    Args:
        one: the first sample.
        other: the second one.
        rounding: the relative error of the values.

    Returns:
        How they differ; p is the least of the tests whose effect matters, times three, for there are three.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> uniform, wider = rng.uniform(-1, 1, 10000), rng.uniform(-1.1, 1.1, 10000)
        >>> contrast(uniform, rng.uniform(-1, 1, 10000)).p
        1.0
        >>> found = contrast(uniform, wider)
        >>> found.p < 1e-9, round(found.ratio, 1)
        (True, 1.1)

    References:
        Smirnov (1948), "Table for estimating the goodness of fit of empirical distributions", Annals of Mathematical
        Statistics 19; Rosenbaum (1954), "Tables for a nonparametric test of location", Annals of Mathematical
        Statistics 25, for the number that lies beyond the other sample.
    """
    one, other = np.sort(one), np.sort(other)
    stds = float(one.std()), float(other.std())
    ratio = 1.0 if stds[0] == stds[1] else stds[1] / stds[0] if stds[0] else math.inf
    distance = _distance(one, other)
    reach, reaching = _reaches(one, other, rounding)
    tests = [
        (distance, kolmogorov(max(distance - rounding, 0.0), one.size * other.size // (one.size + other.size))),
        (abs(_log(reach)), reaching),
    ]
    if min(one.size, other.size) >= ENOUGH:
        tests.append((abs(_log(ratio)), _chance_of_stds(one, other, ratio)))
    least = min((chance for effect, chance in tests if effect > EFFECT), default=1.0)
    return Contrast(min(1.0, 3 * least), ratio, distance, reach)


def visible(one: int, other: int, alpha: float) -> float:
    """Return by how much the std of one sample must be off to be found, as a relative error.

    Args:
        one: elements of the first sample.
        other: elements of the second.
        alpha: the error rate that is left to the test.

    Example:
        >>> round(visible(10_000, 10_000, 1e-5), 3)
        0.05
        >>> round(visible(100, 100, 1e-5), 2)
        0.56
    """
    z = -NormalDist().inv_cdf(alpha / 6)
    return max(EFFECT, math.expm1(z * math.sqrt((1 / one + 1 / other) / 2)))


def _distance(one: Sample, other: Sample) -> float:
    both = np.concatenate([one, other])
    below = (np.searchsorted(sample, both, "right") / sample.size for sample in (one, other))
    return float(np.max(np.abs(np.subtract(*below))))


def _chance_of_stds(one: Sample, other: Sample, ratio: float) -> float:
    """Return the probability of so large a ratio, whose logarithm is close to normal.

    Var log(s₂²/s₁²) = (κ − 1) (1/n₁ + 1/n₂), with κ that of both samples, and no less than that of the normal law
    """
    if ratio in (0.0, math.inf):
        return 0.0
    centered = np.concatenate([(sample - sample.mean()) / sample.std() for sample in (one, other)])
    kurtosis = max(3.0, float(np.mean(centered**4)))
    return beyond(2 * math.log(ratio) / math.sqrt((kurtosis - 1) * (1 / one.size + 1 / other.size)))


def _reaches(one: Sample, other: Sample, rounding: float) -> tuple[float, float]:
    """Return how far the second reaches over how far the first does, and the chance of as many beyond the other's end.

    Were both one law, each of the k farthest of all would be of the one sample with probability n/(n + m), and all k
    with no more than its k-th power.
    """
    if not (one.std() and other.std()):
        return 1.0, 1.0
    far = [np.abs(sample - sample.mean()) / sample.std() for sample in (one, other)]
    ends = [float(sample.max()) for sample in far]
    longer = int(ends[1] > ends[0])
    count = np.count_nonzero(far[longer] > ends[1 - longer] * (1 + 2 * rounding))
    share = far[longer].size / (one.size + other.size)
    return ends[1] / ends[0], min(1.0, 2 * math.pow(share, count))


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else -math.inf

"""Families of laws: uniform, normal, and normal with its tails cut; which of them a sample can come from."""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glorot.distributions import Distribution, Normal, TruncatedNormal, Uniform
from glorot.forensics.chances import above, beyond, kolmogorov, lilliefors, normal_cdf
from glorot.forensics.evidence import Evidence
from glorot.native import Compared, compare_sample

Values = NDArray[np.float64]

COARSE = 0.05
"""Relative distance between the numbers of a dtype from which the ends of a law are lost in rounding."""


HOPELESS = 1e-9
"""The chance of the extremes from which the rest of a sample need not be looked at."""


@dataclass(frozen=True)
class Family:
    """Laws that are alike but for place and scale.

    Attributes:
        name: what it is called.
        cut: where its tails end, in σ before the cut; 0 for the uniform, infinite for the normal.
    """

    name: str
    cut: float

    def law(self, mean: float, std: float) -> Distribution:
        """Return the law of the family that has a mean and a standard deviation."""
        if self.cut == 0:
            return Uniform(mean - math.sqrt(3) * std, mean + math.sqrt(3) * std)
        if math.isinf(self.cut):
            return Normal(mean, std)
        sigma = std * self.reach / self.cut
        return TruncatedNormal(mean, sigma, mean - self.cut * sigma, mean + self.cut * sigma)

    @property
    def reach(self) -> float:
        """How far it reaches from its mean, in its own standard deviations."""
        return math.sqrt(3) if self.cut == 0 else self.cut / _cut_std(self.cut)

    @property
    def scale(self) -> float:
        """How many σ before the cut its standard deviation is; 0 for the uniform."""
        return 0.0 if self.cut == 0 else _cut_std(self.cut)

    @property
    def tail(self) -> float:
        """The share of the whole normal that was cut at each end."""
        return above(self.cut) if self.cut else 0.0

    def cdf(self, z: Values) -> Values:
        """Return the share of the law of mean 0 and std 1 that lies below."""
        if self.cut == 0:
            return np.clip(0.5 + z / (2 * math.sqrt(3)), 0, 1)
        return np.clip((normal_cdf(z * self.scale) - self.tail) / (1 - 2 * self.tail), 0, 1)

    def beyond(self, z: float) -> float:
        """Return the share that lies farther from the mean than z standard deviations."""
        if self.cut == 0:
            return max(0.0, 1 - abs(z) / math.sqrt(3))
        return max(0.0, (beyond(z * self.scale) - 2 * self.tail) / (1 - 2 * self.tail))

    def gap(self, count: int) -> float:
        """Return how far the farthest of some draws lies from the end of the law on average, of its reach."""
        return _gap_of_one(self) / count

    def moment(self, power: int) -> float:
        """Return E z^power of the law of mean 0 and std 1."""
        return _moments(self.cut)[power]


@functools.cache
def _gap_of_one(family: Family) -> float:
    if math.isinf(family.cut):
        return math.inf
    near = 1e-3 * family.reach
    return near / family.reach / family.beyond(family.reach - near)


@functools.cache
def _cut_std(cut: float) -> float:
    return TruncatedNormal(0.0, 1.0, -cut, cut).std if math.isfinite(cut) else 1.0


@functools.cache
def _moments(cut: float) -> dict[int, float]:
    if cut == 0:
        return {power: math.sqrt(3) ** power / (power + 1) for power in (4, 6, 8)}
    if math.isinf(cut):
        return {4: 3.0, 6: 15.0, 8: 105.0}
    grid = np.linspace(-cut, cut, 20001)
    weights = np.exp(-grid * grid / 2)
    weights /= weights.sum()
    return {power: float(weights @ (grid / _cut_std(cut)) ** power) for power in (4, 6, 8)}


UNIFORM, NORMAL = Family("uniform", 0.0), Family("normal", math.inf)
AT_TWO, AT_THREE = Family("normal cut at 2σ", 2.0), Family("normal cut at 3σ", 3.0)
FAMILIES = (UNIFORM, AT_TWO, AT_THREE, NORMAL)


@dataclass(frozen=True)
class Fit:
    """How well a family fits.

    Attributes:
        family: the family.
        mean: its mean, estimated.
        std: its standard deviation, estimated.
        error: its standard error.
        by_ends: whether both are taken from the ends of the law, which lie farther out than any element.
        chances: of what shape and extremes of the sample show, were it drawn from the family.
    """

    family: Family
    mean: float
    std: float
    error: float
    by_ends: bool
    chances: dict[str, float]


def fit(family: Family, found: Evidence, kept: Values, step: float) -> Fit:
    """Compare a family with a sample.

    Args:
        family: the family.
        found: the evidence, with mean and standard deviation of what is compared.
        kept: the sample, in ascending order.
        step: the relative distance between the numbers of the dtype.

    Returns:
        The estimates, and the chances.
    """
    relative = math.sqrt((family.moment(4) - 1) / (4 * found.summed))
    mean, std, error = found.mean, found.std, (relative + step * step / 32) * found.std
    gap = family.gap(found.size)
    by_ends = gap < relative / 2 and step < COARSE
    chances = {}
    if by_ends:  # the ends of the law say more than the moments do
        mean, half = (found.low + found.high) / 2, (found.high - found.low) / 2
        std, error = half / family.reach * (1 + gap), half / family.reach * (gap + step / 4)
        chances["extremes"] = beyond((std - found.std) / (relative * found.std + step * std / 4))
    else:
        chances["extremes"] = _of_extremes(family, found, relative + step / 2)
    if chances["extremes"] > HOPELESS:
        moments = (mean, std) if family is UNIFORM else (math.nan, math.nan)
        compared = compare(family, kept, moments)
        chances["shape"] = (kolmogorov if family is UNIFORM else lilliefors)(compared.distance, len(kept))
        if family is not UNIFORM:
            chances |= _of_moments(family, compared, len(kept))
    return Fit(family, mean, std, error, by_ends, chances)


def compare(family: Family, kept: Values, moments: tuple[float, float]) -> Compared:
    """Compare a sample with a law of a family, by a native kernel or by NumPy.

    Args:
        family: the family.
        kept: the sample, in ascending order.
        moments: mean and standard deviation of the law; those of the sample where the second is NaN.
    """
    found = compare_sample(kept, moments, family.scale, family.tail)
    if found is not None:
        return found
    mean, std = (float(kept.mean()), float(kept.std())) if math.isnan(moments[1]) else moments
    z = (kept - mean) / std
    squares = z * z
    before, after, rank = z[:-1], z[1:], np.arange(1.0, len(z))
    is_step = before < after
    distance = 1.0
    if is_step.any():
        expected = family.cdf((before[is_step] + after[is_step]) / 2)
        distance = float(np.max(np.abs(expected - rank[is_step] / len(z))))
    return Compared(distance, float(np.mean(squares * z)), float(np.mean(squares * squares)))


def _of_extremes(family: Family, found: Evidence, relative: float) -> float:
    """Return the chance of the largest magnitude, when the standard deviation is known up to a relative error."""
    farthest = max(found.high - found.mean, found.mean - found.low) / found.std
    margin = 1 + 3 * relative
    if math.isinf(family.cut):
        too_far = min(1.0, found.size * family.beyond(farthest / margin))
    else:
        too_far = above((farthest / family.reach - 1) / relative) if farthest > family.reach else 1.0
    return 2 * min(too_far, math.exp(-found.size * family.beyond(farthest * margin)), 0.5)


def _of_moments(family: Family, compared: Compared, count: int) -> dict[str, float]:
    """Return the chances of the kurtosis and the skewness of a sample of mean 0 and standard deviation 1."""
    skewness, kurtosis = compared.third, compared.fourth
    fourth, sixth, eighth = (family.moment(power) for power in (4, 6, 8))
    found = {"skewness": beyond(skewness * math.sqrt(count / (sixth - 6 * fourth + 9)))}
    if math.isinf(family.cut):
        return found | {"tails": beyond(_anscombe_glynn(kurtosis, count))}
    variance = eighth - fourth**2 + 4 * fourth**2 * (fourth - 1) - 4 * fourth * (sixth - fourth)
    return found | {"tails": beyond((kurtosis - fourth) * math.sqrt(count / variance))}


def _anscombe_glynn(kurtosis: float, n: int) -> float:
    """Return the kurtosis of n normal numbers as a standard normal number.

    References:
        Anscombe & Glynn (1983), "Distribution of the kurtosis statistic b2 for normal samples", Biometrika 70.
    """
    expected = 3 * (n - 1) / (n + 1)
    variance = 24 * n * (n - 2) * (n - 3) / ((n + 1) ** 2 * (n + 3) * (n + 5))
    x = (kurtosis - expected) / math.sqrt(variance)
    skew = 6 * (n * n - 5 * n + 2) / ((n + 7) * (n + 9)) * math.sqrt(6 * (n + 3) * (n + 5) / (n * (n - 2) * (n - 3)))
    a = 6 + 8 / skew * (2 / skew + math.sqrt(1 + 4 / skew**2))
    ratio = (1 - 2 / a) / (1 + x * math.sqrt(2 / (a - 4)))
    return (1 - 2 / (9 * a) - math.copysign(abs(ratio) ** (1 / 3), ratio)) / math.sqrt(2 / (9 * a))

"""Paired differences between recipes over common seeds, and how large they must be before they mean anything.

Runs of one seed share the order of their batches and the stream of their weights, so a figure is modelled as

    y[recipe, seed] = μ[recipe] + β[seed] + ε,   ε ~ N(0, σ²)

a randomised block design. σ is pooled over all recipes, with (recipes - 1)·(seeds - 1) degrees of freedom; a pair
whose own differences spread more widely than that is judged by its own spread.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 60_000
"""Simulated comparisons behind a critical value: a level of 1 % is met to within 0.04 %."""

CHUNK = 2_000_000
"""Numbers drawn at a time."""


@dataclass(frozen=True)
class Difference:
    """A mean paired difference and how sure it is.

    Attributes:
        mean: the difference.
        reach: how far chance over seeds may have moved it.
        rounding: how far the rounding of the figures may have moved it, with however many seeds.
    """

    mean: float
    reach: float
    rounding: float

    @property
    def half_width(self) -> float:
        """Half the width of its interval."""
        return max(self.reach, self.rounding)

    @property
    def low(self) -> float:
        """The lower end of its interval."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """The upper end of its interval."""
        return self.mean + self.half_width

    @property
    def told(self) -> bool:
        """Whether it is more than chance and rounding give."""
        return abs(self.mean) > self.half_width


@dataclass(frozen=True, eq=False)
class Blocks:
    """A figure of several recipes on the same seeds.

    Attributes:
        values: (recipes, seeds), on a scale on which spreads are alike.
        rounding: for each recipe, by how much its figures may be rounded.
    """

    values: Floats
    rounding: Floats

    def difference(self, one: int, other: int, level: float, planned: bool = False) -> Difference:
        """Return the difference between two recipes, one - other.

        Args:
            one: the row of the one.
            other: the row of the other.
            level: how often equal recipes may be told apart: over all pairs together, or for this pair if planned.
            planned: whether the pair was chosen before the figures were seen.

        Returns:
            The difference. With fewer than two seeds it may be anything.
        """
        count, seeds = self.values.shape
        differences = self.values[one] - self.values[other]
        if seeds < 2:
            return Difference(float(differences.mean()), math.inf, 0.0)
        variance = max(self._pooled, float(differences.var(ddof=1)))
        reach = critical_value(count, seeds, level, planned) * math.sqrt(variance / seeds)
        return Difference(float(differences.mean()), reach, float(self.rounding[one] + self.rounding[other]))

    @cached_property
    def _pooled(self) -> float:
        """The variance of a paired difference, pooled: 2 σ²."""
        count, seeds = self.values.shape
        residuals = self.values - self.values.mean(0) - self.values.mean(1, keepdims=True) + self.values.mean()
        return float(2 * (residuals**2).sum() / ((count - 1) * (seeds - 1)))


@lru_cache(maxsize=256)
def critical_value(recipes: int, seeds: int, level: float, planned: bool = False) -> float:
    """Return how many standard errors the difference between equal recipes exceeds with a given probability.

    Over all pairs this is Tukey's studentised range (over √2), which holds for a leader chosen by the data and also
    where several recipes are equally good; Hsu's narrower comparison with the best would call one of those worse.
    It is simulated, so that it holds for the standard error used here, the larger of the pooled and the pair's own.

    Args:
        recipes: how many recipes, ≥ 2.
        seeds: how many seeds they share, ≥ 2.
        level: the probability that equal recipes are told apart.
        planned: whether one pair, chosen beforehand, is judged, not all pairs.

    Returns:
        The critical value.

    Example:
        >>> round(critical_value(8, 5, 0.05), 1), round(critical_value(8, 5, 0.05, planned=True), 1)
        (3.1, 1.9)

    References:
        Tukey (1953), "The problem of multiple comparisons"; Hsu (1996), "Multiple Comparisons: Theory and Methods",
        chapters 4 (comparison with the best) and 5 (all pairs).
    """
    rng = np.random.default_rng(0)
    size = max(1, CHUNK // (recipes * max(seeds, recipes)))
    parts = []
    for start in range(0, DRAWS, size):
        errors = rng.standard_normal((min(size, DRAWS - start), recipes, seeds))
        parts.append(_largest(errors, planned))
    return float(np.quantile(np.concatenate(parts), 1 - level))


def _largest(errors: Floats, planned: bool) -> Floats:
    """Return the largest studentised difference in each of many comparisons of equal recipes."""
    _, count, seeds = errors.shape
    means = errors.mean(2)
    centred = errors - means[:, :, None]
    products = centred @ centred.transpose(0, 2, 1)
    squares = np.diagonal(products, axis1=1, axis2=2)
    blocks = (centred.sum(1) ** 2).sum(1) / count
    pooled = 2 * (squares.sum(1) - blocks) / ((count - 1) * (seeds - 1))
    one, other = ([0], [1]) if planned else np.triu_indices(count, 1)
    own = (squares[:, one] + squares[:, other] - 2 * products[:, one, other]) / (seeds - 1)
    variance = np.maximum(own, pooled[:, None])
    return np.asarray((np.abs(means[:, one] - means[:, other]) / np.sqrt(variance / seeds)).max(1))


def student_quantile(share: float, freedom: int) -> float:
    """Return the value that a Student's t of so many degrees of freedom stays below with a probability.

    Args:
        share: the probability, 0.5 < share < 1.
        freedom: degrees of freedom, a whole number ≥ 1.

    Returns:
        The quantile.

    Example:
        >>> round(student_quantile(0.975, 1), 2), round(student_quantile(0.975, 4), 3)
        (12.71, 2.776)

    References:
        Abramowitz & Stegun (1964), equations 26.7.3 and 26.7.4.
    """
    low, high = 0.0, math.pi / 2  # of atan(t/√freedom)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if 0.5 + _within(middle, freedom) / 2 < share else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def _within(angle: float, freedom: int) -> float:
    """Return the probability that |t| is below √freedom·tan(angle)."""
    odd = freedom % 2
    power = math.cos(angle) if odd else 1.0
    total = term = power if freedom > 1 else 0.0
    for step in range(3 if odd else 2, freedom, 2):
        term *= math.cos(angle) ** 2 * (step - 1) / step
        total += term
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


def seeds_needed(seeds: int, reach: float, distance: float) -> float:
    """Return about how many more seeds narrow what reaches so far to a distance: it shrinks with 1/√seeds.

    Example:
        >>> seeds_needed(5, reach=2.0, distance=1.0), seeds_needed(5, 2.0, 0.0)
        (15, inf)
    """
    if not (distance > 0 and math.isfinite(reach)):
        return math.inf
    return max(1, math.ceil(seeds * (reach / distance) ** 2) - seeds)

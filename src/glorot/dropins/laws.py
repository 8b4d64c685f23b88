"""The laws of the drop-ins, from arguments as the user gave them; one without spread is a constant."""

import math
from collections.abc import Callable
from typing import NamedTuple

from glorot.distributions import (
    MOST_EXTREME_CUT,
    Constant,
    Distribution,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
)
from glorot.dropins.arguments import Argument, check_order, check_scale
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.schemes.variance import MODES, of_variance

FARTHEST_CUT = 16.0  # σ; the stream takes what lies beyond 12 for infinite
KERAS_CUT = 2.0  # σ, in Keras and in TensorFlow

FANS: dict[str, Callable[[Fans], float]] = {
    **MODES,
    "fan_geo_avg": lambda fans: math.sqrt(fans.fan_in * fans.fan_out),
}
"""What a variance may go by."""


class Scaled(NamedTuple):
    """The law of variance scale/n, where n is a fan or a mean of both."""

    scale: float
    mode: str
    distribution: str

    def for_fans(self, fans: Fans) -> Distribution:
        """Return the law for known fans."""
        return of_variance(self.scale / FANS[self.mode](fans), self.distribution) if self.scale else Constant(0.0)


def uniform(low: Argument, high: Argument) -> Distribution:
    """Return the law on [low, high]."""
    a, b = low.finite(), high.finite()
    check_order(low, high)
    if a == b:
        return Constant(a)
    check_scale(f"({high.name} - {low.name})/2", (b - a) / 2)
    check_scale(f"the larger of |{low.name}| and |{high.name}|", max(abs(a), abs(b)))
    return Uniform(a, b)


def uniform_from_zero(end: Argument) -> Distribution:
    """Return the law between 0 and an end of either sign."""
    far = end.finite()
    if far == 0:
        return Constant(far)
    check_scale(f"|{end.name}|/2", abs(far) / 2)
    return Uniform(min(far, 0.0), max(far, 0.0))


def symmetric(bound: Argument) -> Distribution:
    """Return the uniform law on ±bound."""
    size = bound.not_negative()
    if size == 0:
        return Constant(0.0)
    check_scale(bound.name, size)
    return Uniform.symmetric(size)


def normal(mean: Argument, std: Argument) -> Distribution:
    """Return the normal law."""
    center, sigma = mean.finite(), std.not_negative()
    if sigma == 0:
        return Constant(center)
    check_scale(std.name, sigma)
    return Normal(center, sigma)


def normal_around_zero(std: Argument) -> Distribution:
    """Return the normal law of mean 0."""
    return normal(Argument("mean", 0.0), std)


def cut_at_values(mean: Argument, std: Argument, low: Argument, high: Argument) -> Distribution:
    """Return the normal law cut to [low, high], which may be infinite; PyTorch has none without spread."""
    center, sigma = mean.finite(), std.above_zero("; for all-equal values call constant_")
    a, b = low.number(), high.number()
    check_order(low, high)
    check_scale(std.name, sigma)
    alpha, beta = (a - center) / sigma, (b - center) / sigma
    _check_mass(alpha, beta, low, high, f"values, not multiples of {std.name}")
    return _cut(center, sigma, max(a, center - FARTHEST_CUT * sigma), min(b, center + FARTHEST_CUT * sigma))


def cut_at_multiples(std: Argument, low: Argument, high: Argument) -> Distribution:
    """Return the normal law of mean 0 cut to [low·std, high·std]."""
    sigma, alpha, beta = std.not_negative(), low.number(), high.number()
    check_order(low, high)
    _check_mass(alpha, beta, low, high, f"multiples of {std.name}")
    if sigma:
        check_scale(std.name, sigma)
    return _cut(0.0, sigma, sigma * max(alpha, -FARTHEST_CUT), sigma * min(beta, FARTHEST_CUT))


def cut_at_two(mean: Argument, std: Argument) -> Distribution:
    """Return the normal law cut at two standard deviations, which are those before the cut."""
    center, sigma = mean.finite(), std.not_negative()
    if sigma:
        check_scale(std.name, sigma)
    return _cut(center, sigma, center - KERAS_CUT * sigma, center + KERAS_CUT * sigma)


def orthogonal(gain: Argument) -> Distribution:
    """Return the law of gain times an orthogonal matrix, which a sign of the gain does not change."""
    size = abs(gain.finite())
    if size == 0:
        return Constant(0.0)
    check_scale(f"|{gain.name}|", size)
    return Orthogonal(size)


def _check_mass(alpha: float, beta: float, low: Argument, high: Argument, are: str) -> None:
    """Raise if a normal law has next to nothing between two cuts, alpha and beta σ from the mean."""
    if alpha > MOST_EXTREME_CUT or beta < -MOST_EXTREME_CUT:
        raise GlorotError(
            f"from {low} to {high}, more than {MOST_EXTREME_CUT:g} standard deviations from the mean, the normal law "
            f"has next to nothing; {low.name} and {high.name} are {are}"
        )


def _cut(center: float, sigma: float, low: float, high: float) -> Distribution:
    return Constant(low) if low == high else TruncatedNormal(center, sigma, low, high)

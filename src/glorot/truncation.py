"""Moments of a normal law between two cuts, however near to each other they are."""

import functools
import math
import operator

NARROW = 0.1
"""Width of a cut, in sigma, below which the difference of two tails loses digits and the density is summed instead."""


@functools.lru_cache(maxsize=1024)
def truncated_moments(alpha: float, beta: float) -> tuple[float, float]:
    """Return mean and variance of a standard normal cut to [alpha, beta].

    Example:
        >>> round(truncated_moments(-2.0, 2.0)[1], 12)
        0.77374130355
    """
    return _narrow_moments(alpha, beta) if beta - alpha < NARROW else _wide_moments(alpha, beta)


def _wide_moments(alpha: float, beta: float) -> tuple[float, float]:
    """Return mean and variance by their closed form."""

    def density(x: float) -> float:
        return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    def weighted(x: float) -> float:
        return x * density(x) if math.isfinite(x) else 0.0

    if alpha >= 0:  # both in one tail: the difference of two upper tails keeps its digits
        mass = (math.erfc(alpha / math.sqrt(2)) - math.erfc(beta / math.sqrt(2))) / 2
    else:
        mass = (math.erfc(-beta / math.sqrt(2)) - math.erfc(-alpha / math.sqrt(2))) / 2
    mean = (density(alpha) - density(beta)) / mass
    return mean, 1 + (weighted(alpha) - weighted(beta)) / mass - mean * mean


def _narrow_moments(alpha: float, beta: float) -> tuple[float, float]:
    """Return mean and variance by Simpson's rule, counted from the middle of the cut."""
    middle, half = (alpha + beta) / 2, (beta - alpha) / 2
    panels = 256
    steps = [2 * n / panels - 1 for n in range(panels + 1)]
    simpson = [1, *[4, 2] * (panels // 2 - 1), 4, 1]
    weights = [
        factor * math.exp(-half * step * (middle + half * step / 2))
        for factor, step in zip(simpson, steps, strict=True)
    ]
    mass = math.fsum(weights)
    shift = math.fsum(map(operator.mul, weights, steps)) / mass
    spread = math.fsum(weight * (step - shift) ** 2 for weight, step in zip(weights, steps, strict=True)) / mass
    return middle + half * shift, half * half * spread

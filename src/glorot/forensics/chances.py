"""Chances: how likely a figure is that is at least so far from what is expected."""

import functools
import math

import numpy as np
from numpy.typing import NDArray

_GRID = np.linspace(-9.0, 9.0, 18 * 2**11 + 1)


@functools.cache
def _normal_grid() -> NDArray[np.float64]:
    return np.array([math.erfc(-z / math.sqrt(2)) / 2 for z in _GRID])


def normal_cdf(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Φ(z) to 1e-7.

    Example:
        >>> normal_cdf(np.array([0.0, 1.959964])).round(6)
        array([0.5  , 0.975])
    """
    return np.interp(z, _GRID, _normal_grid())


def above(z: float) -> float:
    """Return the chance that a standard normal number lies above z.

    Example:
        >>> round(above(1.959964), 6)
        0.025
    """
    return math.erfc(z / math.sqrt(2)) / 2


def beyond(z: float) -> float:
    """Return the chance that a standard normal number lies as far from 0, on either side."""
    return math.erfc(abs(z) / math.sqrt(2))


def chi_square_z(figure: NDArray[np.float64] | float, freedom: float) -> NDArray[np.float64]:
    """Return the standard normal number that a χ² of this freedom corresponds to, by Wilson and Hilferty.

    Example:
        >>> round(float(chi_square_z(124.342, 100)), 2)
        1.65
    """
    spread = 2 / (9 * freedom)
    return np.asarray((np.cbrt(figure / freedom) - (1 - spread)) / math.sqrt(spread))


def kolmogorov(distance: float, count: int) -> float:
    """Return the chance of a distance between the law and `count` draws from it, all of it known."""
    return min(1.0, 2 * math.exp(-2 * count * distance * distance))


def lilliefors(distance: float, count: int) -> float:
    """Return the chance of a distance between a normal law and draws that mean and std were taken from.

    Example:
        >>> round(lilliefors(0.0886, 100), 3)
        0.051

    References:
        Dallal & Wilkinson (1986), "An analytic approximation to the distribution of Lilliefors's test statistic for
        normality", The American Statistician 40, for chances below 0.1.
    """
    n = count
    d, n = (distance, n) if n <= 100 else (distance * (n / 100) ** 0.49, 100)
    power = -7.01256 * d * d * (n + 2.78019) + 2.99587 * d * math.sqrt(n + 2.78019)
    return min(1.0, math.exp(power - 0.122119 + 0.974598 / math.sqrt(n) + 1.67997 / n))


def tracy_widom(value: float) -> float:
    """Return about the chance that a number of the Tracy–Widom law of real matrices lies above, from 1 upwards."""
    if value < 1:
        return 1.0
    return math.exp(-2 / 3 * math.pow(value, 1.5)) / (4 * math.sqrt(math.pi) * math.pow(value, 0.75))

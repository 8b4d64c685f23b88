"""Curves on normal signals: moments of one value, and of pairs, by Hermite expansion."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

TERMS = 48
"""Terms of the expansion; what is left of a curve with kinks is taken as one term of a higher degree."""

_GRID = np.linspace(-9.5, 9.5, 1500)  # kinks at 0 lie between two points
_WEIGHT = np.exp(-(_GRID**2) / 2)
_WEIGHT /= _WEIGHT.sum()
STEP = 1e-5


def _hermite() -> Array:
    """Return the normalised Hermite polynomials on the grid, times the weights: (terms, points)."""
    rows = [np.ones_like(_GRID), _GRID.copy()]
    for n in range(1, TERMS - 1):
        rows.append((_GRID * rows[n] - np.sqrt(n) * rows[n - 1]) / np.sqrt(n + 1))
    return np.stack(rows) * _WEIGHT


_BASIS = _hermite()


class Expansion:
    """A function of normal signals, row by row.

    Attributes:
        mean: E φ(z) of each row.
        square: E φ(z)².
    """

    def __init__(self, function: Function, mean: Array, variance: Array) -> None:
        known, self._index = np.unique(
            np.stack([mean, np.sqrt(np.maximum(variance, 0))]).round(12), axis=1, return_inverse=True
        )
        self._index = self._index.ravel()
        with np.errstate(all="ignore"):
            values = np.stack([np.broadcast_to(function(m + s * _GRID), _GRID.shape) for m, s in known.T])
        values = np.where(np.isfinite(values), values, 0.0)
        self._terms = values @ _BASIS.T
        squares = np.square(values) @ _WEIGHT
        self._rest = np.sqrt(np.maximum(squares - np.square(self._terms).sum(1), 0))
        self.mean: Array = self._terms[self._index, 0]
        self.square: Array = squares[self._index]

    def pairs(self, correlation: Array) -> Array:
        """Return E φ(z)φ(z′) for the correlation of each pair of rows."""
        clipped = np.clip(correlation, -1, 1)
        made = np.outer(self._rest, self._rest)[np.ix_(self._index, self._index)] * clipped**TERMS
        power = np.ones_like(clipped)
        for n in range(TERMS):
            term = self._terms[self._index, n]
            if n:
                power = power * clipped
            if np.any(np.abs(term) > 1e-9):
                made += term[:, None] * term[None, :] * power
        return np.asarray(made)


def slope_of(function: Function) -> Function:
    """Return the slope of a function, by differences."""

    def slope(z: Array) -> Array:
        step = STEP * (1 + np.abs(z))
        return np.asarray((function(z + step) - function(z - step)) / (2 * step))

    return slope


def correlations(mean: Array, square: Array, pairs: Array) -> tuple[Array, Array]:
    """Return the variance of each row, and the correlation of each pair of rows."""
    variance = np.maximum(square - mean**2, 0)
    sizes = np.sqrt(np.outer(variance, variance))
    with np.errstate(all="ignore"):
        found = (pairs - np.outer(mean, mean)) / sizes
    return variance, np.where(sizes > 0, np.nan_to_num(found), 0.0)


def largest(values: Any) -> float:
    """Return the largest absolute value; 0 of an empty array."""
    return float(np.max(np.abs(values), initial=0.0))

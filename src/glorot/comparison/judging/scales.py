"""Scales: where figures of recipes spread alike, and how a difference there reads in the figure's own units."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NO_SET = 10_000
"""Examples of a test set whose size is not known: it rounds next to nothing."""


class Scale(Protocol):
    """A scale on which the figures of several recipes are compared."""

    def scaled(self, values: Floats) -> Floats:
        """Put figures on the scale."""

    def rounding(self, values: Floats) -> Floats:
        """Return by how much the figures of each row may be rounded, on the scale."""

    def gap(self, difference: float, top: float) -> float:
        """Return by how much a figure is worse than the top one, given their difference on the scale."""


@dataclass(frozen=True)
class LogOdds:
    """Shares of right answers, as log(right/wrong): a point is much near 100 % and little near 60 %."""

    examples: int

    def scaled(self, values: Floats) -> Floats:
        """Return log((right + ½)/(wrong + ½))."""
        right = values * self._count
        return np.asarray(np.log((right + 0.5) / (self._count - right + 0.5)))

    def rounding(self, values: Floats) -> Floats:
        """Return what half an example of the test set amounts to."""
        share = np.clip(values.mean(1), 0.5 / self._count, 1 - 0.5 / self._count)
        return np.asarray(0.5 / (self._count * share * (1 - share)))

    def gap(self, difference: float, top: float) -> float:
        """Return the distance from the top share."""
        return top - _share(_odds(top, 0.5 / self._count) + difference)

    @property
    def _count(self) -> int:
        return self.examples or NO_SET


@dataclass(frozen=True)
class Logarithm:
    """Positive figures, such as losses and numbers of epochs; a gap is a factor.

    Attributes:
        step: what the figures are rounded to; 0 for none.
    """

    step: float = 0.0

    def scaled(self, values: Floats) -> Floats:
        """Return log value."""
        return np.asarray(np.log(np.maximum(values, 1e-12)))

    def rounding(self, values: Floats) -> Floats:
        """Return what half a step amounts to."""
        return np.asarray(0.5 * self.step / np.maximum(values.mean(1), 1e-12))

    def gap(self, difference: float, top: float) -> float:
        """Return the factor."""
        return math.exp(min(difference, 700.0))


def _odds(share: float, least: float) -> float:
    inside = min(max(share, least), 1 - least)
    return math.log(inside / (1 - inside))


def _share(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0

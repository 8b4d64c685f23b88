"""Figures of topics: plain numbers with their words, which the report room draws as text and as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One line of a chart: its name and its points, of which none is NaN."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Lines:
    """Curves over one axis.

    Attributes:
        title: what is seen, as a sentence.
        x: what runs from left to right.
        y: what runs upwards.
        curves: the lines, at most four.
        log: whether y is in powers of ten.
    """

    title: str
    x: str
    y: str
    curves: tuple[Curve, ...]
    log: bool = False


@dataclass(frozen=True)
class Histogram:
    """How often values occur in bins of equal width from `low` to `high`.

    Attributes:
        name: what the values are.
        shares: of all values, by bin; what lies outside is counted at the ends.
        low: the left edge of the first bin.
        high: the right edge of the last bin.
        told: the one number to remember, in words.
    """

    name: str
    shares: tuple[float, ...]
    low: float
    high: float
    told: str = ""


@dataclass(frozen=True)
class Histograms:
    """Histograms, one above the other, on one axis of the name `x`."""

    title: str
    x: str
    rows: tuple[Histogram, ...]


@dataclass(frozen=True)
class Bar:
    """A length with its name, and what is written beside it."""

    name: str
    value: float
    told: str


@dataclass(frozen=True)
class Bars:
    """Lengths from 0, one below the other; `x` says what they measure."""

    title: str
    x: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Grid:
    """A small matrix, whose cells are as strong as their values: row by row, below 0 in another colour."""

    name: str
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Grids:
    """Small matrices, side by side; `told` says what the colours and places mean."""

    title: str
    told: str
    grids: tuple[Grid, ...]


Figure = Lines | Histograms | Bars | Grids


def curve(name: str, y: Sequence[float], first: float = 1, step: float = 1) -> Curve:
    """Return a line whose points stand at `first`, and then every `step`.

    Example:
        >>> curve("signal", [1.0, 0.5])
        Curve(name='signal', x=(1, 2), y=(1.0, 0.5))
    """
    return Curve(name, tuple(first + step * place for place in range(len(y))), tuple(map(float, y)))


def histogram(name: str, values: Floats, low: float, high: float, told: str = "", bins: int = 37) -> Histogram:
    """Return how often values occur between two ends.

    Example:
        >>> histogram("weights", np.array([0.1, 0.2, 0.9, 7.0]), 0, 1, bins=2).shares
        (0.5, 0.5)
    """
    counts, _ = np.histogram(np.clip(values, low, high), bins, (low, high))
    return Histogram(name, tuple((counts / max(values.size, 1)).tolist()), low, high, told)


def grid(name: str, values: Floats) -> Grid:
    """Return a small matrix.

    Example:
        >>> grid("W", np.eye(2)).values
        ((1.0, 0.0), (0.0, 1.0))
    """
    return Grid(name, tuple(tuple(row) for row in values.tolist()))

"""Norms, softmax and centring, told by what they do to numbers, however they are written."""

import functools
import math
from collections.abc import Container
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.graph.graph import Graph
from glorot.graph.running import Makers, Program, program_of, run

Array = NDArray[np.float32]

MOST = 1 << 22
"""Elements of the largest value that is tried; beyond, nothing is said of it."""

LARGE = 1e3  # a signal beside which the ε of a norm is nothing
CLOSE = 1e-3


class Statistic(NamedTuple):
    """What a value is that a signal and statistics of it make.

    Attributes:
        kind: a norm doesn't change when its signal is doubled; what is centred doesn't change when it is shifted, and
            doubles with it; a softmax is positive with sum 1.
        second: the mean square of what a norm returns.
    """

    kind: Literal["normalised", "softmax", "centred"]
    second: float = 1.0


def recognised(graph: Graph, makers: Makers, parameters: Container[int], source: int, value: int) -> Statistic | None:
    """Return what a value is of a source, by trying it; None for anything else.

    Args:
        graph: the graph.
        makers: the steps that make its values.
        parameters: the values that are made of parameters: scales and shifts, taken as 1 and 0.
        source: the value that all of it comes from.
        value: the value.
    """
    size = math.prod(graph.shape(source))
    is_tried = 1 < size <= MOST and math.prod(graph.shape(value)) == size
    steps = makers.between(source, value, parameters) if is_tried else None
    return None if steps is None else _tried(program_of(graph, steps, source))


@functools.lru_cache(maxsize=256)
def _tried(program: Program) -> Statistic | None:
    """Return what a program makes, by running it."""

    def of(z: Array) -> Array | None:
        return run(program, z)

    z = _noise(program.shape)
    small = of(z)
    if small is None or not np.all(np.isfinite(small)) or np.ptp(small) == 0:
        return None
    if np.all(small > 0) and _shares(small):
        return Statistic("softmax")
    once, twice, shifted = of(LARGE * z), of(2 * LARGE * z), of(LARGE * z + LARGE)
    if once is None or twice is None or shifted is None or not np.all(np.isfinite(once)):
        return None
    large = float(np.max(np.abs(once)))
    if np.allclose(once, twice, rtol=CLOSE, atol=CLOSE * large):
        return Statistic("normalised", float(f"{np.mean(np.square(once)):.6g}"))
    if not np.allclose(once, shifted, rtol=CLOSE, atol=CLOSE * large):
        return None
    if np.allclose(2 * once, twice, rtol=CLOSE, atol=CLOSE * large):
        return Statistic("centred")
    return None


def _shares(array: Array) -> bool:
    """Tell whether an array sums to 1 along one axis."""
    return any(np.allclose(array.sum(axis=axis), 1, atol=CLOSE) for axis in range(array.ndim))


@functools.lru_cache(maxsize=8)
def _noise(shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)

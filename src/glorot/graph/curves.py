"""Curves: what a graph computes of one value element by element, and which activation that is."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.activations import ACTIVATIONS, Activation, activation
from glorot.graph.functions import function

Array = NDArray[Any]

POINTS = np.concatenate([np.linspace(-7.5, 7.5, 61), [-0.6, -0.05, 0.05, 0.3]])
"""Where a curve is compared with the catalogue: beside every bend, and far from all."""

FITTED: dict[str, Callable[[Mapping[float, float]], float]] = {
    "leaky_relu": lambda at: -at[-7.5] / at[7.5],
    "elu": lambda at: -at[-7.5] / at[7.5] * 7.5 / -math.expm1(-7.5),
    "softshrink": lambda at: 7.5 - at[7.5],
}
"""The activations that an argument shapes: the one that fits values at POINTS."""


class Application(NamedTuple):
    """A function of elements that is applied on the way.

    Attributes:
        result: the value that it makes.
        function: its name; "" where elements are only moved.
        operands: the values that it takes.
    """

    result: int
    function: str
    operands: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Curve:
    """A function of one value, element by element.

    Attributes:
        source: the value that it is a function of.
        result: the value that it makes.
        applications: what is applied on the way, in order.
        numbers: the values that are numbers.
        tolerance: how far its numbers may be off, relative to 1.
    """

    source: int
    result: int
    applications: tuple[Application, ...]
    numbers: Mapping[int, float]
    tolerance: float = 1e-4

    def __call__(self, z: Array) -> Array:
        """Return its values; NaN where it has none."""
        z = np.asarray(z, dtype=np.float64)
        known: dict[int, Array | float] = {**self.numbers, self.source: z}
        with np.errstate(all="ignore"):
            for result, name, operands in self.applications:
                arrays = [known[value] for value in operands]
                known[result] = function(name)(*arrays) if name else arrays[0]
        return np.broadcast_to(np.asarray(known[self.result], dtype=np.float64), z.shape)


@dataclass(frozen=True)
class Match:
    """An activation of the catalogue, up to a factor.

    Attributes:
        activation: the activation.
        factor: what it is multiplied by.
    """

    activation: Activation
    factor: float

    @property
    def text(self) -> str:
        """Its name, with the factor before it: "0.5·relu"."""
        return self.activation.name if self.factor == 1 else f"{self.factor:.4g}·{self.activation.name}"


def recognised(curve: Curve) -> Match | None:
    """Return the activation that a curve is, up to a factor; None if it is not in the catalogue.

    Of two that fit alike, the one that needs no factor and no argument is taken: relu, not 1·leaky_relu(0).
    """
    values = curve(POINTS)
    if not np.all(np.isfinite(values)):
        return None
    return _matched(tuple(values.tolist()), curve.tolerance)


@functools.lru_cache(maxsize=4096)
def _matched(values: tuple[float, ...], tolerance: float) -> Match | None:
    curve, best, least = np.array(values), None, math.inf
    for name in ACTIVATIONS:
        candidate = _candidate(name, curve)
        if candidate is None:
            continue
        shape = candidate.function(POINTS)
        size = float(shape @ shape)
        factor = float(shape @ curve) / size if size else 0.0
        if abs(factor - 1) < tolerance:
            factor = 1.0
        error = float(np.max(np.abs(factor * shape - curve) / (1 + np.abs(curve))))
        preferred = error + tolerance / 2 * (("(" in candidate.name) + (factor != 1))
        if factor and error < tolerance and preferred < least:
            best, least = Match(candidate, factor), preferred
    return best


def _candidate(name: str, curve: Array) -> Activation | None:
    """Return the activation of a name, with the argument that fits a curve; None if none does."""
    if name not in FITTED:
        return activation(name)
    at = dict(zip(POINTS.tolist(), curve.tolist(), strict=True))
    try:
        argument = FITTED[name](at)
    except ZeroDivisionError:
        return None
    return ACTIVATIONS.factory(name)(float(f"{argument:.4g}")) if 0 < argument < math.inf else None

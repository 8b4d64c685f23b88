"""Readings: what is kept of an array that a running model makes."""

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.graph.axes import Layout
from glorot.graph.folding import Folded
from glorot.graph.operations import Permute, Reshape
from glorot.graph.points import Point

MOST = 1 << 15
"""Elements of a sample that is kept of an array with positions, as a map or a text has."""

MOST_VECTORS = 1 << 18
"""Elements of a sample that is kept of an array without."""

LEAST = 16
"""Examples, and rows of an example, that a sample has at least, if there are so many."""


class Placing(NamedTuple):
    """How (examples, positions, units) are read from an array, and which of them make the sample.

    Attributes:
        shape: a shape under which the examples have an axis by themselves.
        order: the axes of that shape: examples, positions, units.
        sizes: how many examples, positions and units there are.
        chosen: how many examples are in the sample: the first ones.
        places: the positions in the sample, one array for each of their axes.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    sizes: tuple[int, int, int]
    chosen: int
    places: tuple[NDArray[np.int64], ...]

    @property
    def is_whole(self) -> bool:
        """Whether the sample is all there is."""
        return self.chosen == self.sizes[0] and (not self.places or len(self.places[0]) == self.sizes[1])


@functools.lru_cache(maxsize=512)
def placing(shape: tuple[int, ...], layout: Layout, examples: int) -> Placing:
    """Return how an array is read.

    Args:
        shape: its shape.
        layout: where its examples and units are.
        examples: how many examples the batch has.

    Example:
        >>> placing((8, 3, 4, 4), Layout(0, 1), 8).sizes
        (8, 16, 3)
    """
    axis, units = layout
    if not shape or axis is None or axis == units or shape[axis] % examples:
        axis, units, examples, shape = 0, units + 1 if shape else 1, 1, (1, *shape) if shape else (1, 1)
    split = (*shape[:axis], examples, shape[axis] // examples, *shape[axis + 1 :])
    units += units > axis
    order = (axis, *(n for n in range(len(split)) if n not in (axis, units)), units)
    between = [split[n] for n in order[1:-1]]
    positions, width = math.prod(between), split[units]
    rows = max(LEAST, (MOST_VECTORS if positions == 1 else MOST) // max(width, 1))
    chosen = examples if examples * positions <= rows else min(examples, max(LEAST, rows // max(positions, 1)))
    count = positions if chosen * positions <= rows else max(1, min(positions, rows // chosen))
    steps = np.sort(np.arange(count) * _stride(positions) % max(positions, 1))
    return Placing(split, order, (examples, positions, width), chosen, tuple(np.unravel_index(steps, between)))


def _stride(positions: int) -> int:
    """Return a stride that meets every position before any one again, and spreads the first few over all of them."""
    stride = max(1, round(positions * (math.sqrt(5) - 1) / 2))
    while math.gcd(stride, positions) > 1:
        stride += 1
    return stride


@dataclass(frozen=True)
class Reading:
    """What is kept of an array.

    Attributes:
        sizes: how many examples, positions and units it has.
        mean: its mean.
        second_moment: its mean square.
        std_across: the standard deviation of an element across examples, root mean square over the elements; NaN for
            a batch of one.
        sample: some of its elements, (examples, positions, units); None if none were asked for.
    """

    sizes: tuple[int, int, int]
    mean: float
    second_moment: float
    std_across: float
    sample: NDArray[np.float32] | None = field(default=None, repr=False)


def whole_reading(array: NDArray[Any]) -> Reading:
    """Return the reading of an array, (examples, positions, units), that is small enough to be kept as a whole."""
    exact = array.astype(np.float64)
    with np.errstate(all="ignore"):
        across = float(np.sqrt(np.mean(exact.var(axis=0)))) if len(exact) > 1 else math.nan
        examples, positions, units = array.shape
        sizes = (examples, positions, units)
        return Reading(sizes, float(exact.mean()), float(np.mean(exact**2)), across, array)


FINE = 1e-4
"""The variance across examples, as a share of the mean square, from which on it is taken from all examples."""


def reading_of(place: Placing, moments: Sequence[float] | None, sample: NDArray[Any] | None) -> Reading:
    """Return the reading of an array that was reduced where it lies, in single precision.

    Args:
        place: how it was read.
        moments: its mean, mean square and variance across examples; None if the sample is all of it.
        sample: the sample; None if none was taken.
    """
    if moments is None:
        assert sample is not None
        return whole_reading(sample)
    mean, square, variance = moments
    if sample is not None and not variance > FINE * square:  # which single precision does not resolve
        with np.errstate(all="ignore"):  # of infinite ones
            variance = float(np.mean(sample.astype(np.float64).var(axis=0)))
    across = math.sqrt(variance) if place.sizes[0] > 1 and variance >= 0 else math.nan
    return Reading(place.sizes, mean, square, across, sample)


class WholeLayer(NamedTuple):
    """What was read of a layer that runs as a whole, as a recurrent one does.

    Attributes:
        after: how many points were read before.
        activation: what its output has passed.
        value: its output.
        gradient: the gradient that reached it, if one did.
    """

    after: int
    activation: str
    value: Reading
    gradient: Reading | None


FirstStep = Callable[[Mapping[str, Any]], dict[str, tuple[float, float]]]
"""What tries an optimiser's first step: a function gradients by path → `Observed.updates`."""


@dataclass
class Observed:
    """What a model showed on one batch.

    Attributes:
        folded: the graph of what it computed.
        points: the points of the graph that were seen, in the order of execution.
        values: what was read at each point, by its value.
        gradients: the same of the gradients of the loss with respect to them.
        weights: what was read of the gradient of each parameter that has one, by its path.
        updates: the square sums of an optimiser's first update of each parameter, and of the parameter, by its path.
        layers: the layers that run as a whole, by their paths.
        loss: the loss; NaN without targets.
        input_second_moments: the mean square of each example that enters the first layer.
        notes: what was not seen, and why.
    """

    folded: Folded
    points: Sequence[Point]
    values: dict[int, Reading] = field(default_factory=dict)
    gradients: dict[int, Reading] = field(default_factory=dict)
    weights: dict[str, Reading] = field(default_factory=dict)
    updates: dict[str, tuple[float, float]] = field(default_factory=dict)
    layers: dict[str, WholeLayer] = field(default_factory=dict)
    loss: float = math.nan
    input_second_moments: tuple[float, ...] = ()
    notes: list[str] = field(default_factory=list)


def holders_of(folded: Folded, values: Iterable[int]) -> dict[int, int]:
    """Return, for each value that can be read, which one to read: itself, or one with its elements in another order.

    Args:
        folded: the graph.
        values: the values that have an array, in the order of execution.
    """
    found: dict[int, int] = {}
    for holder in values:
        value = holder
        found.setdefault(value, holder)
        while folded.kind.get(value) == "move" and folded.source[value] == value:
            step = folded.makers.of(value)
            if step is None or not isinstance(step.operation, Reshape | Permute):
                break
            value = folded.passes[value]
            found.setdefault(value, holder)
    return found


def note_missing(observed: Observed) -> None:
    """Leave out the points that nothing was read of, and say so."""
    missing = [point.name for point in observed.points if point.value not in observed.values]
    if missing:
        shown = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        has, them = ("has", "it") if len(missing) == 1 else ("have", "them")
        observed.notes.append(
            f"{len(missing)} of {len(observed.points)} steps {has} no array to read, for one operator computes {them} "
            f"with others: {shown}"
        )
    observed.points = [point for point in observed.points if point.value in observed.values]

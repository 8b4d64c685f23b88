"""Laws: what each parameter starts from, as signal propagation asks for it."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.distributions import Bilinear, Distribution, Identity, Orthogonal, PositiveUnitball
from glorot.graph import Value
from glorot.graph.propagation.elements import NODES, WEIGHTS, Elements, Laws, drawn
from glorot.graph.propagation.state import UnknownError
from glorot.inventory import path_of
from glorot.plans.entry import PlanEntry

NEGLIGIBLE = 1e-9
"""A variance, relative to the mean square, that is none."""


CHANCE = 6.0
"""Standard errors within which a mean is that of a law of mean 0."""


def laws_of(entries: Sequence[PlanEntry], held: Laws | None = None) -> Laws:
    """Return what gives the law of each parameter.

    Args:
        entries: the entries of a plan.
        held: what a model holds, for what the plan leaves alone; None where nothing is known of that.
    """
    by_path: dict[str, list[PlanEntry]] = defaultdict(list)
    for entry in entries:
        by_path[path_of(entry.name)].append(entry)

    def law(leaf: Value) -> Elements | None:
        own = by_path.get(leaf.path, [])
        laws = [(entry, entry.distribution) for entry in own if entry.distribution is not None]
        if not own or len(laws) < len(own):
            return None if held is None else held(leaf)
        return _law(laws, leaf.shape)

    return law


NOT_DRAWN: dict[type[Distribution], str] = {
    Identity: "an identity, which passes each element on as it is",
    Bilinear: "an interpolation, which is not drawn at random",
    PositiveUnitball: "all positive, so that all its units move together",
}
"""What is told of weights of a law that has no mean and variance by itself."""


def _moments(entry: PlanEntry, law: Distribution) -> tuple[float, float]:
    """Return mean and standard deviation of an element; an orthogonal matrix acts as any of the same mean square."""
    if isinstance(law, Orthogonal):
        sizes = dict.fromkeys("boik", 1)
        for letter, size in zip(entry.axes, entry.shape, strict=True):
            sizes[letter] *= size
        return 0.0, law.gain / math.sqrt(max(sizes["o"], sizes["i"] * sizes["k"]))
    if type(law) in NOT_DRAWN:
        raise UnknownError(f"{entry.name} is {NOT_DRAWN[type(law)]}")
    return float(law.mean), float(law.std)


def _law(laws: Sequence[tuple[PlanEntry, Distribution]], shape: tuple[int, ...]) -> Elements:
    pieces = [(math.prod(entry.shape), *_moments(entry, law)) for entry, law in laws]
    whole = sum(size for size, _, _ in pieces)
    mean = sum(size * m for size, m, _ in pieces) / whole
    second = sum(size * (m**2 + s**2) for size, m, s in pieces) / whole
    is_one = max(s for _, _, s in pieces) - min(s for _, _, s in pieces) <= 1e-6 * math.sqrt(second)
    boxed = None if is_one and len({m for _, m, _ in pieces}) == 1 else _boxed(laws, shape)
    if boxed is not None:
        return boxed
    variance = second - mean**2
    return drawn(mean, math.sqrt(variance) if variance > NEGLIGIBLE * second else 0.0, shape)


def _boxed(laws: Sequence[tuple[PlanEntry, Distribution]], shape: tuple[int, ...]) -> Elements | None:
    """Return the law of a tensor of pieces side by side along one axis; None of any other."""
    boxes = [entry.view.box if entry.view is not None and entry.view.unfold is None else None for entry, _ in laws]
    if any(box is None or len(box) != len(shape) for box in boxes):
        return None
    cut = {n for box in boxes for n, (start, stop) in enumerate(box or ()) if stop - start < shape[n]}
    if len(cut) != 1:
        return None
    (axis,) = cut
    means, stds = np.zeros(shape[axis]), np.zeros(shape[axis])
    for box, (entry, law) in zip(boxes, laws, strict=True):
        assert box is not None
        means[slice(*box[axis])], stds[slice(*box[axis])] = _moments(entry, law)
    place = [-1 if n == axis else 1 for n in range(len(shape))]
    samples = means.reshape(place)[None] + stds.reshape(place)[None] * NODES.reshape(-1, *(1,) * len(shape))
    return Elements(samples, WEIGHTS, tuple(size > 1 for size in shape), shape)


def held_in(arrays: Mapping[str, NDArray[Any]]) -> Laws:
    """Return what gives the law of each parameter from what a model holds: its mean and standard deviation.

    Args:
        arrays: what the model holds, by path.
    """

    def law(leaf: Value) -> Elements | None:
        array = arrays.get(leaf.path)
        if array is None or not array.size:
            return None
        values = np.asarray(array, np.float64)
        mean, std = float(values.mean()), float(values.std())
        is_chance = abs(mean) < CHANCE * std / math.sqrt(values.size)
        return drawn(0.0 if is_chance else mean, 0.0 if np.all(values == values.flat[0]) else std, leaf.shape)

    return law

"""Damping: a signal that the mean of its own surroundings makes smaller, as in a local response norm."""

import itertools
from typing import TYPE_CHECKING

import numpy as np

from glorot.graph.graph import Step
from glorot.graph.operations import Pad, Pool, Reduce, Reshape

if TYPE_CHECKING:
    from glorot.graph.folding import Folded

MEANS = np.array([0.25, 1.0, 4.0])
"""Means of surroundings for which a factor is looked at."""


def damped_by_surroundings(folded: "Folded", step: Step, name: str) -> int | None:
    """Return what a step makes smaller the larger the mean of its own surroundings is; None for anything else.

    Args:
        folded: the graph, up to the step.
        step: the step.
        name: its function.
    """
    if name not in ("mul", "div"):
        return None
    for signal, size in itertools.permutations(folded.data_of(step), 2):
        mean = folded.back(size)
        averaged = _averaged(folded, mean)
        is_upside_down = name == "div" and size == step.operands[0]
        if averaged is None or is_upside_down or folded.source[averaged] != folded.source[signal]:
            continue
        factors = folded.curve(size, mean)(MEANS) ** (-1 if name == "div" else 1)
        if np.all(factors > 0) and np.all(np.diff(factors) <= 0):
            return signal
    return None


def _averaged(folded: "Folded", mean: int) -> int | None:
    """Return what a value is the mean of, without padding; None if it is no mean."""
    maker = folded.makers.of(mean)
    if maker is None:
        return None
    match maker.operation:
        case Pool("mean" | "sum") | Reduce("mean"):
            value = maker.operands[0]
        case _:
            return None
    around = folded.makers.of(value)
    while around is not None and isinstance(around.operation, Pad | Reshape):
        value = around.operands[0]
        around = folded.makers.of(value)
    return value

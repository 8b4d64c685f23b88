"""Running a piece of a graph on numbers, so that a norm or a softmax is recognised by what it does."""

from collections.abc import Callable, Container, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.graph.functions import function
from glorot.graph.graph import Graph, Step
from glorot.graph.moves import moved
from glorot.graph.operations import Broadcast, Flip, Map, Permute, Reduce, Reshape, Slice

Array = NDArray[Any]

_STATISTICS: dict[str, Callable[..., Any]] = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "product": np.prod,
    "std": np.std,
    "variance": np.var,
}


class Makers:
    """Which step makes each value of a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._step = {step.result: step for step in graph.steps}

    def of(self, value: int) -> Step | None:
        """Return the step that makes a value; None for a leaf."""
        return self._step.get(value)

    def between(self, start: int, end: int, parameters: Container[int] = ()) -> list[Step] | None:
        """Return the steps from one value to another, in order; None if more enters than numbers and parameters."""
        found: dict[int, Step] = {}
        waiting = [end]
        while waiting:  # a loop, for graphs are deeper than Python's stack
            value = waiting.pop()
            is_known = self.graph.values[value].number is not None or value in parameters
            if value == start or value in found or is_known:
                continue
            step = self._step.get(value)
            if step is None:
                return None
            found[value] = step
            waiting.extend(step.operands)
        return [found[value] for value in sorted(found)]


def run(graph: Graph, steps: Iterable[Step], start: int, array: Array, end: int) -> Array | None:
    """Run steps on an array; what enters besides numbers scales by 1 and shifts by 0.

    Args:
        graph: the graph that they belong to.
        steps: maps, moves of one value and reductions, in order.
        start: the value that the array is.
        array: its elements.
        end: the value that is asked for.

    Returns:
        That value; None if a step cannot be run.
    """
    known = {start: array}
    with np.errstate(all="ignore"):
        for step in steps:
            arrays = [known[v] if v in known else graph.values[v].number for v in step.operands]
            if any(array is None for array in arrays):
                neutral = 0.0 if step.operation in (Map("add"), Map("sub")) else 1.0
                arrays = [neutral if array is None else array for array in arrays]
            result = _do(step, arrays, graph.shape(step.result))
            if result is None:
                return None
            known[step.result] = result
    return known.get(end)


def _do(step: Step, arrays: list[Any], shape: tuple[int, ...]) -> Array | None:
    match step.operation:
        case Map(name):
            return np.asarray(function(name)(*arrays))
        case Reduce(statistic, axes, keeps):
            return reduced(statistic, arrays[0], axes, keeps)
        case Reshape() | Permute() | Broadcast() | Flip() | Slice() as move:
            return moved(move, [np.asarray(arrays[0])], shape)
    return None


def reduced(statistic: str, array: Array, axes: tuple[int, ...], keeps: bool) -> Array:
    """Return a statistic of an array over axes."""
    if statistic == "norm":
        return np.asarray(np.sqrt(np.sum(np.square(array), axis=axes, keepdims=keeps)))
    return np.asarray(_STATISTICS[statistic](array, axis=axes, keepdims=keeps))

"""Running a piece of a graph on numbers, so that a norm or a softmax is recognised by what it does."""

from collections.abc import Callable, Container, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.graph.functions import function
from glorot.graph.graph import Graph, Step
from glorot.graph.moves import moved
from glorot.graph.operations import Broadcast, Flip, Map, Operation, Permute, Reduce, Reshape, Slice

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


class Instruction(NamedTuple):
    """One step of a program.

    Attributes:
        operation: what it does.
        operands: for each operand the position of what it takes, 0 for the array that the program runs on and n for
            what the n-th instruction makes; None for any other.
        numbers: for each operand the number that it is, if it is one.
        shape: the shape of its result.
    """

    operation: Operation
    operands: tuple[int | None, ...]
    numbers: tuple[float | None, ...]
    shape: tuple[int, ...]


class Program(NamedTuple):
    """A piece of a graph by itself, so that equal pieces, as of a stack of layers, are run once.

    Attributes:
        shape: the shape of the array that it runs on.
        instructions: its steps.
    """

    shape: tuple[int, ...]
    instructions: tuple[Instruction, ...]


def program_of(graph: Graph, steps: Iterable[Step], start: int) -> Program:
    """Return the program that steps are, in order, from one value on."""
    places, found = {start: 0}, []
    for step in steps:
        operands = tuple(places.get(value) for value in step.operands)
        numbers = tuple(graph.values[value].number for value in step.operands)
        found.append(Instruction(step.operation, operands, numbers, graph.shape(step.result)))
        places[step.result] = len(found)
    return Program(graph.shape(start), tuple(found))


def run(program: Program, array: Array) -> Array | None:
    """Run a program on an array; what enters besides numbers scales by 1 and shifts by 0.

    Args:
        program: maps, moves of one value and reductions.
        array: the array.

    Returns:
        What the last instruction makes; None if a step cannot be run.
    """
    made = [array]
    with np.errstate(all="ignore"):
        for operation, operands, numbers, shape in program.instructions:
            neutral = 0.0 if operation in (Map("add"), Map("sub")) else 1.0
            others = [neutral if number is None else number for number in numbers]
            arrays = [other if place is None else made[place] for place, other in zip(operands, others, strict=True)]
            result = _do(operation, arrays, shape)
            if result is None:
                return None
            made.append(result)
    return made[-1]


def _do(operation: Operation, arrays: list[Any], shape: tuple[int, ...]) -> Array | None:
    match operation:
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

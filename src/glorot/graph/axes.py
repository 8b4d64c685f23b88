"""Which axis of each value of a graph counts the examples, and which the units."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from glorot.graph.folding import Folded
from glorot.graph.graph import Step
from glorot.graph.operations import Broadcast, Contract, Convolve, Permute, Reduce, Reshape, Slice, Take


class Layout(NamedTuple):
    """How a value lies.

    Attributes:
        examples: the axis that counts examples, alone or as the slowest of what it counts; None if no axis does.
        units: the axis that counts units, as channels or features; the last where nothing shows it.
    """

    examples: int | None
    units: int


def layouts_of(folded: Folded) -> dict[int, Layout]:
    """Return how every value lies that depends on the batch: examples come first in an input, units last.

    Example:
        >>> from glorot.graph import Graph
        >>> graph = Graph()
        >>> x = graph.input((8, 5, 3))
        >>> y = graph.step(Permute((1, 0, 2)), [x], (5, 8, 3))
        >>> layouts_of(Folded(graph))[y]
        Layout(examples=1, units=2)
    """
    graph, found = folded.graph, dict[int, Layout]()
    for value in graph.values:
        if value.leaf == "input" and value.shape:
            found[value.id] = Layout(0, len(value.shape) - 1)
    examples = examples_of(folded)
    for step in graph.steps:
        data = [operand for operand in folded.data_of(step) if operand in found]
        rank = len(graph.shape(step.result))
        if step.result in folded.source and rank:
            layouts = [_after(folded, step, operand, found[operand], examples) for operand in data]
            known = [layout.examples for layout in layouts if layout.examples is not None]
            units = [layout.units for layout in layouts if layout.units is not None]
            found[step.result] = Layout(known[0] if known else None, units[0] if units else rank - 1)
    return found


def examples_of(folded: Folded) -> int:
    """Return how many examples the batch has: the size of the first axis of the first input that has axes."""
    return next((value.shape[0] for value in folded.graph.values if value.leaf == "input" and value.shape), 1)


class _Moved(NamedTuple):
    examples: int | None
    units: int | None


def _after(folded: Folded, step: Step, operand: int, layout: Layout, examples: int) -> _Moved:
    """Return where the axes of an operand are in the result of a step."""
    shape, result = folded.graph.shape(operand), folded.graph.shape(step.result)
    match step.operation:
        case Contract() as contract:
            letters = contract.operands[step.operands.index(operand)]
            at = contract.result.find(letters[layout.examples]) if layout.examples is not None else -1
            return _Moved(None if at < 0 else at, _units_of(folded, step, contract))
        case Convolve(channel=channel):
            return _Moved(layout.examples, channel)
        case Permute(order):
            return _Moved(*(None if axis is None else order.index(axis) for axis in layout))
        case Broadcast(at=places):
            return _Moved(*(None if axis is None else places[axis] for axis in layout))
        case Slice(index):
            kept = [axis for axis, piece in enumerate(index) if not isinstance(piece, int)]
            return _Moved(*(kept.index(axis) if axis in kept else None for axis in layout))
        case Reduce(_, axes, False):
            kept = [axis for axis in range(len(shape)) if axis not in axes]
            return _Moved(*(kept.index(axis) if axis in kept else None for axis in layout))
        case Reshape():
            return _Moved(_regrouped(shape, result, layout.examples, examples), _same_axis(shape, result, layout.units))
        case Take(axis) if step.operands[0] in folded.parameters:  # by an index, whose axes stand in the place of one
            return _Moved(None if layout.examples is None else axis + layout.examples, len(result) - 1)
    return _Moved(*layout) if len(shape) == len(result) else _Moved(None, None)


def _units_of(folded: Folded, step: Step, contract: Contract) -> int | None:
    """Return the axis that the outputs of a kernel become; None where there is no kernel, or several axes are."""
    for value, letters, other in zip(step.operands, contract.operands, reversed(contract.operands), strict=True):
        if value in folded.parameters:
            own = [letter for letter in letters if letter in contract.result and letter not in other]
            return contract.result.index(own[-1]) if own else None
    return None


def _regrouped(old: Sequence[int], new: Sequence[int], axis: int | None, examples: int) -> int | None:
    """Return the axis of a new shape whose slowest part counts the examples."""
    if axis is None:
        return None
    before = math.prod(old[:axis])
    for place, size in enumerate(new):
        if math.prod(new[:place]) == before and size > 0 and size % examples == 0:
            return place
    return None


def _same_axis(old: Sequence[int], new: Sequence[int], axis: int) -> int | None:
    """Return the axis of a new shape that is the same as one of the old shape; None if there is none."""
    after = math.prod(old[axis + 1 :])
    for place in reversed(range(len(new))):
        if new[place] == old[axis] and math.prod(new[place + 1 :]) == after:
            return place
    return None

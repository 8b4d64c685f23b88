"""Attending: what the operands of a product of two signals are for in attention, by the softmax that follows it."""

import math
from collections.abc import Sequence

from glorot.graph.folding import Folded
from glorot.graph.graph import Shape, Step
from glorot.graph.operations import Contract, Join, Map, Permute, Reshape, Softmax, Take

Groups = list[tuple[int, ...]]
"""For each axis of a value, the axes of an earlier one that lie along it."""

MOST_BEFORE_SOFTMAX = 12
"""Steps between the products of attention and its softmax."""


def role_in(folded: Folded, contract: Contract, step: Step, operand: int) -> str:
    """Return what an operand of a contraction of two signals is for: q, k or v of attention, or only summed or kept."""
    other = step.operands[1 - operand]
    if other not in folded.source:
        return "kernel"
    if folded.kind[folded.back(other)] == "softmax":
        return "v"
    letters = {contract.result[axis] for axis in _softmax_axes(folded, step.result)}
    if not letters:
        return "signal"
    return "k" if letters <= set(contract.operands[operand]) else "q"


def _softmax_axes(folded: Folded, value: int) -> tuple[int, ...]:
    """Return the axes of the softmax that follows a value, with scales, shifts, masks and moves between them."""
    sizes = [*folded.graph.shape(value)]
    groups: Groups = [(axis,) for axis in range(len(sizes))]
    for _ in range(MOST_BEFORE_SOFTMAX):
        users = [folded.graph.steps[position] for position, _ in folded.users[value]]
        softmax = next((step.operation for step in users if isinstance(step.operation, Softmax)), None)
        if softmax is not None:
            return tuple(axis for along in softmax.axes for axis in groups[along])
        if any(folded.kind.get(step.result) in ("softmax", "centred") for step in users):
            return groups[-1]
        following = next((step for step in users if _keeps_last(folded, step, value)), None)
        if following is None:
            return ()
        value = following.result
        match following.operation:
            case Permute(order):
                groups = [groups[axis] for axis in order]
            case Reshape():
                groups = regrouped(groups, sizes, folded.graph.shape(value))
        shape = folded.graph.shape(value)
        groups = [()] * (len(shape) - len(groups)) + groups  # where a mask has more axes
        for group, size in zip(groups, shape, strict=True):  # which a look-up changes
            if len(group) == 1:
                sizes[group[0]] = size
    return ()


def regrouped(groups: Groups, sizes: Sequence[int], shape: Shape) -> Groups:
    """Return the groups of axes that lie along each axis after a reshape; () for a piece of one.

    Args:
        groups: those that lie along each axis before it.
        sizes: the sizes of all axes that are grouped.
        shape: the shape after it.

    Example:
        >>> regrouped([(0,), (1,), (2,)], (2, 5, 3), (10, 3))
        [(0, 1), (2,)]
        >>> regrouped([(0, 1), (2,)], (2, 5, 3), (2, 5, 1, 3))
        [(0,), (1,), (), (2,)]
        >>> regrouped([(0,), (1,)], (8, 3), (2, 4, 3))
        [(), (), (1,)]
    """
    axes = [axis for group in groups for axis in group if sizes[axis] > 1]
    found: Groups = []
    rest = 1  # of an axis that is taken apart
    for size in shape:
        group: tuple[int, ...] = ()
        while rest < size and axes:
            group += (axes[0],)
            rest *= sizes[axes.pop(0)]
        is_whole = rest == size and math.prod(sizes[axis] for axis in group) == size
        found.append(group if is_whole else ())
        rest = max(rest // size, 1)
    return found


def _keeps_last(folded: Folded, step: Step, value: int) -> bool:
    """Tell whether a step leaves logits along the keys what they are; it may split heads off the batch."""
    match step.operation:
        case Map() | Join() | Permute():
            return step.result in folded.source
        case Take():  # by distance, as of keys that stand for positions
            return step.operands[0] == value and len(folded.graph.shape(step.result)) == len(folded.graph.shape(value))
        case Reshape():
            return folded.graph.shape(step.result)[-1:] == folded.graph.shape(value)[-1:]
    return False

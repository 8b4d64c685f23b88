"""Moves on real arrays: what a graph does with elements, done with NumPy."""

from collections.abc import Container, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.graph.graph import Graph, Step
from glorot.graph.operations import Broadcast, Contract, Flip, Index, Join, Move, Pad, Permute, Reshape, Slice, Take

Array = NDArray[Any]


def moved(move: Move, arrays: Sequence[Array], shape: tuple[int, ...], fill: float = 0) -> Array | None:
    """Do a move on arrays.

    Args:
        move: the move.
        arrays: its operands.
        shape: the shape of its result.
        fill: what padding holds.

    Returns:
        The result; None where it depends on an index that is not known.

    Example:
        >>> moved(Permute((1, 0)), [np.arange(6).reshape(2, 3)], (3, 2)).tolist()
        [[0, 3], [1, 4], [2, 5]]
    """
    first = arrays[0]
    match move:
        case Reshape():
            return first.reshape(shape)
        case Permute(order):
            return first.transpose(order)
        case Slice(index):
            return first[tuple(map(_piece, index))]
        case Broadcast(at):
            sizes = dict(zip(at, first.shape, strict=True))
            return np.broadcast_to(first.reshape([sizes.get(axis, 1) for axis in range(len(shape))]), shape)
        case Flip(axes):
            return np.flip(first, axes)
        case Pad(widths):
            return np.pad(first, widths, constant_values=fill)
        case Join(axis):
            return np.concatenate(arrays, axis=axis)
        case Take(axis, index):
            return None if index is None else np.take(first, index, axis=axis)


def _piece(index: int | tuple[int, int, int]) -> int | slice:
    if isinstance(index, int):
        return index
    start, stop, step = index
    return slice(start, stop, step)


def box(shape: Sequence[int], axis: int = -1, start: int = 0, stop: int = 0, step: int = 1) -> Index:
    """Return the index of a slice along one axis; without an axis, that of the whole.

    Example:
        >>> box((4, 6), 1, 2, 5)
        ((0, 4, 1), (2, 5, 1))
    """
    cut = (int(start), int(stop), int(step))
    return tuple(cut if n == axis else (0, int(size), 1) for n, size in enumerate(shape))


def reads_out(graph: Graph, step: Step, kernels: Container[int]) -> bool:
    """Tell whether a step multiplies a kernel by a square constant, as of an identity that an adapter is read out by.

    Args:
        graph: the graph.
        step: the step.
        kernels: the values that are kernels.
    """
    if not isinstance(step.operation, Contract) or len(step.operands) != 2:
        return False
    for one, other in (step.operands, step.operands[::-1]):
        shape = graph.shape(other)
        if one in kernels and graph.values[other].leaf == "constant" and len(shape) == 2 and shape[0] == shape[1]:
            return True
    return False

"""Rows: which elements of a value share their moments; a row is a position of an example, over all its features."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.graph.moves import moved
from glorot.graph.operations import Move, Pad

Labels = NDArray[np.intp]

MOST = 512
"""Rows of a value; where it has more positions, neighbours are joined into blocks."""

LARGEST = 1 << 24
"""Elements of the largest value whose rows are followed through a change of shape."""

ZERO = -1
"""The label of what padding adds."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a value.

    Attributes:
        labels: the row of each element, with size 1 along each axis along which it stays the same.
        example: the example that each row belongs to; -1 for none.
        single: whether each row is a single position.
        kinds: the axes along which rows are other kinds of features, and not other positions.
    """

    labels: Labels
    example: Labels
    single: NDArray[np.bool_]
    kinds: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.example)

    def varies(self, axis: int) -> bool:
        """Tell whether rows change along an axis."""
        return bool(self.labels.shape[axis] > 1)

    @functools.cached_property
    def sizes(self) -> NDArray[np.float64]:
        """How many positions of an example each row has."""
        lines = self.labels.reshape(self.labels.shape[0] if self.labels.ndim else 1, -1)
        _, first = np.unique(lines[:, 0], return_index=True)
        kept = lines[first][lines[first] >= 0]
        return np.maximum(np.bincount(kept, minlength=len(self)), 1).astype(float)

    def places(self) -> tuple[Labels, ...]:
        """Return where the first element of each row lies, axis by axis."""
        _, first = np.unique(self.labels, return_index=True)
        return tuple(np.unravel_index(first, self.labels.shape))


def compact(labels: Labels) -> Labels:
    """Return labels with size 1 along each axis along which they stay the same."""
    for axis, size in enumerate(labels.shape):
        if size > 1:
            first = labels[tuple(slice(0, 1) if n == axis else slice(None) for n in range(labels.ndim))]
            if labels.strides[axis] == 0 or np.array_equal(labels, np.broadcast_to(first, labels.shape)):
                labels = first
    return labels


def rows_of(shape: Sequence[int], positions: Sequence[int], most: int = MOST) -> Rows:
    """Return the rows of an input: one for each position of each example, or for a block of them.

    Args:
        shape: its shape; examples lie along the first axis.
        positions: the axes of positions.
        most: how many rows there may be.
    """
    sizes = [shape[axis] for axis in positions]
    examples = shape[0] if shape else 1
    kept = min(examples, max(2, most // max(math.prod(sizes), 1)))
    labels, single = blocks(sizes, max(1, most // kept))
    count = int(labels.max()) + 1 if labels.size else 1
    whole = [1] * len(shape)
    for axis, size in zip(positions, labels.shape, strict=True):
        whole[axis] = size
    turn = np.arange(examples) % kept
    if shape:
        spread = turn.reshape([-1, *[1] * (len(shape) - 1)]) * count + labels.reshape(whole)
    else:
        spread = np.zeros((), np.intp)
    return Rows(compact(spread), np.repeat(np.arange(kept), count), np.tile(single, kept))


def blocks(sizes: Sequence[int], most: int) -> tuple[Labels, NDArray[np.bool_]]:
    """Return a label for each position, of blocks of neighbours where there are more positions than wanted.

    Returns:
        The labels, and for each whether it stands for a single position.
    """
    widths = [1] * len(sizes)
    while math.prod(-(-size // width) for size, width in zip(sizes, widths, strict=True)) > most:
        longest = max(range(len(sizes)), key=lambda n: -(-sizes[n] // widths[n]))
        widths[longest] += 1
    counts = [-(-size // width) for size, width in zip(sizes, widths, strict=True)]
    labels = np.zeros([1] * len(sizes), np.intp)
    for axis, (size, width) in enumerate(zip(sizes, widths, strict=True)):
        line = (np.arange(size) // width).reshape([-1 if n == axis else 1 for n in range(len(sizes))])
        labels = labels * counts[axis] + line
    _, sizes_of = np.unique(labels, return_counts=True)
    return labels, sizes_of == 1


def moved_rows(move: Move, operands: Sequence[tuple[Rows, Sequence[int]]], shape: Sequence[int]) -> Labels | None:
    """Return the labels of what a move makes of values, those of later operands counted on; None if unknown.

    Args:
        move: the move.
        operands: the rows and the shape of each operand.
        shape: the shape of the result.
    """
    arrays, before = [], 0
    for rows, own in operands:
        if math.prod(own) > LARGEST:
            return None
        arrays.append(np.broadcast_to(rows.labels + before, own))
        before += len(rows)
    if isinstance(move, Pad) and move.copies:  # which copies is not known; those of a circle are as good as any
        return compact(np.pad(arrays[0], move.widths, mode="wrap"))
    arrived = moved(move, arrays, tuple(shape), ZERO)
    return None if arrived is None or arrived.shape != tuple(shape) else compact(arrived)


def renumbered(labels: Labels) -> tuple[Labels, Labels]:
    """Return labels without gaps, and the old label of each new one."""
    old, fresh = np.unique(labels, return_inverse=True)
    return fresh.reshape(labels.shape), old


def joint(first: Rows, second: Rows, shape: Sequence[int]) -> tuple[Rows, Labels, Labels]:
    """Return the rows of a value that is made of two, element by element, and the row of each that each one is of.

    Args:
        first: the rows of one.
        second: the rows of the other.
        shape: the shape of the result, to which both are broadcast.
    """
    if first is second:
        same = np.arange(len(first))
        return first, same, same
    a, b = (rows.labels.reshape((1,) * (len(shape) - rows.labels.ndim) + rows.labels.shape) for rows in (first, second))
    labels, old = renumbered(a * len(second) + b)
    ia, ib = old // len(second), old % len(second)
    example = np.maximum(first.example[ia], second.example[ib])
    kinds = first.kinds | second.kinds if a.ndim == first.labels.ndim == second.labels.ndim else frozenset[int]()
    return Rows(compact(labels), example, first.single[ia] & second.single[ib], kinds), ia, ib


def spread(index: Any, values: NDArray[Any], size: int) -> NDArray[Any]:
    """Sum a matrix of pairs over the rows that become one: the transpose of taking rows by an index."""
    if len(index) == size and np.array_equal(index, np.arange(size)):
        return values
    half = np.zeros((size, values.shape[1]))
    np.add.at(half, index, values)
    whole = np.zeros((size, size))
    np.add.at(whole.T, index, half.T)
    return whole

"""Inputs: the moments of a batch, from its values where they are known, and else as of white noise."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.graph.folding import Folded
from glorot.graph.graph import Value
from glorot.graph.operations import Contract, Convolve, Map, Pad, Permute, Reshape, Take
from glorot.graph.propagation.rows import Rows, rows_of
from glorot.graph.propagation.state import Array, State

NOISE = "the batch is taken as white noise of mean square 1, for its values are not known"


def rows_of_input(folded: Folded, value: Value) -> Rows:
    """Return the rows of an input: its axes are examples, positions and features by what takes it first."""
    shape = value.shape
    features = _features(folded, value.id)
    positions = [axis for axis in range(1, len(shape)) if axis not in features]
    return rows_of(shape, positions)


def _features(folded: Folded, value: int) -> set[int]:
    """Return the axes of features: channels of a convolution, what a dense layer sums; none of words."""
    rank = len(folded.graph.shape(value))
    usual = {rank - 1} if rank > 1 else set()
    waiting, seen = [value], set()
    while waiting:
        taken = waiting.pop(0)
        for position, operand in folded.users.get(taken, ()):
            step = folded.graph.steps[position]
            if step.result in seen:
                continue
            seen.add(step.result)
            match step.operation:
                case Take() if operand > 0:
                    return set()
                case Convolve(channel=channel) if operand == 0 and len(folded.graph.shape(taken)) == rank:
                    return {channel}
                case Contract() as contract if len(folded.graph.shape(taken)) == rank:
                    own = contract.operands[operand]
                    return {axis for axis, letter in enumerate(own) if letter not in contract.result} or usual
                case Map() | Pad() | Permute() | Reshape():
                    waiting.append(step.result)
    return usual


def state_of_input(value: Value, rows: Rows) -> State:
    """Return the state of an input."""
    if value.elements is None or not np.issubdtype(value.elements.dtype, np.floating):
        size = len(rows)
        pairs = np.diag(rows.single.astype(float))
        return State(rows, np.zeros(size), np.ones(size), pairs, root=value.id, kin=value.id)
    return state_of_values(np.asarray(value.elements, np.float64), value.id, rows)


def state_of_values(elements: Array, root: int, rows: Rows, call: Callable[[Array], Any] | None = None) -> State:
    """Return the state of values that are known, or of a function of them: averaged over examples that share rows."""
    values = elements if call is None else np.broadcast_to(call(elements), elements.shape)
    followed = int(rows.example.max(initial=0)) + 1
    if not values.ndim or len(values) <= followed:
        mean, square, pairs = _state_of(values, rows)
        return State(rows, mean, square, pairs, normal=False, root=root, kin=root)
    few = Rows(rows.labels[:1], rows.example[rows.example == 0], rows.single[rows.example == 0])
    lines = [_sums(one[None], few) for one in values]
    summed, own = np.stack([line[0] for line in lines]), np.mean([line[1] for line in lines], axis=0)
    width = summed.shape[2]
    count = lines[0][2]
    one = np.einsum("bif,bjf->ij", summed, summed) / (len(values) * width)
    whole = summed.sum(0)
    two = (whole @ whole.T / width - one * len(values)) / (len(values) * (len(values) - 1))
    one[np.diag_indices(len(one))] = _within(one, own, count, few.single)
    pairs = np.kron(np.eye(followed), one - two) + np.kron(np.ones((followed, followed)), two)
    mean = np.tile(summed.mean((0, 2)), followed)
    return State(rows, mean, np.tile(own, followed), pairs, normal=False, root=root, kin=root)


def _within(pairs: Array, own: Array, count: Array, single: NDArray[np.bool_]) -> Array:
    """Return E x x′ of two different positions of a row; of a row with one position, its square."""
    within = (np.diag(pairs) * count**2 - own * count) / np.maximum(count * (count - 1), 1)
    return np.where(single | (count == 1), own, within)


def _sums(values: Array, rows: Rows) -> tuple[Array, Array, Array]:
    """Return for each row the mean of its positions, feature by feature, its mean square, and how many they are."""
    lines, index = _lines(values, rows)
    count = np.maximum(np.bincount(index, minlength=len(rows)), 1)
    summed = np.zeros((len(rows), lines.shape[1]))
    np.add.at(summed, index, lines)
    own = np.zeros(len(rows))
    np.add.at(own, index, np.mean(lines**2, axis=1))
    return summed / count[:, None], own / count, count.astype(float)


def _state_of(values: Array, rows: Rows) -> tuple[Array, Array, Array]:
    """Return the moments of examples that are all followed."""
    summed, own, count = _sums(values, rows)
    pairs = summed @ summed.T / summed.shape[1]
    pairs[np.diag_indices(len(rows))] = _within(pairs, own, count, rows.single)
    return summed.mean(1), own, pairs


def _lines(values: Array, rows: Rows) -> tuple[Array, NDArray[np.intp]]:
    """Return (positions, features) of examples, and the row of each position."""
    labels = rows.labels
    across = [axis for axis in range(values.ndim) if labels.shape[axis] > 1 or axis == 0]
    within = [axis for axis in range(values.ndim) if axis not in across]
    size = math.prod(values.shape[axis] for axis in across)
    lines = values.transpose([*across, *within]).reshape(size, -1) if values.ndim else values.reshape(1, 1)
    shape = [values.shape[axis] if axis in across else 1 for axis in range(values.ndim)]
    owners = labels[: values.shape[0]] if values.ndim and labels.shape[0] > 1 else labels
    return lines, np.broadcast_to(owners, shape).reshape(-1)

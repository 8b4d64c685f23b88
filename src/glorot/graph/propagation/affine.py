"""Affine: what parameters and constants do to a signal that they are added to, or multiplied with."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from glorot.graph.propagation.elements import Elements
from glorot.graph.propagation.rows import Rows, compact, joint
from glorot.graph.propagation.state import Array, Gradient, State

Labels = NDArray[np.intp]
Name = Literal["add", "sub", "mul", "div"]


class Beside(NamedTuple):
    """An array beside a signal, row by row.

    Attributes:
        name: what is done with it.
        state: the signal, with rows fine enough for the array.
        was: the row of the signal that each of these was.
        size: how many rows the signal had.
        mean: E w.
        second: E w².
        cross: E w w′ of two rows at one feature.
    """

    name: Name
    state: State
    was: Labels
    size: int
    mean: Array
    second: Array
    cross: Array


def beside(state: State, elements: Elements, name: Name, shape: Sequence[int]) -> Beside:
    """Set an array beside a signal.

    Args:
        state: the signal.
        elements: the array.
        name: what is done with it.
        shape: the shape of the result.
    """
    size = len(state.rows)
    elements = elements.mapped(lambda w: 1 / w) if name == "div" else elements
    state = _of_rank(state, len(shape))
    index = np.arange(size)
    if elements.known and elements.samples.size > 1:
        return Beside(name, state, index, size, *_of_constants(state, elements, shape))
    samples = elements.samples.reshape(
        (-1, *(1,) * (len(shape) + 1 - elements.samples.ndim), *elements.samples.shape[1:])
    )
    if samples[0].size > 1:
        state, index = _refined(state, samples, elements.weights, shape)
    places = state.rows.places()
    at = tuple(
        np.minimum(places[axis], size - 1) if size > 1 else np.zeros(len(state.rows), np.intp)
        for axis, size in enumerate(samples.shape[1:])
    )
    mean = np.asarray(elements.weights @ samples[(slice(None), *at)])
    second = np.asarray(elements.weights @ np.square(samples[(slice(None), *at)]))
    cross = np.outer(mean, mean)
    if not elements.known:
        cross = np.where(_shared(state, elements, len(shape)), np.sqrt(np.outer(second, second)), cross)
    return Beside(name, state, index, size, mean, second, cross)


def _shared(state: State, elements: Elements, rank: int) -> NDArray[np.bool_]:
    """Return which rows meet the same elements of an array that is drawn."""
    flags = [drawn and size > 1 for drawn, size in zip(elements.varies, elements.shape, strict=True)]
    varies = [False] * (rank - len(flags)) + flags
    own = [axis for axis in range(rank) if varies[axis] and state.rows.varies(axis)]
    place, places = np.zeros(len(state.rows), np.intp), state.rows.places()
    for axis in own:
        place = place * (state.rows.labels.shape[axis] + 1) + places[axis]
    shared = place[:, None] == place[None, :]
    if own:
        shared[np.diag_indices(len(place))] = state.rows.single
    return np.asarray(shared)


def _of_rank(state: State, rank: int) -> State:
    labels = state.rows.labels
    if labels.ndim == rank:
        return state
    rows = Rows(labels.reshape((1,) * (rank - labels.ndim) + labels.shape), state.rows.example, state.rows.single)
    return state.taken(np.arange(len(rows)), rows)


def _refined(state: State, samples: Array, weights: Array, shape: Sequence[int]) -> tuple[State, Labels]:
    """Return a state whose rows are apart where an array holds pieces of other laws, and the rows that those were."""
    mean, second = np.tensordot(weights, samples, 1), np.tensordot(weights, np.square(samples), 1)
    moments = np.stack([mean.ravel(), second.ravel()]).round(12)
    _, kinds = np.unique(moments, axis=1, return_inverse=True)
    count = int(kinds.max()) + 1
    pieces = Rows(compact(kinds.reshape(mean.shape)), np.full(count, -1), np.ones(count, bool))
    rows, index, _ = joint(state.rows, pieces, shape)
    apart = frozenset(n for n, size in enumerate(pieces.labels.shape) if size > 1 and not state.rows.varies(n))
    return state.taken(index, replace(rows, kinds=rows.kinds | apart)), index


def _of_constants(state: State, elements: Elements, shape: Sequence[int]) -> tuple[Array, Array, Array]:
    """Return what constants are, row by row, averaged over the features of each."""
    values = elements.samples[0]
    whole = np.broadcast_to(values.reshape((1,) * (len(shape) - values.ndim) + values.shape), tuple(shape))
    labels = state.rows.labels
    across = [axis for axis in range(len(shape)) if labels.shape[axis] > 1]
    within = [axis for axis in range(len(shape)) if axis not in across]
    lines = whole.transpose([*across, *within]).reshape(math.prod(shape[axis] for axis in across), -1)
    _, first = np.unique(labels.reshape(-1), return_index=True)
    picked = lines[first]
    return picked.mean(1), np.mean(picked**2, axis=1), picked @ picked.T / picked.shape[1]


def forward(found: Beside) -> State:
    """Return the signal with the array added to it, or multiplied with it."""
    state, mean = found.state, found.mean
    if found.name in ("mul", "div"):
        made = state.mean * mean, state.square * found.second, state.pairs * found.cross
    else:
        sign = -1 if found.name == "sub" else 1
        mixed = sign * (np.outer(state.mean, mean) + np.outer(mean, state.mean))
        square = state.square + 2 * sign * state.mean * mean + found.second
        made = state.mean + sign * mean, square, state.pairs + mixed + found.cross
    return State(state.rows, *made, state.grade, state.normal, state.root, state.kin)


def backward(gradient: Gradient, found: Beside) -> Gradient:
    """Return what reaches the signal."""
    square, pairs = gradient.square, gradient.pairs
    if found.name in ("mul", "div"):
        square, pairs = square * found.second, pairs * found.cross
    if len(found.was) == found.size:
        return Gradient(square, pairs, gradient.grade, gradient.summed)
    share = np.zeros((found.size, len(found.was)))  # each feature of a row is in one of its pieces
    share[found.was, np.arange(len(found.was))] = 1
    share /= share.sum(1, keepdims=True)
    same = found.was[:, None] != found.was[None, :]
    across = cast(Array, np.where(same, pairs, 0)) + np.diag(np.diag(pairs))
    return Gradient(share @ square, share @ across @ share.T, gradient.grade)

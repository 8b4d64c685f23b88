"""Combining: sums, products and joins of signals, and what parameters and constants do to one."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glorot.graph.propagation.curves import Expansion, Function, correlations
from glorot.graph.propagation.elements import Elements
from glorot.graph.propagation.rows import Rows, compact, joint, renumbered
from glorot.graph.propagation.state import State, UnknownError, approximate, worst

Labels = NDArray[np.intp]


def curved(state: State, function: Function, value: int) -> State:
    """Return a function of a signal, element by element."""
    ends = np.array([-1.0, 0.0, 1.0, 3.0])
    with np.errstate(all="ignore"):
        at = np.broadcast_to(np.asarray(function(ends), float), ends.shape)
    factor, shift = float(at[2] - at[1]), float(at[1])
    if np.all(np.isfinite(at)) and np.allclose(at, factor * ends + shift, rtol=1e-9, atol=1e-12 * (1 + abs(shift))):
        return _linear(state, factor, shift)
    variance, correlation = correlations(state.mean, state.square, state.pairs)
    expansion = Expansion(function, state.mean, variance)
    pairs = expansion.pairs(correlation)
    single = np.flatnonzero(state.rows.single)
    pairs[single, single] = expansion.square[single]
    grade = state.grade
    if not state.normal:
        grade = worst(grade, approximate("a signal that is not normal enters a function"))
    return State(state.rows, expansion.mean, expansion.square, pairs, grade, False, state.root, state.kin)


def _linear(state: State, factor: float, shift: float) -> State:
    mean = factor * state.mean + shift
    cross = factor * shift * (state.mean[:, None] + state.mean[None, :]) + shift**2
    square = factor**2 * state.square + 2 * factor * shift * state.mean + shift**2
    return State(
        state.rows, mean, square, factor**2 * state.pairs + cross, state.grade, state.normal, state.root, state.kin
    )


def summed(first: State, second: State, shape: Sequence[int], sign: int, value: int) -> tuple[State, Labels, Labels]:
    """Return the sum or the difference of two signals, and the rows of both that each row is made of."""
    rows, ia, ib = joint(first.rows, second.rows, shape)
    a, b = first.taken(ia, rows), second.taken(ib, rows)
    grade = worst(a.grade, b.grade)
    _check_independent(a, b)
    cross = np.outer(a.mean, b.mean) + np.outer(b.mean, a.mean)
    pairs = a.pairs + b.pairs + sign * cross
    square = a.square + b.square + 2 * sign * a.mean * b.mean
    is_normal = a.normal and b.normal
    return State(rows, a.mean + sign * b.mean, square, pairs, grade, is_normal, value, value), ia, ib


def _check_independent(first: State, second: State) -> None:
    if first.root == second.root and first.root >= 0:
        raise UnknownError("two signals meet that depend on each other")


def multiplied(first: State, second: State, shape: Sequence[int], value: int) -> tuple[State, Labels, Labels]:
    """Return the product of two signals, and the rows of both that each row is made of."""
    rows, ia, ib = joint(first.rows, second.rows, shape)
    a, b = first.taken(ia, rows), second.taken(ib, rows)
    grade = worst(a.grade, b.grade)
    _check_independent(a, b)
    return State(rows, a.mean * b.mean, a.square * b.square, a.pairs * b.pairs, grade, False, value, value), ia, ib


def constant_state(elements: Elements, beside_rows: Rows, shape: Sequence[int], axis: int) -> State:
    """Return parameters or constants that are joined to a signal, as a signal of the same kind of rows."""
    rank = len(shape)
    varies = (False,) * (rank - len(elements.varies)) + elements.varies
    sizes = [
        size
        if (n == axis and beside_rows.labels.shape[n] > 1) or (varies[n] and beside_rows.labels.shape[n] > 1)
        else 1
        for n, size in enumerate(elements.shape)
    ]
    labels = np.arange(math.prod(sizes)).reshape(sizes)
    count = labels.size
    mean, second = float(elements.mean.mean()), float(elements.second.mean())
    pairs = np.full((count, count), mean**2)
    pairs[np.diag_indices(count)] = second
    rows = Rows(labels, np.full(count, -1), np.ones(count, bool))
    return State(rows, np.full(count, mean), np.full(count, second), pairs)


def stacked(states: Sequence[State], labels: Labels, value: int) -> tuple[State, Labels]:
    """Return several signals side by side, and which of their rows, counted on, are left."""
    fresh, old = renumbered(labels)
    mean, square = (np.concatenate([getattr(s, name) for s in states]) for name in ("mean", "square"))
    pairs = np.outer(mean, mean)
    start = 0
    for state in states:
        stop = start + len(state.rows)
        pairs[start:stop, start:stop] = state.pairs
        start = stop
    example = np.concatenate([state.rows.example for state in states])
    single = np.concatenate([state.rows.single for state in states])
    rows = Rows(compact(fresh), example[old], single[old])
    grade = worst(*(state.grade for state in states))
    is_normal = all(state.normal for state in states)
    root, kin = (
        found.pop() if len(found) == 1 else value for found in ({s.root for s in states}, {s.kin for s in states})
    )
    whole = State(rows, mean, square, pairs, grade, is_normal, root, kin)
    return whole.taken(old, rows), old

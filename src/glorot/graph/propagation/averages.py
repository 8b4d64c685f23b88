"""Averages: means over positions and features, which keep what the positions share; and the largest of several."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.graph.propagation.curves import slope_of
from glorot.graph.propagation.rows import ZERO, Rows, compact, renumbered
from glorot.graph.propagation.state import Array, Gradient, State, UnknownError, approximate, worst

Labels = NDArray[np.intp]

SAMPLES = 4096
"""Draws of a signal by which the largest of several positions is known."""


class Groups(NamedTuple):
    """Groups of elements that a statistic is taken of.

    Attributes:
        rows: the rows of the groups.
        shares: (groups, rows of the signal): which share of a group lies in a row.
        counts: (groups, rows of the signal): how many positions of a group lie in a row.
        features: how many features a group has at each position.
        weights: how much each pair of rows counts in the mean square of a mean; None where all count alike.
    """

    rows: Rows
    shares: Array
    counts: Array
    features: float
    weights: Array | None = None


def of_all_examples(groups: Groups, rows: Rows, examples: int) -> Groups:
    """Return groups over the whole batch, of which only some examples are followed.

    Of all pairs of positions in a group, those of one example are fewer the more examples there are.
    """
    followed = len(np.unique(rows.example))
    if not 1 < followed < examples:
        return groups
    is_one = rows.example[:, None] == rows.example[None, :]
    one, two = followed / examples, (1 - 1 / examples) / (1 - 1 / followed)
    return groups._replace(weights=np.where(is_one, one, two))


def groups_of(rows: Rows, shape: Sequence[int], axes: Sequence[int], keeps: bool) -> Groups:
    """Return the groups of elements that a reduction over axes puts together.

    Args:
        rows: the rows of the signal.
        shape: its shape.
        axes: the axes that are reduced.
        keeps: whether they stay, with size 1.
    """
    labels = rows.labels
    left = [axis for axis in range(labels.ndim) if axis not in axes]
    lines = labels.transpose([*left, *axes]).reshape(math.prod(labels.shape[axis] for axis in left), -1)
    patterns, back = np.unique(lines, axis=0, return_inverse=True)
    counts = np.zeros((len(patterns), len(rows)))
    for n, line in enumerate(patterns):
        counts[n] = np.bincount(line[line >= 0], minlength=len(rows))
    compacted = back.reshape([labels.shape[axis] for axis in left])
    placed = np.expand_dims(compacted, tuple(axes)) if keeps else compacted
    times = math.prod(shape[axis] for axis in axes if labels.shape[axis] == 1)
    example = np.array([_common(rows.example[line[line >= 0]]) for line in patterns])
    single = np.array([bool(np.all(rows.single[line])) or lines.shape[1] > 1 for line in patterns])
    whole = Rows(compact(placed), example, single)
    return Groups(whole, counts / lines.shape[1], counts, float(times))


def _common(examples: Labels) -> int:
    found = np.unique(examples)
    return int(found[0]) if len(found) == 1 else -1


def coherent(state: State, groups: Groups, cross: bool = False) -> tuple[Array, Array, Array]:
    """Return the means over groups: (their mean, their pairs, and their products with the rows of the signal).

    Args:
        state: the signal.
        groups: the groups.
        cross: whether the products with the signal are wanted.
    """
    mean = groups.shares @ state.mean
    few = 1 / groups.features
    between = state.pairs if groups.weights is None else state.pairs * groups.weights
    pairs = groups.shares @ between @ groups.shares.T
    own = groups.shares**2 / np.maximum(groups.counts, 1) @ (state.square - np.diag(state.pairs))
    pairs[np.diag_indices(len(pairs))] += own
    pairs = few * pairs + (1 - few) * np.outer(mean, mean)
    if not cross:
        return mean, pairs, np.zeros(0)
    with_rows = few * (between @ groups.shares.T) + (1 - few) * np.outer(state.mean, mean)
    return mean, pairs, with_rows


def averaged(state: State, groups: Groups, factor: float = 1.0) -> State:
    """Return the means over groups, times a factor: 1 for a mean, the size of a group for a sum."""
    mean, pairs, _ = coherent(state, groups)
    pairs = factor**2 * pairs
    is_normal = state.normal or bool(np.all(np.count_nonzero(groups.counts, axis=1) > 8))
    return State(
        groups.rows, factor * mean, np.diag(pairs).copy(), pairs, state.grade, is_normal, state.root, state.kin
    )


def averaged_backward(gradient: Gradient, groups: Groups, factor: float) -> Gradient:
    """Return what reaches the elements of groups through their means."""
    sizes = np.maximum(groups.counts.sum(1), 1) * groups.features
    taken = (groups.counts > 0).T / sizes[None, :] * factor
    square = np.square(taken) @ gradient.square
    return Gradient(square, taken @ gradient.pairs @ taken.T, gradient.grade)


# ---- pools -----------------------------------------------------------------------------------------------------------


def windows_of(rows: Rows, shape: Sequence[int], result: Sequence[int], window: Sequence[int]) -> tuple[Rows, Labels]:
    """Return the rows of a pool's result, and for each the rows of the signal under its window, -1 outside.

    Args:
        rows: the rows of the signal.
        shape: its shape.
        result: the shape of the result.
        window: the sizes of the window, of the last axes or of all.
    """
    sizes = (1,) * (len(shape) - len(window)) + tuple(window)
    labels = rows.labels
    places = []
    for axis, (wide, narrow, size) in enumerate(zip(shape, result, sizes, strict=True)):
        if size == 1 and wide == narrow:
            places.append(np.arange(labels.shape[axis])[:, None])
            continue
        stride = max(1, round((wide - size) / (narrow - 1)) if narrow > 1 else wide)
        before = max(0, ((narrow - 1) * stride + size - wide + 1) // 2)
        at = np.arange(narrow)[:, None] * stride - before + np.arange(size)[None, :]
        place = np.where((at >= 0) & (at < wide), at, -1)
        places.append(place if labels.shape[axis] > 1 else np.zeros((1, 1), np.intp))
    found = labels
    for axis, place in enumerate(places):  # each axis becomes two: positions, and the window at each
        found = np.take(found, np.maximum(place, 0), axis=2 * axis)
        inside = (place >= 0).reshape((1,) * 2 * axis + place.shape + (1,) * (found.ndim - 2 * axis - 2))
        found = np.where(inside, found, ZERO)
    rank = len(places)
    lines = found.transpose([*range(0, 2 * rank, 2), *range(1, 2 * rank, 2)])
    kept = lines.shape[:rank]
    patterns, back = np.unique(lines.reshape(math.prod(kept), -1), axis=0, return_inverse=True)
    example = np.array([_common(rows.example[line[line >= 0]]) for line in patterns])
    single = np.array([bool(np.all(rows.single[line[line >= 0]])) for line in patterns])
    return Rows(compact(back.reshape(kept)), example, single), patterns


def pooled(patterns: Labels, rows: Rows, size: int) -> Groups:
    """Return windows as groups of which means are taken."""
    counts = np.zeros((len(patterns), size))
    for n, line in enumerate(patterns):
        counts[n] = np.bincount(line[line >= 0], minlength=size)
    return Groups(rows, counts / np.maximum(counts.sum(1, keepdims=True), 1), counts, 1.0)


class Largest:
    """The largest of several positions, by samples of the signal.

    Attributes:
        state: the result.
    """

    def __init__(
        self, source: State, function: Callable[[Array], Array], patterns: Labels, rows: Rows, grade: State
    ) -> None:
        draws, apart = _draws(source)
        noise = np.random.default_rng(1)
        slots, entered = [], []
        for line in patterns.T:
            values = draws[np.maximum(line, 0)]
            own = apart[np.maximum(line, 0)]
            if np.any(own > 0):  # positions of one block differ
                values = values + own[:, None] * noise.standard_normal(values.shape)
            entered.append(values)
            slots.append(np.where((line >= 0)[:, None], function(values), -np.inf))
        whole = np.stack(slots)
        if not np.all(np.isfinite(whole.max(0))):
            raise UnknownError("the largest of values is taken that are not finite")
        largest = whole.max(0)
        slot = whole.argmax(0)
        self._picks = np.take_along_axis(patterns, slot, axis=1)
        self._slopes = slope_of(function)(np.take_along_axis(np.stack(entered), slot[None], axis=0)[0])
        pairs = largest @ largest.T / largest.shape[1]
        why = worst(grade.grade, approximate("the largest of several positions"))
        self.state = State(rows, largest.mean(1), np.diag(pairs).copy(), pairs, why, False, grade.root)
        self._sizes = source.rows.sizes

    def backward(self, gradient: Gradient, *, to_source: bool = True) -> Gradient:
        """Return what reaches the source, or the values compared: each window's largest element gets its gradient."""
        size = len(self._sizes)
        square, pairs = np.zeros(size), np.zeros((size, size))
        turns = range(0, self._picks.shape[1], max(1, self._picks.shape[1] // 64))
        for turn in turns:
            picks = self._picks[:, turn]
            slopes = self._slopes[:, turn] if to_source else np.ones(len(picks))
            np.add.at(square, picks, slopes**2 * gradient.square / len(turns))
            half = np.zeros((size, len(picks)))
            np.add.at(half, picks, np.outer(slopes, slopes) * gradient.pairs / len(turns))
            np.add.at(pairs.T, picks, half.T)
        square, pairs = square / self._sizes, pairs / np.outer(self._sizes, self._sizes)
        return Gradient(square, pairs, worst(gradient.grade, approximate("the largest of several positions")))


def _draws(state: State) -> tuple[Array, Array]:
    """Return (rows, samples) of what the positions of each row share, and the std of what they do not."""
    covariance = state.pairs - np.outer(state.mean, state.mean)
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0))
    noise = np.random.default_rng(0).standard_normal((len(root), SAMPLES // 2))
    made = root @ np.concatenate([noise, -noise], axis=1)
    shared, spread = np.maximum(np.diag(covariance), 0), np.mean(made**2, axis=1)
    with np.errstate(all="ignore"):
        scale = np.nan_to_num(np.sqrt(np.where(spread > 0, shared / spread, 0.0)))
    apart = np.sqrt(np.maximum(state.square - np.diag(state.pairs), 0))
    return np.asarray(state.mean[:, None] + scale[:, None] * made), np.where(state.rows.single, 0.0, apart)


def merged(rows: Rows, labels: Labels) -> tuple[Rows, Labels]:
    """Return the rows that are left after a move, and which those were; padding is a row by itself, -1."""
    fresh, old = renumbered(labels)
    padding = old < 0
    example = np.where(padding, -1, rows.example[np.maximum(old, 0)])
    return Rows(fresh, example, np.where(padding, True, rows.single[np.maximum(old, 0)])), old

"""Kernels: sums over many inputs with weights of mean 0, drawn independently; dense layers and convolutions alike."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.graph.graph import Step
from glorot.graph.operations import Contract, Convolve
from glorot.graph.propagation.elements import Elements
from glorot.graph.propagation.rows import MOST, Rows, blocks, compact
from glorot.graph.propagation.state import Array, Gradient, State, UnknownError

Labels = NDArray[np.intp]

SMALL = 1e-3
"""A mean of the weights, relative to their root mean square, beside which they count as drawn around 0."""


class Tap(NamedTuple):
    """One of the positions that a kernel sums over, with weights that no other position shares.

    Attributes:
        weight: how often it comes.
        results: rows of the result.
        signals: the row of the signal that each of them meets.
        counts: how many pairs of elements these two join.
    """

    weight: float
    results: Labels
    signals: Labels
    counts: Array


class Taps(NamedTuple):
    """How the rows of a result sum those of a signal.

    Attributes:
        rows: the rows of the result.
        taps: the positions that are summed.
        sizes: how many positions each row of the result has, and each row of the signal.
        inputs: how many features each tap sums.
        outputs: how many features of the result each feature of the signal feeds.
        copies: what tells weights apart that are drawn independently, row by row of the result; None if all are shared.
    """

    rows: Rows
    taps: list[Tap]
    sizes: tuple[Array, Array]
    inputs: float
    outputs: float
    copies: Labels | None = None


def forward(state: State, taps: Taps, kernel: Elements) -> State:
    """Return what a kernel makes of a signal."""
    second = _checked(kernel)
    square, pairs = np.zeros(len(taps.rows)), np.zeros((len(taps.rows),) * 2)
    for tap in taps.taps:
        share = tap.counts / taps.sizes[0][tap.results]
        np.add.at(square, tap.results, tap.weight * share * state.square[tap.signals])
        _add_pairs(pairs, tap.results, tap.signals, share, tap.weight * state.pairs)
    if taps.copies is not None:
        pairs *= taps.copies[:, None] == taps.copies[None, :]
    factor = second * taps.inputs
    diagonal = np.flatnonzero(taps.rows.single)
    pairs[diagonal, diagonal] = square[diagonal]
    return State(taps.rows, np.zeros(len(square)), factor * square, factor * pairs, state.grade)


def backward(gradient: Gradient, taps: Taps, kernel: Elements) -> Gradient:
    """Return what reaches a signal through a kernel."""
    second = _checked(kernel)
    size = len(taps.sizes[1])
    square, pairs = np.zeros(size), np.zeros((size, size))
    above = gradient.pairs
    if taps.copies is not None:
        above = above * (taps.copies[:, None] == taps.copies[None, :])
    for tap in taps.taps:
        share = tap.counts / taps.sizes[1][tap.signals]
        np.add.at(square, tap.signals, share * gradient.square[tap.results])
        _add_pairs(pairs, tap.signals, tap.results, share, above)
    factor = second * taps.outputs
    return Gradient(factor * square, factor * pairs, gradient.grade)


def _add_pairs(pairs: Array, into: Labels, out_of: Labels, share: Array, values: Array) -> None:
    """Add to pairs of rows those of other rows that they take with a share."""
    if len(np.unique(into)) == len(into):  # each row takes one other, so that its pairs are picked
        pairs[np.ix_(into, into)] += share[:, None] * share[None, :] * values[np.ix_(out_of, out_of)]
        return
    taken = np.zeros((len(pairs), len(values)))
    np.add.at(taken, (into, out_of), share)
    pairs += taken @ values @ taken.T


def _checked(kernel: Elements) -> float:
    second, mean = float(kernel.second.mean()), float(np.abs(kernel.mean).max())
    if mean > SMALL * math.sqrt(second) or second == 0:
        if second == 0:
            return 0.0
        raise UnknownError(f"its weights have a common mean of {mean:.3g}, so that all its units move together")
    return second


# ---- dense layers ----------------------------------------------------------------------------------------------------


def contraction(step: Step, signal: int, shapes: Sequence[tuple[int, ...]], state: State) -> Taps:
    """Return how a contraction sums a signal.

    Args:
        step: the contraction.
        signal: which operand the signal is.
        shapes: the shapes of the operands and of the result.
        state: the state of the signal.
    """
    assert isinstance(step.operation, Contract)
    own, other = step.operation.operands[signal], step.operation.operands[1 - signal]
    result = step.operation.result
    sizes = dict(zip(own, shapes[signal], strict=True)) | dict(zip(other, shapes[1 - signal], strict=True))
    kept = [letter for letter in own if letter in result]
    summed = [letter for letter in own if letter not in result]
    labels = np.transpose(state.rows.labels, [own.index(letter) for letter in (*kept, *summed)])
    lines = labels.reshape(math.prod(labels.shape[: len(kept)]), -1)
    columns, times = _distinct_columns(lines)
    patterns, back = np.unique(columns, axis=0, return_inverse=True)
    rows = _rows_of_patterns(state.rows, patterns, back.reshape(labels.shape[: len(kept)]), kept, result)
    taps = []
    for column, often in zip(patterns.T, times, strict=True):
        inside = np.flatnonzero(column >= 0)
        taps.append(Tap(float(often), inside, column[inside], np.ones(len(inside))))
    inputs = math.prod(sizes[letter] for letter in summed) / times.sum()
    free = math.prod(sizes[letter] for letter in other if letter in result and letter not in own)
    copied = [letter for n, letter in enumerate(kept) if letter in other and labels.shape[n] > 1]
    copies = _copies(rows, result, copied) if copied else None
    return Taps(rows, taps, (np.ones(len(rows)), np.ones(len(state.rows))), inputs, float(free), copies)


def _distinct_columns(lines: Labels) -> tuple[Labels, Labels]:
    """Return the different columns of labels, and how often each comes."""
    if lines.shape[1] == 1:
        return lines, np.ones(1, np.intp)
    columns, times = np.unique(lines, axis=1, return_counts=True)
    return columns, times


def _rows_of_patterns(before: Rows, patterns: Labels, labels: Labels, kept: Sequence[str], result: str) -> Rows:
    """Return the rows of a result whose kept letters are labelled, of the axes that it has them at."""
    whole = [1] * len(result)
    order = sorted(range(len(kept)), key=lambda n: result.index(kept[n]))
    for n in order:
        whole[result.index(kept[n])] = labels.shape[n]
    placed = labels.transpose(order).reshape(whole)
    first = np.maximum(patterns[:, 0], 0)
    is_whole = np.array([len(np.unique(row)) > 1 for row in patterns])
    return Rows(compact(placed), before.example[first], before.single[first] | is_whole)


def _copies(rows: Rows, result: str, letters: Sequence[str]) -> Labels:
    places = rows.places()
    found = np.zeros(len(rows), np.intp)
    for letter in letters:
        found = found * (rows.labels.shape[result.index(letter)] + 1) + places[result.index(letter)]
    return found


# ---- convolutions ----------------------------------------------------------------------------------------------------


def convolution(step: Step, shapes: Sequence[tuple[int, ...]], state: State) -> Taps:
    """Return how a convolution sums a signal, with what its padding leaves out.

    Args:
        step: the convolution.
        shapes: the shapes of the signal, the kernel and the result.
        state: the state of the signal.
    """
    convolve = step.operation
    assert isinstance(convolve, Convolve)
    signal, _, result = shapes
    axes = [axis for axis in range(1, len(signal)) if axis != convolve.channel]
    maps, shares = _maps_of(state.rows, signal, convolve.channel)
    wide, narrow = [signal[axis] for axis in axes], [result[axis] for axis in axes]
    rows, owner = _rows_of_map(state.rows, maps[0], narrow, result, axes)
    taps = []
    for points in itertools.product(*map(range, convolve.window)):
        places = [_reached(convolve, n, points[n], wide[n], narrow[n]) for n in range(len(axes))]
        taps += [_tap(labels, owner, places, share) for labels, share in zip(maps, shares, strict=True)]
    met = np.max([_sizes(labels, len(state.rows)) for labels in maps], axis=0)
    sizes = _sizes(owner, len(rows)), met
    inputs, outputs = signal[convolve.channel] / convolve.groups, result[convolve.channel] / convolve.groups
    return Taps(rows, [tap for tap in taps if len(tap.results)], sizes, inputs, outputs)


def _maps_of(rows: Rows, shape: Sequence[int], channel: int) -> tuple[list[Labels], list[float]]:
    """Return the labels of each kind of channel as (examples, map…), and its share of the channels."""
    labels = np.moveaxis(rows.labels, channel, 0)
    spatial = [size for axis, size in enumerate(shape) if axis not in (0, channel)]
    flat = labels.reshape(labels.shape[0], -1)
    kinds, often = np.unique(flat, axis=0, return_counts=True)
    found = [np.broadcast_to(kind.reshape(labels.shape[1:]), (labels.shape[1], *spatial)) for kind in kinds]
    return found, [count / often.sum() for count in often]


def _rows_of_map(
    before: Rows, labels: Labels, narrow: Sequence[int], result: Sequence[int], axes: Sequence[int]
) -> tuple[Rows, Labels]:
    """Return the rows of a map, and for (examples, map…) the row of each position."""
    lines = np.array([line[line >= 0][0] if np.any(line >= 0) else 0 for line in labels.reshape(len(labels), -1)])
    example = before.example[lines]
    kinds, turn = np.unique(example, return_inverse=True)
    places, single = blocks(narrow, max(1, MOST // max(len(kinds), 1)))
    count = int(places.max()) + 1
    owner = turn.reshape([-1, *[1] * len(narrow)]) * count + places[None]
    whole = [1] * len(result)
    whole[0] = owner.shape[0]
    for axis, size in zip(axes, owner.shape[1:], strict=True):
        whole[axis] = size
    rows = Rows(compact(owner.reshape(whole)), np.repeat(kinds, count), np.tile(single, len(kinds)))
    return rows, np.broadcast_to(owner, (len(labels), *narrow))


def _reached(convolve: Convolve, axis: int, point: int, wide: int, narrow: int) -> Labels:
    """Return for each position of a result the position of the signal under a point of the window; -1 outside."""
    stride, before, dilation = convolve.stride[axis], convolve.padding[axis][0], convolve.dilation[axis]
    at = np.arange(narrow)
    if convolve.transposed:
        moved = at + before - point * dilation
        place = np.where(moved % stride == 0, moved // stride, -1)
    else:
        place = at * stride - before + point * dilation
    return np.where((place >= 0) & (place < wide), place, -1)


def _tap(labels: Labels, owner: Labels, places: Sequence[Labels], share: float) -> Tap:
    """Return which rows of the signal the rows of the result meet under one point of the window, and how often."""
    inside = np.ix_(*[np.flatnonzero(place >= 0) for place in places])
    reached = np.ix_(*[place[place >= 0] for place in places])
    pairs = [np.stack([owner[n][inside].ravel(), labels[n][reached].ravel()]) for n in _one_of_each(owner)]
    joined = np.concatenate(pairs, axis=1)
    (results, signals), counts = np.unique(joined[:, joined[1] >= 0], axis=1, return_counts=True)
    return Tap(share, results, signals, counts.astype(float))


def _one_of_each(owner: Labels) -> Iterator[int]:
    """Return the first of the examples that share their rows."""
    seen = set()
    for n, first in enumerate(owner.reshape(len(owner), -1)[:, 0].tolist()):
        if first not in seen:
            seen.add(first)
            yield n


def _sizes(labels: Labels, size: int) -> Array:
    """Count the positions of each row, of one example."""
    found = np.zeros(size)
    for n in _one_of_each(labels):
        line = labels[n].ravel()
        found += np.bincount(line[line >= 0], minlength=size)
    return np.maximum(found, 1)

"""Backward: the mean square of the gradient that reaches every value, for unit noise at the outputs of a model."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from glorot.graph.graph import Step
from glorot.graph.operations import (
    Broadcast,
    Contract,
    Convolve,
    Flip,
    Join,
    Map,
    Normalise,
    Pad,
    Permute,
    Pool,
    Reduce,
    Reshape,
    Slice,
    Take,
)
from glorot.graph.propagation import affine, attention, averages, linear, norms
from glorot.graph.propagation.curves import Expansion, correlations, slope_of
from glorot.graph.propagation.forward import Propagation
from glorot.graph.propagation.rows import spread
from glorot.graph.propagation.state import Gradient, State, UnknownError, approximate, worst


def gradients(found: Propagation) -> dict[int, Gradient]:
    """Return the gradient of each value that is known, for unit noise at what the model returns."""
    return _Backward(found).found


class _Backward:
    """Walks a graph from its end."""

    def __init__(self, forward: Propagation) -> None:
        self.forward, self.folded = forward, forward.folded
        self.graph = forward.graph
        self.found: dict[int, Gradient] = {}
        self.lost: set[int] = set()
        self.passed: set[int] = set()  # whose gradient has gone on already
        for value in dict.fromkeys(self.graph.outputs):
            self._begin(value)
        positions = {step.result: n for n, step in enumerate(self.graph.steps)}
        for value in sorted(positions, reverse=True):
            self._visit(value, self.graph.steps[positions[value]])

    def _begin(self, value: int) -> None:
        try:
            state = self.forward.state(value)
        except UnknownError:
            self.lost.add(value)
            return
        size = len(state.rows)
        self._add(value, Gradient(np.ones(size), np.diag(state.rows.single.astype(float))))

    def _add(self, value: int, gradient: Gradient) -> None:
        before = self.found.get(value)
        self.found[value] = gradient if before is None else before + gradient

    def _visit(self, value: int, step: Step) -> None:
        if value not in self.found and value not in self.lost:
            return
        data = self.folded.data_of(step)
        source = self.folded.source.get(value)
        try:
            if value in self.lost:
                raise UnknownError("")
            if value in self.passed:
                return
            if source is not None and source != value:
                self._through_curve(value, source)
            else:
                self._through(value, step, data)
        except UnknownError:
            for operand in data if source is None else [*data, source]:
                self._lose(operand)

    def _lose(self, value: int) -> None:
        self.lost.add(value)
        self.found.pop(value, None)

    def _through_curve(self, value: int, source: int) -> None:
        gradient = self.found[value]
        state = self.forward.states.get(source)
        curve = self.folded.curve(value, source)
        if isinstance(state, attention.Scores):
            raise UnknownError("the way back through scores goes by their softmax")
        if state is None:
            raise UnknownError("")
        variance, correlation = correlations(state.mean, state.square, state.pairs)
        expansion = Expansion(slope_of(curve), state.mean, variance)
        pairs = gradient.pairs * expansion.pairs(correlation)
        square = gradient.square * expansion.square
        single = np.flatnonzero(state.rows.single)
        pairs[single, single] = square[single]
        grade = gradient.grade if _is_linear(expansion) else worst(gradient.grade, state.grade)
        if not state.normal and float(np.ptp(expansion.square)) + abs(float(expansion.square.mean()) - 1) > 1e-6:
            grade = worst(grade, approximate("a signal that is not normal enters a function"))
        self._add(source, Gradient(square, pairs, grade))

    def _through(self, value: int, step: Step, data: list[int]) -> None:
        gradient = self.found[value]
        kept: Any = self.forward.kept.get(value)
        match step.operation:
            case Contract() | Convolve() if isinstance(kept, tuple) and isinstance(kept[0], linear.Taps):
                self._add(data[0], linear.backward(gradient, *kept))
            case Contract() if isinstance(kept, tuple) and isinstance(kept[0], attention.Shares):
                self._through_attention(step, gradient, *kept)
            case Map(name):
                self._through_map(value, step, name, data, gradient, kept)
            case Reduce("mean" | "sum") | Pool("mean" | "sum"):
                self._add(data[0], averages.averaged_backward(gradient, *kept))
            case Reduce("max") | Pool("max"):
                source, largest = kept
                if data[0] != source:
                    self._add(data[0], largest.backward(gradient, to_source=False))
                    self.passed.add(data[0])  # for which of them is largest depends on the source
                self._add(source, largest.backward(gradient))
            case Normalise():
                self._through_norm(data[0], gradient, kept)
            case Join() | Reshape() | Permute() | Broadcast() | Slice() | Flip() | Pad() | Take() if kept is not None:
                self._through_move(step, gradient, kept)
            case _:
                raise UnknownError("")

    def _through_map(self, value: int, step: Step, name: str, data: list[int], gradient: Gradient, kept: Any) -> None:
        kind = self.folded.kind.get(value)
        if kind == "dropout":
            self._through_dropout(value, data, gradient, kept)
        elif kind in ("normalised", "centred") and len(data) > 1 and isinstance(kept, tuple):
            signal, norm = kept
            if isinstance(norm, norms.Norm):
                self._through_norm(signal, gradient, norm)
            else:
                self._add(signal, gradient)
        elif len(data) == 1:
            self._through_affine(data[0], gradient, kept)
        elif len(data) == 2 and isinstance(kept, tuple):
            self._through_pair(step, name, gradient, *kept)
        else:
            raise UnknownError("")

    def _through_norm(self, signal: int, gradient: Gradient, norm: norms.Norm | None) -> None:
        if norm is None:
            self._add(signal, gradient)
            return
        made = norms.backward(gradient, norm)
        self._add(signal, replace(made, grade=worst(made.grade, self.forward.state(signal).grade)))

    def _through_dropout(self, value: int, data: list[int], gradient: Gradient, factor: float) -> None:
        below = self.folded.passes.get(value, data[0])
        square = factor * gradient.square
        pairs = gradient.pairs + (factor - 1) * np.diag(np.diag(gradient.pairs))
        self._add(below, Gradient(square, pairs, gradient.grade))

    def _through_affine(self, data: int, gradient: Gradient, kept: Any) -> None:
        if kept is None:  # a mask
            self._add(data, gradient)
            return
        self._add(data, affine.backward(gradient, kept))

    def _through_pair(self, step: Step, name: str, gradient: Gradient, ia: Any, ib: Any) -> None:
        for n, (operand, index) in enumerate(zip(step.operands, (ia, ib), strict=True)):
            square, pairs = gradient.square, gradient.pairs
            grade = gradient.grade
            if name == "mul":
                other = self.forward.state(step.operands[1 - n])
                taken = (ib, ia)[n]
                square = square * other.square[taken]
                pairs = pairs * other.pairs[np.ix_(taken, taken)]
                grade = worst(grade, other.grade)
            own = self.forward.state(operand)
            times = _features(self.graph.shape(operand), self.graph.shape(step.result), own)
            whole = pairs.copy()
            whole[np.diag_indices(len(whole))] = square
            reached = times * spread(index, whole, len(own.rows))
            axes = _summed(self.graph.shape(step.result), own, self.forward.state(step.result))
            self._add(operand, Gradient(np.diag(reached).copy(), reached, grade, axes))

    def _through_move(self, step: Step, gradient: Gradient, kept: Any) -> None:
        sizes, old = kept
        start, found = 0, {}
        for n, size in enumerate(sizes):
            index = np.flatnonzero((old >= start) & (old < start + size))
            if n < len(step.operands) and step.operands[n] in self.folded.source:
                square, pairs = np.zeros(size), np.zeros((size, size))
                rows = old[index] - start
                square[rows] = gradient.square[index]
                pairs[np.ix_(rows, rows)] = gradient.pairs[np.ix_(index, index)]
                found[step.operands[n]] = Gradient(square, pairs, gradient.grade)
            start += size
        if len(sizes) == 1 and isinstance(step.operation, Join):
            found = {operand: gradient for operand in step.operands if operand in self.folded.source}
        shapes = self.graph.shape(step.operands[0]), self.graph.shape(step.result)
        times: Any = 1.0
        if isinstance(step.operation, Slice | Broadcast):
            times = _copies(step, *shapes, gradient, self.forward.state(step.operands[0]))
        elif isinstance(step.operation, Pad) and step.operation.copies:  # the gradients of all copies add up
            before, after = self.forward.state(step.operands[0]).rows, self.forward.state(step.result).rows
            times = after.sizes / before.sizes
        for operand, made in found.items():
            self._add(operand, Gradient(times * made.square, times * made.pairs, made.grade))

    def _through_attention(self, step: Step, gradient: Gradient, shares: attention.Shares, met: Any) -> None:
        values = next(
            v for v in step.operands if isinstance(self.forward.states.get(v), State) or v not in self.forward.states
        )
        state = self.forward.state(values)
        features = self.graph.shape(step.result)[-1]
        made = attention.backward(shares, state, met, gradient, float(features))
        self._add(values, made[2])
        softmax = next(v for v in step.operands if v != values)
        scores = self._scores_of(softmax)
        queries, keys = self.forward.kept[scores][:2]
        self._add(queries, made[0])
        self._add(keys, made[1])

    def _scores_of(self, value: int) -> int:
        """Return the product of queries and keys that a softmax comes from."""
        while self.folded.kind.get(value) != "interaction":
            step = self.folded.makers.of(value)
            if step is None:
                raise UnknownError("")
            value = next(v for v in step.operands if v in self.folded.source)
        return value


def _is_linear(slopes: Expansion) -> bool:
    """Tell whether a function has one slope, whatever its signal."""
    return bool(np.allclose(slopes.mean**2, slopes.square, rtol=1e-6))


def _features(own: tuple[int, ...], result: tuple[int, ...], state: State) -> float:
    """Return how many features of a result each element of an operand meets, where it is the same for all of them."""
    padded = (1,) * (len(result) - len(own)) + own
    labels = (1,) * (len(result) - state.rows.labels.ndim) + state.rows.labels.shape
    return float(math.prod(w for n, w, label in zip(padded, result, labels, strict=True) if n == 1 < w and label == 1))


def _summed(result: tuple[int, ...], own: State, made: State) -> frozenset[int]:
    """Return the axes of a result along which its rows change, and those of an operand of the same shape do not."""
    labels = (1,) * (len(result) - own.rows.labels.ndim) + own.rows.labels.shape
    return frozenset(n for n in range(len(result)) if labels[n] == 1 < made.rows.labels.shape[n])


def _copies(step: Step, operand: tuple[int, ...], result: tuple[int, ...], gradient: Gradient, state: State) -> float:
    """Return how many elements a step makes of each, but for those whose gradients are summed already."""
    if isinstance(step.operation, Slice):  # the features that it leaves out get nothing
        kept = [
            (len(range(*cut)) if not isinstance(cut, int) else 1) / size
            for n, (cut, size) in enumerate(zip(step.operation.index, operand, strict=True))
            if not state.rows.varies(n)
        ]
        return math.prod(kept)
    if not isinstance(step.operation, Broadcast):
        return 1.0
    before = dict(zip(step.operation.at, operand, strict=True))
    return float(
        math.prod(size for n, size in enumerate(result) if before.get(n, 1) == 1 < size and n not in gradient.summed)
    )

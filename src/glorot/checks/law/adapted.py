"""Frozen weights that a layer changes before it uses them: by adding a product, or by setting them to lengths."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from glorot.checks.evidence import Array, Evidence
from glorot.graph.folding import Folded
from glorot.graph.graph import Step
from glorot.graph.operations import Broadcast, Map, Permute, Reduce, Reshape, Slice

MOVES = (Broadcast, Permute, Reshape, Slice)
MERGED = ("kernel", "embedding")
"""The roles of weights that updates are added to before they are used."""

GUARDS = ("add", "maximum", "clip", "sqrt", "where")
"""What keeps a norm from being zero, and what is left of one that is written out."""


class Magnitude(NamedTuple):
    """A vector that stands for the norms of a frozen weight.

    Attributes:
        path: its path.
        weight: that of the weight.
        ratio: the median of what it holds over the norms.
        spread: the median distance of that from 1.
    """

    path: str
    weight: str
    ratio: float
    spread: float


def updates_in(evidence: Evidence) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each frozen weight that a product of trained parameters is added to, none of which is zero, with these."""
    for weight, factors in merged_in(evidence):
        if all(path in evidence.weights and evidence.weights[path].any() for path in factors):
            yield weight, factors


def merged_in(evidence: Evidence) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each frozen kernel or table that something made of trained parameters is added to, with these."""
    folded = evidence.folded
    frozen = {one.path for one in evidence.inventory.parameters if one.frozen}
    if folded is None or not frozen:
        return
    kernels = {path for path, uses in folded.uses.items() if any(use.role in MERGED for use in uses)}
    for step in folded.graph.steps:
        if step.operation != Map("add") or step.result not in folded.parameters:
            continue
        for weight, update in (step.operands, step.operands[::-1]):
            base, factors = folded.parameters.get(weight, ()), folded.parameters.get(update, ())
            if len(base) == 1 and frozen & kernels >= set(base) and len(factors) > 1 and not frozen & set(factors):
                yield base[0], factors


def magnitudes_in(evidence: Evidence) -> Iterator[Magnitude]:
    """Yield the magnitudes of frozen weights whose adapters add nothing yet."""
    folded = evidence.folded
    frozen = {one.path for one in evidence.inventory.parameters if one.frozen}
    if folded is None or not frozen:
        return
    known = set[str]()
    for step in folded.graph.steps:
        top, norm = _divided(folded, step)
        if norm is None or norm.operands[0] not in folded.parameters:
            continue
        paths = folded.parameters[norm.operands[0]]
        weights = [path for path in paths if path in frozen and evidence.weights[path].ndim > 1]
        others = [evidence.weights[path] for path in paths if path not in frozen and path in evidence.weights]
        adds = bool(others) and all(one.any() for one in others)
        for path in _scales_by(folded, step, top, paths):
            if len(weights) == 1 and path not in known and path in evidence.weights and not adds:
                known.add(path)
                yield from _compared(folded, path, weights[0], norm, evidence)


def _divided(folded: Folded, step: Step) -> tuple[int, Step | None]:
    """Return what a step divides by a norm, or multiplies by its inverse, and the step that takes the norm."""
    if step.operation == Map("div"):
        return step.operands[0], _norm_in(folded, step.operands[1])
    for top, bottom in (step.operands, step.operands[::-1]) if step.operation == Map("mul") else ():
        maker = folded.makers.of(bottom)
        if maker is not None and maker.operation in (Map("rsqrt"), Map("reciprocal")):
            return top, _norm_in(folded, maker.operands[0])
    return step.result, None


def _norm_in(folded: Folded, value: int) -> Step | None:
    """Return the step that takes the norm, or the sum of squares, that a divisor is."""
    for _ in range(8):
        step = folded.makers.of(value)
        if step is None:
            return None
        if isinstance(step.operation, Reduce):
            return step if step.operation.statistic in ("norm", "sum") else None
        is_guard = isinstance(step.operation, Map) and step.operation.function in GUARDS
        if not isinstance(step.operation, MOVES) and not is_guard:
            return None
        value = next((one for one in step.operands if folded.number(one) is None), step.operands[0])
    return None


def _scales_by(folded: Folded, step: Step, top: int, direction: tuple[str, ...]) -> list[str]:
    """Return what is divided by a norm, or multiplies what is: the paths of parameters apart from the direction."""
    found = [path for path in folded.parameters.get(top, ()) if path not in direction]
    for position, operand in folded.users[step.result] if not found else ():
        user = folded.graph.steps[position]
        if user.operation == Map("mul"):
            found += [path for path in folded.parameters.get(user.operands[1 - operand], ()) if path not in direction]
    return found


def _compared(folded: Folded, path: str, weight: str, norm: Step, evidence: Evidence) -> Iterator[Magnitude]:
    assert isinstance(norm.operation, Reduce)
    held = evidence.weights[path].astype(np.float64).reshape(-1)
    stored = evidence.weights[weight].astype(np.float64)
    shape, axes = folded.graph.shape(norm.operands[0]), norm.operation.axes
    laid = [one for one in (stored, stored.T) if one.shape == shape]
    laid = laid or [stored.reshape(shape)] if stored.size == math.prod(shape) else []
    ratios = [_ratio(held, np.sqrt(np.square(one).sum(axes)).reshape(-1)) for one in laid]
    known = [one for one in ratios if one is not None]
    if known:
        ratio = min(known, key=lambda one: float(np.median(np.abs(one - 1))))
        yield Magnitude(path, weight, float(np.median(ratio)), float(np.median(np.abs(ratio - 1))))


def _ratio(held: Array, norms: Array) -> Array | None:
    if held.shape != norms.shape or not held.size or not np.isfinite(held).all() or not np.all(norms > 0):
        return None
    return held / norms

"""Chains: kernels that feed each other through activations and pools alone, so that their gains multiply."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from glorot.checks.evidence import Evidence
from glorot.graph.folding import Folded
from glorot.graph.points import Point
from glorot.probe.steps import StepSignal

LINKS = ("curve", "mean", "extreme")
"""What lies between two kernels of a chain; a norm, a sum or a product ends it."""

LEAST = 3
"""Kernels from which on a chain has a trend."""

LARGEST_STEP = 0.3
"""What must be left of a trend, as a change of scale, once its largest step is left out."""


class Seen(NamedTuple):
    """A point of a model with the figures of its step."""

    point: Point
    step: StepSignal


def seen_steps(evidence: Evidence) -> list[Seen]:
    """Return the points that a batch showed with their figures, in the order of execution."""
    if evidence.observed is None or evidence.signal is None:
        return []
    steps = {step.name: step for step in evidence.signal.steps}
    return [Seen(point, steps[point.name]) for point in evidence.observed.points if point.name in steps]


def chains(evidence: Evidence) -> list[list[Seen]]:
    """Return the longest chains of kernels, each in the order of execution; a head at the end is left out."""
    seen = {one.point.value: one for one in seen_steps(evidence)}
    if evidence.observed is None or not seen:
        return []
    folded = evidence.observed.folded
    rows: dict[int, list[Seen]] = {}
    inner: set[int] = set()
    heads = {one.point.value for one in seen.values() if one.step.is_output}
    heads |= {one.point.of for one in seen.values() if one.step.is_output and one.point.of is not None}
    for value, one in seen.items():
        if one.point.kind != "kernel":
            continue
        before = _kernel_before(folded, seen, one.point)
        rows[value] = [*(rows.get(before, []) if before is not None else []), one]
        if before is not None:
            inner.add(before)
    ends = [row for value, row in rows.items() if value not in inner]
    return [[one for one in row if one.point.value not in heads] for row in ends]


def weight_of(evidence: Evidence, point: Point) -> str:
    """Return the path of the kernel that made a point, or fed the curve that it ends; its own name if none did."""
    assert evidence.observed is not None
    points = {one.value: one for one in evidence.observed.points}
    at: Point | None = point
    for _ in range(len(points)):
        if at is None:
            break
        paths = weights_of(evidence.observed.folded, at)
        if paths:
            return paths[0]
        before = before_of(evidence.observed.folded, at, points)
        at = points.get(before) if before is not None and at.kind in (*LINKS, "normalised") else None
    return point.name


def weights_of(folded: Folded, point: Point) -> list[str]:
    """Return the paths of the kernels, or of the table, that made a point."""
    if point.kind not in ("kernel", "embedding"):
        return []
    step = folded.makers.of(_unmoved(folded, point.value))
    operands = () if step is None else step.operands
    return [path for operand in operands for path in folded.parameters.get(operand, ())]


def before_of(folded: Folded, point: Point, seen: Mapping[int, object]) -> int | None:
    """Return the value of the last point before one; None where several signals meet, or nothing was seen."""
    if point.of is not None and point.of in seen:
        return point.of
    value = folded.normed_from.get(point.value, _unmoved(folded, point.value))
    step = folded.makers.of(value)
    data = [] if step is None or value == folded.normed_from.get(point.value) else folded.data_of(step)
    if len(data) > 1:
        return None
    at = data[0] if data else value
    while at not in seen:
        after = folded.passes.get(at, folded.source.get(at, at))
        if after == at:
            return None
        at = after
    return at if at != point.value else None


def multiplies(figures: list[float]) -> bool:
    """Tell whether several steps together make the change from the first figure to the last, and not one alone.

    Example:
        >>> multiplies([1.0, 0.1, 0.01]), multiplies([1.0, 1.0, 0.01])
        (True, False)
    """
    if len(figures) < LEAST or not all(0 < figure < math.inf for figure in figures):
        return False
    changes = [math.log(after / before) for before, after in pairwise(figures)]
    total = sum(changes)
    largest = max(changes) if total > 0 else min(changes)
    return (total - largest) * (1 if total > 0 else -1) > -math.log(LARGEST_STEP)


def _kernel_before(folded: Folded, seen: Mapping[int, Seen], point: Point) -> int | None:
    """Return the kernel that feeds another one and nothing else, through functions of elements and pools alone."""
    at = before_of(folded, point, seen)
    while at is not None and seen[at].point.kind in LINKS and _feeds_one(folded, at, seen):
        at = before_of(folded, seen[at].point, seen)
    is_kernel = at is not None and seen[at].point.kind == "kernel" and _feeds_one(folded, at, seen)
    return at if is_kernel else None


def _feeds_one(folded: Folded, value: int, seen: Mapping[int, Seen]) -> bool:
    """Tell whether a point reaches no more than one other point directly, so that its gradient comes one way."""
    waiting, reached, points = [value], {value}, set[int]()
    while waiting:
        users = {folded.graph.steps[position].result for position, _ in folded.users[waiting.pop()]} - reached
        reached |= users
        points |= users & seen.keys()
        waiting += users - seen.keys()
    return len(points) <= 1


def _unmoved(folded: Folded, value: int) -> int:
    while folded.kind.get(value) in ("affine", "move", "dropout"):
        value = folded.passes[value]
    return value

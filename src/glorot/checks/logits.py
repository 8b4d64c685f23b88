"""What makes the logits of attention as wide as they are: a temperature, a bias, or the kernels of queries and keys."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from glorot.checks.chains import weights_of
from glorot.checks.evidence import Evidence
from glorot.graph.folding import Folded
from glorot.graph.operations import Map
from glorot.graph.points import Point
from glorot.inventory.roles import curve_of_parameter
from glorot.inventory.walking import before, way_back

WIDER = 2.0
"""How many times as wide as the other one queries or keys are from which on they alone are blamed."""


class Factor(NamedTuple):
    """A parameter that multiplies a signal, or is added to it.

    Attributes:
        path: its path.
        size: the root mean square of what its layer makes of it; of what is added, the standard deviation.
        is_added: whether it is added.
    """

    path: str
    size: float
    is_added: bool


def behind_logits(evidence: Evidence, softmax: int) -> tuple[str, ...]:
    """Return the paths of the parameters that make what enters a softmax wide; () if they are not found."""
    folded = evidence.folded
    if folded is None or evidence.observed is None:
        return ()
    step = folded.makers.of(softmax)
    start = folded.normed_from.get(softmax, step.operands[0] if step is not None else softmax)
    factors, end = parameters_on(evidence, folded, start)
    reading = evidence.observed.values.get(end)
    width = math.sqrt(reading.second_moment) if reading is not None else math.nan
    product = math.prod(one.size for one in factors if not one.is_added)
    added = [one.path for one in factors if one.is_added and one.size > max(1.0, width * product)]
    if added:
        return tuple(added)
    multiplied = [one.path for one in factors if not one.is_added and one.size > 1]
    if multiplied and not product <= max(1.0, width):
        return tuple(multiplied)
    return sides_of(evidence, end)


def parameters_on(evidence: Evidence, folded: Folded, value: int) -> tuple[list[Factor], int]:
    """Return the parameters that scale and shift a value on its way from the step that made it, and what that made."""
    *way, end = way_back(folded, value)
    return [factor for at in way for factor in met(evidence, folded, at)], end


def met(evidence: Evidence, folded: Folded, value: int) -> Iterator[Factor]:
    """Yield the parameters that meet a signal in the step that makes a value."""
    step = folded.makers.of(value)
    if step is None or step.operation not in (Map("mul"), Map("div"), Map("add"), Map("sub")):
        return
    is_added = step.operation in (Map("add"), Map("sub"))
    for operand in step.operands:
        size = size_of(evidence, folded, operand, is_added)
        if size is not None:
            path = folded.parameters[operand][0]
            yield Factor(path, 1 / max(size, 1e-30) if step.operation == Map("div") else size, is_added)


def size_of(evidence: Evidence, folded: Folded, value: int, is_added: bool = False) -> float | None:
    """Return the root mean square of what a layer makes of one parameter, or its standard deviation if it is added."""
    paths = folded.parameters.get(value, ())
    if len(paths) != 1 or paths[0] not in evidence.weights:
        return None
    curve = curve_of_parameter(folded, value, paths[0])
    if curve is None:
        return None
    with np.errstate(all="ignore"):
        made = np.asarray(curve(evidence.weights[paths[0]].astype(np.float64)))
        return float(made.std() if is_added else np.sqrt(np.mean(np.square(made))))


def sides_of(evidence: Evidence, meeting: int) -> tuple[str, ...]:
    """Return the kernels of the signals that meet in a step: both, or the one that makes the wider signal."""
    folded = evidence.folded
    step = None if folded is None else folded.makers.of(meeting)
    points = {} if evidence.observed is None else {one.value: one for one in evidence.observed.points}
    if folded is None or step is None or evidence.observed is None or len(step.operands) != 2:
        return ()
    sides = [_maker_of(folded, points, value) for value in step.operands]
    found = [(_named(evidence, folded, one, "qk"[n]), one) for n, one in enumerate(sides) if one is not None]
    widths = [math.sqrt(evidence.observed.values[one.value].second_moment) for _, one in found]
    most = max(widths, default=0.0)
    return tuple(
        dict.fromkeys(path for (path, _), width in zip(found, widths, strict=True) if path and width * WIDER > most)
    )


def _maker_of(folded: Folded, points: dict[int, Point], value: int) -> Point | None:
    """Return the point of the kernel, or of the norm, that made a signal; what turns it by positions is passed."""
    at: int | None = value
    while at is not None and at in folded.source:
        point = points.get(at)
        if point is not None and point.kind in ("kernel", "normalised", "embedding"):
            return point
        step = folded.makers.of(at)
        data = [] if step is None else folded.data_of(step)
        at = before(folded, at) if at in folded.passes or folded.source[at] != at else next(iter(data), None)
    return None


def _named(evidence: Evidence, folded: Folded, point: Point, purpose: str) -> str:
    """Return the name of the part that made a point: of a kernel that makes several things, the one for a purpose."""
    paths = weights_of(folded, point) if point.kind != "normalised" else _scales(evidence, folded, point)
    if not paths:
        return ""
    parts = [one for one in evidence.inventory.parts if one.path == paths[0]]
    return next((one.name for one in parts if one.purpose == purpose), paths[0])


def _scales(evidence: Evidence, folded: Folded, point: Point) -> list[str]:
    """Return the paths of what makes a norm's result wide."""
    step = folded.makers.of(point.value)
    sizes = [] if step is None else [(value, size_of(evidence, folded, value)) for value in step.operands]
    return [path for value, size in sizes if size is not None and size > WIDER for path in folded.parameters[value]]

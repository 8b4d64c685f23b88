"""Walking back from a step to the tensors that cause what is seen there."""

import math
from collections.abc import Callable, Collection, Iterator
from functools import partial

import numpy as np

from glorot.checks.chains import Seen, seen_steps
from glorot.checks.evidence import Array, Evidence
from glorot.graph.folding import Folded
from glorot.graph.operations import Map
from glorot.graph.points import Point
from glorot.inventory.roles import curve_of_parameter

ADDING = (Map("add"), Map("sub"))
"""Operations in which zeros change nothing."""


def zeros_behind(evidence: Evidence, value: int) -> tuple[str, ...]:
    """Return the nearest tensors of zeros that multiply, divide or mask what a value is made of; () if there are none.

    The way back ends at values that the batch showed to be numbers other than zero.
    """
    return _nearest(evidence, value, partial(_paths_of_zeros, evidence))


def beyond_function(evidence: Evidence, value: int) -> tuple[str, ...]:
    """Return the nearest parameters whose own function is NaN or infinite, as exp(100) in half precision."""
    return _nearest(evidence, value, partial(_strange_paths, evidence))


def zeros_of_layer(evidence: Evidence, layer: str) -> tuple[str, ...]:
    """Return the buffers of a layer that hold only zeros, those of what computes its weights included."""
    inside = f"{layer}." if layer else ""
    started = {one.path for one in evidence.inventory.parameters}
    rows = [(path, values) for path, values in evidence.buffers.items() if path.startswith(inside)]
    return tuple(path for path, values in rows if path not in started and values.ndim and is_zero(values))


def zeros_in_kernels(evidence: Evidence, paths: Collection[str]) -> tuple[str, ...]:
    """Return the tensors of zeros that are multiplied by some kernels, as a mask of connections is."""
    folded = evidence.folded
    uses = (
        [] if folded is None else [use for path in paths for use in folded.uses.get(path, ()) if use.role == "kernel"]
    )
    steps = [] if folded is None else [folded.graph.steps[use.step].operands[use.operand] for use in uses]
    return tuple(dict.fromkeys(path for value in steps for path in zeros_behind(evidence, value) if path not in paths))


def bias_of(evidence: Evidence, point: Point) -> str:
    """Return the path of the bias that a kernel's point was made with; "" if there is none."""
    folded = evidence.folded
    step = None if folded is None else folded.makers.of(point.value)
    if folded is None or step is None or step.operation != Map("add"):
        return ""
    return next((path for one in step.operands for path in folded.parameters.get(one, ())), "")


def bias_that_silences(evidence: Evidence, fed: Seen) -> str:
    """Return the path of the bias that is why what enters an activation lies far below zero; "" if none is."""
    path = bias_of(evidence, fed.point)
    if path not in evidence.weights:
        return ""
    bias, mean = float(np.mean(evidence.weights[path].astype(np.float64))), fed.step.mean
    return path if bias < -fed.step.std and bias < mean / 2 < 0 else ""


def silenced(evidence: Evidence) -> Iterator[Seen]:
    """Yield what enters each activation that makes nothing but zeros of it, which starts with a layer that is alive."""
    steps = {one.point.value: one for one in seen_steps(evidence)}
    for one in steps.values():
        fed = None if one.point.of is None else steps.get(one.point.of)
        if one.point.kind == "curve" and one.step.second_moment == 0 and fed is not None and fed.step.second_moment > 0:
            yield fed


Look = Callable[[Folded, int], tuple[str, ...]]


def _nearest(evidence: Evidence, value: int, look: Look) -> tuple[str, ...]:
    """Return what is found among the operands that are the fewest steps before a value."""
    folded = evidence.folded
    reached, level = {value}, [value]
    while folded is not None and level:
        further = [one for at in level for one in _operands(evidence, folded, at) if one not in reached]
        found = tuple(dict.fromkeys(path for operand in further for path in look(folded, operand)))
        if found:
            return found
        reached.update(further)
        level = [one for one in dict.fromkeys(further) if not _is_sound(evidence, one)]
    return ()


def _operands(evidence: Evidence, folded: Folded, value: int) -> list[int]:
    """Return the operands of the step that made a value, but for zeros that are added, and what a mask leaves out."""
    step = folded.makers.of(value)
    if step is None:
        return []
    is_sum = step.operation in ADDING
    if step.operation == Map("where") and folded.number(step.operands[0]) is not None:
        condition, *branches = step.operands
        chosen = branches[0 if folded.number(condition) else 1]
        return [chosen] if chosen in folded.source else [condition, chosen]
    return [
        one for one in step.operands if not (is_sum and (one in folded.parameters or _is_constant_zero(folded, one)))
    ]


def _is_constant_zero(folded: Folded, value: int) -> bool:
    elements = folded.graph.values[value].elements
    return folded.number(value) == 0 or (elements is not None and is_zero(elements))


def _is_sound(evidence: Evidence, value: int) -> bool:
    """Tell whether the batch showed a value to be numbers other than zero."""
    reading = None if evidence.observed is None else evidence.observed.values.get(value)
    return reading is not None and math.isfinite(reading.second_moment) and reading.second_moment > 0


def _paths_of_zeros(evidence: Evidence, folded: Folded, value: int) -> tuple[str, ...]:
    leaf = folded.graph.values[value]
    paths = (leaf.path,) if leaf.path else folded.graph.buffers.get(value, ())
    held = [(path, evidence.weights.get(path, evidence.buffers.get(path))) for path in paths]
    return tuple(path for path, values in held if values is not None and is_zero(values))


def _strange_paths(evidence: Evidence, folded: Folded, value: int) -> tuple[str, ...]:
    paths = folded.parameters.get(value, ())
    if len(paths) != 1 or paths[0] not in evidence.weights:
        return ()
    curve = curve_of_parameter(folded, value, paths[0])
    with np.errstate(all="ignore"):
        made = None if curve is None else curve(evidence.weights[paths[0]].astype(np.float64))
    return () if made is None or bool(np.isfinite(made).all()) else paths


def is_zero(values: Array) -> bool:
    """Tell whether an array holds nothing but zeros, and something."""
    return bool(values.size) and not bool(values.any())

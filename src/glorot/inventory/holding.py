"""What a model holds before it is started: whether it is unusual for its layer, and so perhaps meant."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.inventory.parts import SAME, Held, Part, runs
from glorot.text import number

Floats = NDArray[np.float32]

SAMPLE = 4096
"""Elements by which a large tensor is judged."""

FEW = 3
"""A matrix of so few different values is not drawn at random."""

SMOOTH = 0.9
"""Rows of a table correlate so with the next ones only where they are computed."""

HUGE = 1e15
"""No weight is so large; squares and sums of smaller ones stay in the range of float32."""

VECTORS = ("bias", "forget_bias", "scale", "shift", "slope")


def held(part: Part, values: Any, as_array: Callable[[Any], Floats]) -> Held | None:
    """Return what a part holds, if it is not how its kind of layer usually starts.

    Args:
        part: what the parameter, or a piece of it, is for.
        values: what it holds, as an array of its framework.
        as_array: makes an array of NumPy of a slice of the values.

    Returns:
        What it holds, in words and, if all of it is one value, as that; None where it is usual, or not known.

    Example:
        >>> part = Part("head.bias", "o", (3,), "bias", "Linear")
        >>> held(part, np.full(3, -4.6, np.float32), np.asarray)
        Held(words='all -4.6', value=-4.599999904632568)
    """
    size = math.prod(values.shape)
    if not size or runs(part.role):  # what training gathers is started again with its model
        return None
    sample = as_array(_sample_of(values, size))
    if not _is_written(sample):
        return None
    is_vector = part.role in ("bias", "forget_bias")
    if (size > 1 or not is_vector) and _is_constant(sample) and _is_constant(values.reshape(-1)):
        return _constant(part, float(sample[0]))
    if part.role in ("kernel", "recurrent", "embedding"):
        rows = as_array(values[:64, :64]) if part.role == "embedding" and len(values.shape) == 2 else None
        return _patterned(sample, rows)
    return _spread(part, sample)


def _is_written(values: Floats) -> bool:
    """Return whether values can be weights, and not what lay in memory that nothing wrote to."""
    return bool(np.all(np.abs(values) < HUGE))  # NaN compares as False


def _is_constant(values: Any) -> bool:
    """Compare where the values lie, which may be a GPU."""
    return bool((values == values[0]).all())


def _sample_of(values: Any, size: int) -> Any:
    """Return every n-th element, without a copy of the whole, which a transposed matrix takes to be flat."""
    if size <= SAMPLE:
        return values.reshape(-1)
    if _is_contiguous(values):
        return values.reshape(-1)[:: size // SAMPLE]
    return values[_places_in(tuple(values.shape))]


def _is_contiguous(values: Any) -> bool:
    return bool(values.flags.c_contiguous if isinstance(values, np.ndarray) else values.is_contiguous())


@functools.lru_cache(maxsize=16)
def _places_in(shape: tuple[int, ...]) -> tuple[NDArray[np.int64], ...]:
    size = math.prod(shape)
    return np.unravel_index(np.arange(0, size, size // SAMPLE), shape)


def _constant(part: Part, value: float) -> Held | None:
    usual = {"bias": 0.0, "shift": 0.0, "padding": 0.0, "scale": 1.0, "slope": part.start}.get(part.role)
    is_usual = usual is not None and math.isclose(value, usual, rel_tol=SAME)
    return None if is_usual else Held(f"all {number(value)}", value)


def _patterned(sample: Floats, rows: Floats | None) -> Held | None:
    """Tell a matrix that is computed from one that is drawn."""
    different = np.unique(sample)
    if len(different) <= FEW < len(sample) // 4:
        return Held(f"only the values {', '.join(number(float(value)) for value in different)}")
    if rows is not None and len(rows) >= 8 and _is_written(rows):
        centred = rows - rows.mean(0)
        along = (centred[1:] * centred[:-1]).mean(0) / np.maximum((centred**2).mean(0), 1e-30)
        if np.mean(along > SMOOTH) > 0.5:
            return Held("rows that change little from each to the next")
    return None


def _spread(part: Part, sample: Floats) -> Held | None:
    """Tell a vector from one that is drawn as PyTorch draws biases, uniform on ±1/√fan_in."""
    if len(part.shape) != 1 or part.role not in VECTORS:
        return None
    if part.role in ("bias", "forget_bias") and part.fans is not None:
        inputs = 1.0 if part.layer == "Bilinear" else min(part.fans.fan_in, part.fans.fan_out)
        if np.abs(sample).max() <= 1.01 / math.sqrt(max(1.0, inputs)):
            return None
    return Held(f"values from {number(float(sample.min()))} to {number(float(sample.max()))}")

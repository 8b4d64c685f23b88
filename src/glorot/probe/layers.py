"""The figures of a layer, and how each is computed from arrays."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glorot.activations import Activation
from glorot.probe.steps import Histogram

Array = NDArray[np.floating]
Exact = NDArray[np.float64]
Mask = NDArray[np.bool_]

SATURATED_BELOW = 0.05
"""A unit is saturated on an example where its slope is below this share of the steepest."""

SAME_WITHIN = 1e-4
"""Two units are copies if they differ by less than this share of the layer's largest value."""

ALIKE_WITHIN = 1e-6
"""A unit is dead if its answers differ by less than this share of the layer's root mean square."""


LARGEST = 1e38
"""What stands for infinity where units are compared."""

FEW = 16
"""Samples that mostly show that two units differ."""


@dataclass(frozen=True)
class LayerSignal:
    """What one layer does to the signal, over a batch.

    Attributes:
        layer: the path of the layer.
        activation: the activation that follows it; the signal is measured after it.
        mean: mean of the activations, pooled over examples and units.
        std: standard deviation, pooled.
        std_across: standard deviation of a unit across examples (root mean square over units). This is
            what carries information: a dead sigmoid net has a pooled std and none across examples. NaN
            for a batch of one example.
        percentile98: 98th percentile of the activations.
        second_moment: mean square, pooled: what feeds the next layer.
        preactivation_std: standard deviation of what enters the activation, pooled.
        saturated: share of (example, unit) pairs whose slope φ′ is below 5 % of its maximum.
        dead: share of units that answer alike to every example; NaN for a batch of one.
        units: number of units.
        distinct: number of units that differ from one another.
        gradient_std: standard deviation of ∂loss/∂(output of the layer, before its activation).
        weight_gradient_std: standard deviation of ∂loss/∂weight.
        histogram: of what enters the activation.
        saturated_gradient: root mean square of ∂loss/∂(what enters the activation) over the saturated pairs, as a
            share of that over the others; NaN where there are no saturated pairs, or no others.
    """

    layer: str
    activation: str
    mean: float
    std: float
    std_across: float
    percentile98: float
    second_moment: float
    preactivation_std: float
    saturated: float
    dead: float
    units: int
    distinct: int
    gradient_std: float
    weight_gradient_std: float
    histogram: Histogram
    saturated_gradient: float = math.nan


def where_flat(activation: Activation, values: Array) -> Mask:
    """Tell where an activation has less than 5 % of its steepest slope."""
    with np.errstate(over="ignore", invalid="ignore"):
        slopes = np.abs(activation.derivative(values.astype(np.float64)))
        return np.asarray(slopes < SATURATED_BELOW * activation.steepest)


def share_at(chosen: Mask, values: Exact) -> float:
    """Return the root mean square of the chosen values as a share of that of the others; NaN without either.

    Example:
        >>> share_at(np.array([True, False]), np.array([1.0, 4.0]))
        0.25
    """
    if chosen.shape != values.shape or not chosen.any() or chosen.all():
        return math.nan
    with np.errstate(over="ignore", invalid="ignore"):
        inside, outside = np.mean(values[chosen] ** 2), np.mean(values[~chosen] ** 2)
    return math.sqrt(inside / outside) if outside > 0 else math.nan


def distinct_units(values: Array) -> int:
    """Count the columns of an array that differ from one another by more than SAME_WITHIN.

    Columns are sorted by one projection, in which copies come to stand side by side.

    Args:
        values: (samples, units).

    Returns:
        The number of distinct columns.

    Example:
        >>> distinct_units(np.array([[1.0, 1.0, 2.0], [3.0, 3.0, 1.0]]))
        2
    """
    with np.errstate(invalid="ignore"):
        scale = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    if not math.isfinite(scale):
        values = np.nan_to_num(values, nan=0.0, posinf=LARGEST, neginf=-LARGEST)
        scale = float(np.abs(values).max(initial=0.0))
    if scale == 0:
        return 1
    weights = np.cos(np.arange(1, len(values) + 1) * 1.618)  # any fixed direction without symmetry
    order = np.argsort(weights @ values)
    alike = np.arange(len(order) - 1)
    for rows in (values[:FEW], values[FEW:]):  # a few mostly show that two differ
        columns = rows[:, order[alike]] / scale, rows[:, order[alike + 1]] / scale
        alike = alike[np.abs(columns[1] - columns[0]).max(axis=0, initial=0.0) <= SAME_WITHIN]
    return len(order) - len(alike)


def histogram(values: Array, low: float = -6.0, high: float = 6.0, bins: int = 96) -> Histogram:
    """Count values on equal bins, the outermost of which take what lies beyond; what is no number, not at all."""
    values = np.asarray(values, np.float64)
    if np.isnan(values.max(initial=0.0)):
        values = values[~np.isnan(values)]
    places = ((np.clip(values, low, high) - low) * (bins / (high - low))).astype(np.intp)
    counts = np.bincount(np.minimum(places, bins - 1).ravel(), minlength=bins)
    return Histogram(low, high, tuple(counts.tolist()))

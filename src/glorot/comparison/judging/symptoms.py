"""Symptoms: which figure of a start is ill, and what that does."""

import math
from statistics import NormalDist

import numpy as np

from glorot.activations import activation
from glorot.comparison.results import RecipeResult, Spread, hidden
from glorot.errors import GlorotError
from glorot.probe.signal import where_flat
from glorot.text import brief

FADED = 1e-2
"""A gradient or signal that falls to this share from one end of the net to the other has vanished."""


def ratio(values: list[Spread], backwards: bool = False) -> float:
    """Return last/first of a figure by layer, or first/last when counted backwards; nan if there is none."""
    if len(values) < 2:
        return math.nan
    start, end = (values[-1].mean, values[0].mean) if backwards else (values[0].mean, values[-1].mean)
    return end / start if start else math.nan


def times(value: float) -> str:
    """Write a factor as people say it: ×0.002, ×40, ×4e-05."""
    return "–" if math.isnan(value) else f"×{brief(value)}"


def symptom(result: RecipeResult) -> str | None:
    """Name the figure of the start that is ill, the gravest first, and how ill in brackets; None if all are sound."""
    gradients = result.by_layer("gradient_std")
    if max((s.mean for s in result.by_layer("second_moment")), default=math.nan) == 0:
        return "zero weights pass no signal and no gradient"
    if max((s.mean for s in result.by_layer("distinct")), default=math.nan) == 1:
        return "each layer has one distinct unit"
    if max((s.mean for s in gradients), default=math.nan) == 0:
        return "no gradient reaches the hidden layers"
    across, backwards = ratio(result.by_layer("std_across")), ratio(gradients, backwards=True)
    if across < FADED:
        return f"the difference between examples dies on the way ({times(across)} from first to last layer)"
    if backwards < FADED:
        return f"the gradient vanishes on the way back ({times(backwards)})"
    if across > 1 / FADED:
        return f"the signal explodes on the way ({times(across)} from first to last layer)"
    saturated = max((s.mean for s in result.by_layer("saturated")), default=0.0)
    if saturated > (1 + usual_saturation(result)) / 2:
        return f"most units are saturated at the start ({100 * saturated:.0f} %)"
    if backwards > 1 / FADED:
        return f"the gradient explodes on the way back ({times(backwards)})"
    return None


def usual_saturation(result: RecipeResult) -> float:
    """Return the share of saturated units under a standard normal: a ReLU is flat on half of it.

    Nothing is known of an activation that the catalogue lacks: 0.
    """
    z = np.array([NormalDist().inv_cdf((n + 0.5) / 1000) for n in range(1000)])
    names = {layer.activation for layer in hidden(result.runs[0].start)}
    try:
        return max(float(where_flat(activation(name), z).mean()) for name in names)
    except GlorotError:
        return 0.0

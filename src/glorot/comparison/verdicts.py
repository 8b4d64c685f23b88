"""Verdicts: what the figures of a recipe say, in words. Every word is computed from a figure."""

import math
from statistics import NormalDist

import numpy as np

from glorot.activations import activation
from glorot.comparison.comparison import Comparison
from glorot.comparison.results import GOAL, RecipeResult, Spread, differ, hidden
from glorot.probe.signal import saturation
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


def best(comparison: Comparison) -> RecipeResult:
    """Return the recipe with the highest test accuracy, or the lowest test loss where there are no classes."""
    alive = [r for r in comparison.results if not r.diverged] or list(comparison.results)
    if comparison.classifies:
        return max(alive, key=lambda r: r.final("test_accuracy").mean)
    return min(alive, key=lambda r: r.final("test_loss").mean)


def learns(result: RecipeResult, comparison: Comparison) -> bool:
    """Tell whether a recipe got anywhere: above chance, or well below its loss at the start."""
    if not comparison.classifies:
        return result.final("test_loss").mean < 0.9 * result.initial("test_loss").mean
    final = result.final("test_accuracy")
    return final.mean > comparison.chance + max(0.02, 2 * final.std / math.sqrt(max(final.count, 1)))


def verdict(result: RecipeResult, comparison: Comparison) -> str:
    """Say in words what became of a recipe, and which figure shows why."""
    if result.diverged:
        epochs = [run.diverged_at for run in result.diverged if run.diverged_at is not None]
        return (
            f"diverges: the loss is no number from epoch {min(epochs)} on ({len(epochs)} of {len(result.runs)} seeds)"
        )
    if not learns(result, comparison):
        return f"does not learn: {symptom(result) or 'no figure of the start says why; try another learning rate'}"
    leader = best(comparison)
    words = [_standing(result, leader, comparison)]
    pace = _pace(result, leader)
    if pace:
        words.append(pace)
    gap = result.final("train_accuracy").mean - result.final("test_accuracy").mean
    if comparison.classifies and gap > 0.05:
        words.append(f"overfits by {100 * gap:.0f} points")
    cause = symptom(result) if result is not leader and _behind(result, leader, comparison) else None
    return "; ".join([*words, cause] if cause else words)


def symptom(result: RecipeResult) -> str | None:
    """Name the figure of the start that is ill, the gravest first."""
    gradients = result.by_layer("gradient_std")
    if max((s.mean for s in result.by_layer("second_moment")), default=math.nan) == 0:
        return "zero weights pass no signal and no gradient"
    if max((s.mean for s in result.by_layer("distinct")), default=math.nan) == 1:
        return "each layer has one distinct unit"
    if max((s.mean for s in gradients), default=math.nan) == 0:
        return "no gradient reaches the hidden layers"
    across = ratio(result.by_layer("std_across"))
    if across < FADED:
        return f"the difference between examples dies on the way ({times(across)} from first to last layer)"
    backwards = ratio(gradients, backwards=True)
    if backwards < FADED:
        return f"the gradient vanishes on the way back ({times(backwards)})"
    saturated = max((s.mean for s in result.by_layer("saturated")), default=0.0)
    if saturated > (1 + usual_saturation(result)) / 2:
        return f"{100 * saturated:.0f} % of the units saturated at the start"
    if backwards > 1 / FADED:
        return f"the gradient explodes on the way back ({times(backwards)})"
    return None


def usual_saturation(result: RecipeResult) -> float:
    """Return the share of saturated units under a standard normal: a ReLU is flat on half of it."""
    z = np.array([NormalDist().inv_cdf((n + 0.5) / 1000) for n in range(1000)])
    names = {layer.activation for layer in hidden(result.runs[0].start)}
    return max(saturation(activation(name), z) for name in names)


def _standing(result: RecipeResult, leader: RecipeResult, comparison: Comparison) -> str:
    name = "test_accuracy" if comparison.classifies else "test_loss"
    mine, top = result.final(name), leader.final(name)
    if result is leader:
        return "best here"
    single = ", on one seed" if min(mine.count, top.count) < 2 else ""
    if not single and not differ(mine, top):
        return f"no difference from the best ({leader.recipe})"
    if comparison.classifies:
        return f"{100 * (top.mean - mine.mean):.1f} points below the best ({leader.recipe}){single}"
    return f"test loss {mine.mean / top.mean:.2g} times that of the best ({leader.recipe}){single}"


def _behind(result: RecipeResult, leader: RecipeResult, comparison: Comparison) -> bool:
    name = "test_accuracy" if comparison.classifies else "test_loss"
    mine, top = result.final(name), leader.final(name)
    return differ(mine, top) or (min(mine.count, top.count) < 2 and mine.mean != top.mean)


def _pace(result: RecipeResult, leader: RecipeResult) -> str | None:
    mine, top = result.median_to_goal, leader.median_to_goal
    if math.isinf(top):
        return None
    if math.isinf(mine):
        there = "in no seed" if result.epochs_to_goal is None else f"in {100 * result.share_to_goal:.0f} % of the seeds"
        return f"reaches {100 * GOAL:.0f} % {there}"
    slower = mine / max(top, 1)
    return f"{slower:.1f} times the epochs to {100 * GOAL:.0f} %" if slower >= 1.75 else None

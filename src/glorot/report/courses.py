"""Courses: what becomes of each start's signal on its way through the layers, in figures and in a few words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from glorot.comparison.comparison import Comparison
from glorot.comparison.judging.symptoms import FADED, ratio, times, usual_saturation
from glorot.comparison.results import RecipeResult
from glorot.report.curves import style
from glorot.report.labels import listed
from glorot.text import brief

LEVEL, HELD = 1.25, 3.0
"""Within these factors of where it began, a signal has kept level, and at least held up."""


@dataclass(frozen=True)
class Course:
    """The signal of one start, layer by layer.

    Attributes:
        name: what the start is called.
        hue: the number of its colour.
        dash: the dashes of its line.
        values: the signal in each hidden layer before training; empty without hidden layers.
        words: what becomes of it.
        result: what training made of it, in figures.
    """

    name: str
    hue: int
    dash: tuple[int, ...]
    values: tuple[float, ...]
    words: str
    result: str


def courses(comparison: Comparison) -> list[Course]:
    """Return the course of every recipe.

    The signal is the standard deviation of a unit across examples: it alone tells one example from another.
    """
    return [
        Course(
            *style(comparison, result.recipe),
            _values(result),
            describe_course(result),
            _result(result, comparison),
        )
        for result in comparison.results
    ]


def describe_course(result: RecipeResult) -> str:
    """Say in about five words what becomes of a start's signal, the gravest thing first."""
    across = result.by_layer("std_across")
    values = [value.mean for value in across]
    if not all(map(math.isfinite, values)):
        return "overflows"
    if max(values, default=0.0) == 0:
        return "no signal at all"
    if max(value.mean for value in result.by_layer("distinct")) == 1:
        units = result.runs[0].start.layers[0].units
        return f"{units} copies of one unit"
    factor = ratio(across)
    if factor < FADED:
        return f"dies on the way ({times(factor)})"
    if factor > 1 / FADED:
        return f"explodes on the way ({times(factor)})"
    saturated = max(value.mean for value in result.by_layer("saturated"))
    if saturated > (1 + usual_saturation(result)) / 2:
        return f"saturates: {100 * saturated:.0f} % of units"
    if math.isnan(factor):
        return f"starts at {brief(values[0])}"
    return f"{_kept(factor)} ({times(factor)})"


def _kept(factor: float) -> str:
    if 1 / LEVEL < factor < LEVEL:
        return "stays level"
    return "fades" if factor < 1 / HELD else "grows" if factor > HELD else "holds up"


def summarize(found: Sequence[Course]) -> str:
    """Say in one sentence what becomes of all signals."""
    alike: dict[str, list[str]] = {}
    for course in found:
        alike.setdefault(course.words.partition(" (")[0], []).append(course.name)
    parts = [f"{listed(names, 12)}: {words}" for words, names in alike.items()]
    return f"The signal by hidden layer before training. {'; '.join(parts)}."


def _values(result: RecipeResult) -> tuple[float, ...]:
    if len(result.runs[0].start.layers) < 2:  # the one layer is the output
        return ()
    return tuple(value.mean for value in result.by_layer("std_across"))


def _result(result: RecipeResult, comparison: Comparison) -> str:
    if len(result.diverged) == len(result.runs):
        return "diverged"
    if comparison.classifies:
        return f"{100 * result.final('test_accuracy').mean:.1f} %"
    return brief(result.final("test_loss").mean)

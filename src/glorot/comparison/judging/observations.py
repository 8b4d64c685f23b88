"""Observations: how a sentence of the textbooks is held against the figures of one recipe."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glorot.comparison.judging.fates import Fate, has_learned
from glorot.comparison.judging.figures import (
    Figure,
    by_matrices,
    dead_at_end,
    fullest_at_end,
    fullest_at_start,
    gap_to_training,
    odds_of_fullest,
    passing_saturated,
    standing_still,
    way,
    way_back,
)
from glorot.comparison.judging.inference import student_quantile
from glorot.comparison.judging.standings import Standings
from glorot.comparison.judging.symptoms import FADED, ratio, times
from glorot.comparison.judging.verdicts import OVERFITS
from glorot.comparison.results import GOAL, RecipeResult, hidden
from glorot.comparison.summary import percent
from glorot.text import brief

Seen = tuple[bool | None, str]
"""Whether a sentence holds (None: cannot tell), and what was seen."""

STOPPED = 0.1
"""A gradient of less than this share of its neighbours' is stopped."""

KEPT = 0.2
"""A matrix whose variance changes by less than this share keeps it."""

PLATEAU = 2
"""Epochs of standing still that one notices."""

NO_NUMBER: Seen = (None, "a run diverged, and what it ends with is not a number")
NO_WAY: Seen = (None, "there is no way from a first to a last hidden layer on which to measure it")
ONE_SEED = "from one seed"


@dataclass(frozen=True)
class Bench:
    """What sentences are judged with.

    Attributes:
        standings: the recipes beside one another.
        level: how often a sentence on the figures of one recipe may be wrong.
    """

    standings: Standings
    level: float

    def above(self, result: RecipeResult, figure: Figure, threshold: float, pooled: bool = False) -> bool | None:
        """Tell whether a figure lies above a threshold in the mean over seeds: Student's t.

        Args:
            result: the recipe.
            figure: what is looked at in each of its runs.
            threshold: what it is held against.
            pooled: whether the spread is pooled over all recipes, as serves figures of the start on a log scale,
                which spread alike; the recipe's own counts where it is larger.

        Returns:
            Whether it does; None where it cannot be told.
        """
        own = [figure(run) for run in result.runs]
        if len(own) < 2 or not all(map(math.isfinite, own)):
            return None
        variance, freedom = float(np.var(own, ddof=1)), len(own) - 1
        if pooled:
            rows = [[figure(run) for run in other.runs] for other in self.standings.comparison.results]
            spread = [row for row in rows if len(row) > 1 and all(map(math.isfinite, row)) and np.ptp(row) > 0]
            freedom = sum(len(row) - 1 for row in spread) or freedom
            within = sum(float(np.var(row, ddof=1)) * (len(row) - 1) for row in spread) / freedom
            variance = max(variance, within)
        reach = student_quantile(1 - self.level, freedom) * math.sqrt(variance / len(own))
        distance = float(np.mean(own)) - threshold
        return None if abs(distance) <= reach else distance > 0

    def below(self, result: RecipeResult, figure: Figure, threshold: float, pooled: bool = False) -> bool | None:
        """Tell whether a figure lies below a threshold in the mean over seeds."""
        above = self.above(result, figure, threshold, pooled)
        return None if above is None else not above


def learns_nothing(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that a recipe learns nothing."""
    became = bench.standings.fates[result.recipe]
    if became is Fate.DIVERGES:
        return NO_NUMBER
    holds = {Fate.DIES: True, Fate.LIVES: False}.get(became)
    seen = f"{accuracy(result)} (guessing gives {100 * bench.standings.comparison.chance:.1f} %)"
    return (None, f"{ONE_SEED}, {seen}") if len(result.runs) < 2 else (holds, seen)


def stays_one_unit(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that the units of each layer are still copies after training."""
    poorest = [min(layer.distinct for layer in hidden(run.end or run.start)) for run in result.runs]
    alike = [count == 1 for count in poorest]
    least = min(poorest)
    holds = True if all(alike) else None if any(alike) else False
    return holds, f"{least} distinct unit{'s' * (least != 1)} in its poorest layer after training"


def gradient_vanishes(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that the gradient has vanished where it reaches the first hidden layer."""
    gradients = result.by_layer("gradient_std")
    factor = ratio(gradients, backwards=True)
    if math.isnan(factor):
        return NO_WAY
    ends = f" ({gradients[-1].mean:.1g} to {gradients[0].mean:.1g})"
    holds = bench.below(result, way_back, math.log(FADED), pooled=True)
    return holds, f"the gradient goes {times(factor)} from last to first layer{ends}"


def signal_explodes(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that the signal grows a hundredfold and more on its way."""
    factor = ratio(result.by_layer("std"))
    if math.isnan(factor):
        return NO_WAY
    holds = bench.above(result, way, -math.log(FADED), pooled=True)
    return holds, f"the signal goes {times(factor)} from first to last layer"


def saturates(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that more than half of the pairs of unit and example are saturated at the start."""
    shares = [fullest_at_start(run) for run in result.runs]
    if not all(map(math.isfinite, shares)):
        return NO_NUMBER
    holds = bench.above(result, odds_of_fullest, 0.0, pooled=True)
    return holds, f"{_mean(shares)} of unit and example pairs in the fullest layer"


def stays_saturated(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that the layer that starts fullest is still saturated for the most part after training."""
    if any(run.end is None for run in result.runs):
        return NO_NUMBER
    before, after = ([figure(run) for run in result.runs] for figure in (fullest_at_start, fullest_at_end))
    holds = bench.above(result, fullest_at_end, 0.5)
    return holds, f"in the fullest layer {_mean(before)} at the start, {_mean(after)} after training"


def stops_at_saturated(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that the gradient is stopped at saturated units, whatever it does through the layers."""
    shares = [passing_saturated(run) for run in result.runs]
    if not all(map(math.isfinite, shares)):
        return None, "no layer has saturated pairs and others to set beside them"
    seen = f"it is ×{brief(float(np.mean(shares)))} there, beside that at the other units"
    way = ratio(result.by_layer("gradient_std"), backwards=True)
    if way > FADED:
        seen += f"; through the layers it goes {times(way)} all the same, by way of the units that are not saturated"
    return bench.below(result, passing_saturated, STOPPED), seen


def kills_units(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that units answer alike to every example."""
    shares = [dead_at_end(run) for run in result.runs]
    if not all(map(math.isfinite, shares)):
        return NO_NUMBER
    return bench.above(
        result, dead_at_end, 0.0
    ), f"{_mean(shares)} of the units in the poorest layer answer alike to every example"


def overfits(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that the test accuracy ends 5 points and more below that of training."""
    if not all(math.isfinite(gap_to_training(run)) for run in result.runs):
        return NO_NUMBER
    return bench.above(
        result, gap_to_training, OVERFITS
    ), f"training {accuracy(result, 'train_accuracy')}, test {accuracy(result)}"


def keeps_variance(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that each matrix hands on the variance that it is given, and say what the activations make of it."""
    way, back = ratio(result.by_layer("std")), ratio(result.by_layer("gradient_std"), backwards=True)
    if math.isnan(way) or math.isnan(back):
        return NO_WAY
    factors = [by_matrices(run) for run in result.runs]
    holds = (
        bench.above(result, by_matrices, math.log(1 - KEPT), pooled=True),
        bench.below(result, by_matrices, math.log(1 + KEPT), pooled=True),
    )
    seen = f"each matrix between hidden layers hands on ×{math.exp(np.mean(factors)):.2f} of it"
    bends = f"; {bench.standings.comparison.activation} bends beyond its linear range"
    if min(way, back) < 1 - KEPT:
        seen += f"{bends}, so the std of the signal goes {times(way)} and that of the gradient {times(back)} in all"
    return False if False in holds else None if None in holds else True, seen


def reaches_goal(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that a recipe reaches the goal."""
    if result.diverged:
        return NO_NUMBER
    share = result.share_to_goal
    seen = f"{100 * share:.0f} % of the seeds reach {100 * GOAL:.0f} %; at the end {accuracy(result)}"
    return ((share == 1) if share in (0, 1) and len(result.runs) > 1 else None), seen


def leaves_plateau(result: RecipeResult, bench: Bench) -> Seen | None:
    """Judge that a recipe whose loss stands still at first learns later; None if its loss never stood still."""
    still = [standing_still(run) for run in result.runs]
    if min(still) < PLATEAU:
        return None
    learned = [has_learned(run, bench.standings.comparison) for run in result.runs]
    epochs = str(min(still)) if min(still) == max(still) else f"{min(still)} to {max(still)}"
    holds = True if all(learned) and len(learned) > 1 else None
    return holds, f"the training loss stands still for {epochs} epochs; at the end {accuracy(result)}"


def accuracy(result: RecipeResult, figure: str = "test_accuracy") -> str:
    """Write an accuracy at the end."""
    return f"{percent(result.final(figure))} %"


def _mean(shares: Sequence[float]) -> str:
    return f"{100 * float(np.mean(shares)):.0f} %"

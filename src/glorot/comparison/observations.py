"""Observations: how a sentence of the textbooks is held against the figures of one recipe, or of two."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from glorot.comparison.fates import Fate, has_learned
from glorot.comparison.inference import student_quantile
from glorot.comparison.results import GOAL, RecipeResult, Run, SweepPoint, hidden
from glorot.comparison.standings import Standings, Versus
from glorot.comparison.summary import percent
from glorot.comparison.symptoms import FADED, ratio, times
from glorot.comparison.verdicts import MOST_SEEDS, OVERFITS
from glorot.probe import LayerSignal, Signal
from glorot.text import brief

Seen = tuple[bool | None, str]
"""Whether a sentence holds (None: cannot tell), and what was seen."""

STOPPED = 0.1
"""A gradient of less than this share of its neighbours' is stopped."""

KEPT = 0.2
"""A matrix whose variance changes by less than this share keeps it."""

MARKED = 0.05
"""A difference of accuracy that nobody overlooks."""

STILL = 0.05
"""A loss that falls by less than this share stands still."""

PLATEAU = 2
"""Epochs of standing still that one notices."""

NO_NUMBER: Seen = (None, "cannot tell: a run diverged, and what it ends with is not a number")
NO_WAY: Seen = (None, "cannot tell: there is no way from a first to a last hidden layer on which to measure it")
ONE_SEED = "one seed cannot tell"


@dataclass(frozen=True)
class Bench:
    """What sentences are judged with: the standings, and how often each may be wrong.

    Attributes:
        standings: the recipes beside one another.
        pair_level: for a sentence on two recipes.
        single_level: for a sentence on one.
    """

    standings: Standings
    pair_level: float
    single_level: float

    def above(self, values: Sequence[float], threshold: float) -> bool | None:
        """Tell whether a mean over seeds lies above a threshold: Student's t; None where it cannot be told."""
        if len(values) < 2 or not all(map(math.isfinite, values)):
            return None
        reach = student_quantile(1 - self.single_level, len(values) - 1) * float(np.std(values, ddof=1))
        distance = float(np.mean(values)) - threshold
        return None if abs(distance) * math.sqrt(len(values)) <= reach else distance > 0

    def below(self, values: Sequence[float], threshold: float) -> bool | None:
        """Tell whether a mean over seeds lies below a threshold."""
        return self.above([-value for value in values], -threshold)


def learns_nothing(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that a recipe learns nothing."""
    became = bench.standings.fates[result.recipe]
    if became is Fate.DIVERGES:
        return NO_NUMBER
    holds = {Fate.DIES: True, Fate.LIVES: False}.get(became)
    seen = f"{accuracy(result)} (guessing gives {100 * bench.standings.comparison.chance:.1f} %)"
    return (None, f"{ONE_SEED}: {seen}") if len(result.runs) < 2 else (holds, seen)


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
    logs = _logs(result, lambda layers: _divided(layers[0].gradient_std, layers[-1].gradient_std))
    ends = f" ({gradients[-1].mean:.1g} to {gradients[0].mean:.1g})"
    return bench.below(logs, math.log(FADED)), f"the gradient goes {times(factor)} from last to first layer{ends}"


def signal_explodes(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that the signal grows a hundredfold and more on its way."""
    factor = ratio(result.by_layer("std"))
    if math.isnan(factor):
        return NO_WAY
    logs = _logs(result, lambda layers: _divided(layers[-1].std, layers[0].std))
    return bench.above(logs, -math.log(FADED)), f"the signal goes {times(factor)} from first to last layer"


def saturates(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that more than half of the pairs of unit and example are saturated at the start."""
    shares = [max(layer.saturated for layer in hidden(run.start)) for run in result.runs]
    if not all(map(math.isfinite, shares)):
        return NO_NUMBER
    return bench.above(shares, 0.5), f"{_mean(shares)} of unit and example pairs in the fullest layer"


def stays_saturated(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that the layer that starts fullest is still saturated for the most part after training."""
    if any(run.end is None for run in result.runs):
        return NO_NUMBER
    fullest = [max(range(len(hidden(run.start))), key=lambda n: _saturated(run.start, n)) for run in result.runs]
    before = [_saturated(run.start, n) for run, n in zip(result.runs, fullest, strict=True)]
    after = [_saturated(run.end, n) for run, n in zip(result.runs, fullest, strict=True) if run.end]
    return bench.above(after, 0.5), f"in the fullest layer {_mean(before)} at the start, {_mean(after)} after training"


def stops_at_saturated(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that the gradient is stopped at saturated units, whatever it does through the layers."""
    shares = [_typical([layer.saturated_gradient for layer in hidden(run.start)]) for run in result.runs]
    if not all(map(math.isfinite, shares)):
        return None, "cannot tell: no layer has saturated pairs and others to set beside them"
    seen = f"it is ×{brief(float(np.mean(shares)))} there, beside that at the other units"
    way = ratio(result.by_layer("gradient_std"), backwards=True)
    if way > FADED:
        seen += f"; through the layers it goes {times(way)} all the same, by way of the units that are not saturated"
    return bench.below(shares, STOPPED), seen


def kills_units(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that units answer alike to every example."""
    last = [run.end or run.first or run.start for run in result.runs]
    shares = [max(layer.dead for layer in hidden(signal)) for signal in last]
    if not all(map(math.isfinite, shares)):
        return NO_NUMBER
    return bench.above(shares, 0.0), f"{_mean(shares)} of the units in the poorest layer answer alike to every example"


def overfits(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that the test accuracy ends 5 points and more below that of training."""
    gaps = [run.epochs[-1].train_accuracy - run.epochs[-1].test_accuracy for run in result.runs]
    if not all(map(math.isfinite, gaps)):
        return NO_NUMBER
    return bench.above(gaps, OVERFITS), f"training {accuracy(result, 'train_accuracy')}, test {accuracy(result)}"


def keeps_variance(result: RecipeResult, bench: Bench) -> Seen:
    """Judge that each matrix hands on the variance that it is given, and say what the activations make of it."""
    way, back = ratio(result.by_layer("std")), ratio(result.by_layer("gradient_std"), backwards=True)
    if math.isnan(way) or math.isnan(back):
        return NO_WAY
    factors = _logs(result, _matrix_factor)
    holds = bench.above(factors, math.log(1 - KEPT)), bench.below(factors, math.log(1 + KEPT))
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
    still = [_standing_still(run) for run in result.runs]
    if min(still) < PLATEAU:
        return None
    learned = [has_learned(run, bench.standings.comparison) for run in result.runs]
    epochs = str(min(still)) if min(still) == max(still) else f"{min(still)} to {max(still)}"
    holds = True if all(learned) and len(learned) > 1 else None
    return holds, f"the training loss stands still for {epochs} epochs; at the end {accuracy(result)}"


def is_faster(result: RecipeResult, rival: RecipeResult, bench: Bench) -> Seen:
    """Judge that a recipe reaches the goal in fewer epochs."""
    seen = f"epochs to {100 * GOAL:.0f} %: " + ", ".join(f"{r.recipe} {_epochs(r)}" for r in (result, rival))
    versus, reverse = (bench.standings.paces(*pair, bench.pair_level) for pair in ((rival, result), (result, rival)))
    if versus is None or reverse is None or min(len(result.runs), len(rival.runs)) < 2:
        return None, seen if versus is None else f"{ONE_SEED}: {seen}"
    return _answer(versus, reverse, seen)


def has_lower_loss(result: RecipeResult, rival: RecipeResult, bench: Bench) -> Seen:
    """Judge that a recipe ends with the lower training loss."""
    words = [f"{r.recipe} {brief(r.final('train_loss').mean)}" for r in (result, rival)]
    seen = f"training loss at the end: {', '.join(words)}"
    by_fate = _by_fate(result, rival, bench, seen)
    if by_fate is not None:
        return by_fate
    versus, reverse = (bench.standings.losses(*pair, bench.pair_level) for pair in ((rival, result), (result, rival)))
    return _answer(versus, reverse, seen)


def is_better(result: RecipeResult, rival: RecipeResult, bench: Bench) -> Seen:
    """Judge that a recipe ends with the higher test accuracy."""
    seen = _both(result, rival)
    by_fate = _by_fate(result, rival, bench, seen)
    if by_fate is not None:
        return by_fate
    versus, reverse = (bench.standings.ends(*pair, bench.pair_level) for pair in ((rival, result), (result, rival)))
    return _answer(versus, reverse, seen)


def is_alike(result: RecipeResult, rival: RecipeResult, bench: Bench) -> Seen:
    """Judge that two recipes end within the margin of each other."""
    seen = _both(result, rival)
    by_fate = _by_fate(result, rival, bench, seen)
    if by_fate is not None:
        return (False if by_fate[0] is not None else None), by_fate[1]
    versus, reverse = (bench.standings.ends(*pair, bench.pair_level) for pair in ((rival, result), (result, rival)))
    if versus.worse or reverse.worse:
        return False, seen
    margin = f"{100 * bench.standings.comparison.margin:g} point"
    return (True, f"within {margin}: {seen}") if versus.alike else (None, f"cannot tell{more_seeds(versus)}: {seen}")


def is_random_too(result: RecipeResult, rival: RecipeResult, bench: Bench) -> Seen:
    """Judge that of two starts whose units all differ one ends better."""
    for start in (result, rival):
        if any(layer.distinct < layer.units for run in start.runs for layer in hidden(run.start)):
            return None, f"cannot tell: {start.recipe} has units that are copies"
    holds, seen = is_better(result, rival, bench)
    return holds, f"in both no two units start alike, yet {seen}"


def differs_when_deep(result: RecipeResult, rival: RecipeResult, bench: Bench) -> Seen | None:
    """Judge that three or four hidden layers make a marked difference; None unless these depths were trained."""
    sweep = bench.standings.comparison.sweep
    pairs = {
        depth: [point.test_accuracy for name in (result.recipe, rival.recipe) for point in _at(sweep, depth, name)]
        for depth in (3, 4)
    }
    pairs = {depth: pair for depth, pair in pairs.items() if len(pair) == 2}
    if not pairs:
        return None
    depth = max(pairs)
    mine, theirs = pairs[depth]
    seeds = min(mine.count, theirs.count)
    seen = f"{depth} layers: {result.recipe} {percent(mine)} %, {rival.recipe} {percent(theirs)} %"
    if seeds < 2:
        return None, f"{ONE_SEED}: {seen}"
    error = math.sqrt(mine.std**2 / mine.count + theirs.std**2 / theirs.count)
    reach = student_quantile(1 - bench.pair_level, seeds - 1) * error
    gap = mine.mean - theirs.mean
    return (True if gap - reach > MARKED else False if gap + reach < MARKED else None), seen


def accuracy(result: RecipeResult, figure: str = "test_accuracy") -> str:
    """Write an accuracy at the end."""
    return f"{percent(result.final(figure))} %"


def more_seeds(versus: Versus) -> str:
    """Say about how many more seeds would tell, in brackets; nothing if nobody would run so many."""
    return f" (about {versus.more:.0f} more would)" if versus.more <= MOST_SEEDS else ""


def _answer(versus: Versus, reverse: Versus, seen: str) -> Seen:
    """Return whether the rival is worse, or the recipe itself, or neither is told."""
    if versus.worse or reverse.worse:
        return versus.worse, seen
    if versus.alike:
        return False, f"no difference: {seen}"
    return None, f"cannot tell{more_seeds(versus)}: {seen}"


def _by_fate(result: RecipeResult, rival: RecipeResult, bench: Bench, seen: str) -> Seen | None:
    """Judge two recipes of which not both learn from every seed; None if both do."""
    standings = bench.standings
    fates = [standings.fates[each.recipe] for each in (result, rival)]
    if min(len(result.runs), len(rival.runs)) < 2:
        return None, f"{ONE_SEED}: {seen}"
    if fates == [Fate.LIVES, Fate.LIVES]:
        return None
    if Fate.LIVES not in fates:
        return None, f"neither learns: {seen}" if Fate.MIXED not in fates else f"cannot tell: {seen}"
    told = Fate.MIXED not in fates and standings.apart(result, rival)
    return (fates[0] is Fate.LIVES, seen) if told else (None, f"cannot tell: {seen}")


def _both(result: RecipeResult, rival: RecipeResult) -> str:
    return f"{result.recipe} {accuracy(result)}, {rival.recipe} {accuracy(rival)}"


def _epochs(result: RecipeResult) -> str:
    reached = result.epochs_to_goal
    if reached is None:
        return "never"
    some = "" if result.share_to_goal == 1 else f" in {100 * result.share_to_goal:.0f} % of the seeds"
    return (str(reached[0]) if reached[0] == reached[1] else f"{reached[0]} to {reached[1]}") + some


def _logs(result: RecipeResult, factor: Callable[[tuple[LayerSignal, ...]], float]) -> list[float]:
    """Return the logarithm of a factor at the start of every run; what has vanished altogether counts as 1e-30."""
    return [float(np.log(np.maximum(factor(hidden(run.start)), 1e-30))) for run in result.runs]


def _divided(value: float, by: float) -> float:
    return value / by if by else math.nan


def _matrix_factor(layers: tuple[LayerSignal, ...]) -> float:
    """Return what a matrix between hidden layers makes of the mean square it is given, in the geometric mean."""
    steps = [_divided(after.preactivation_std**2, before.second_moment) for before, after in pairwise(layers)]
    return float(np.exp(np.mean(np.log(np.maximum(steps, 1e-30)))))


def _saturated(signal: Signal, layer: int) -> float:
    return hidden(signal)[layer].saturated


def _typical(values: list[float]) -> float:
    """Return the greatest number, so that no layer is an exception; NaN if there is none."""
    numbers = [value for value in values if math.isfinite(value)]
    return max(numbers, default=math.nan)


def _standing_still(run: Run) -> int:
    """Return for how many epochs the training loss has hardly fallen below that of the first."""
    losses = [epoch.train_loss for epoch in run.epochs[1:]]
    return next((n for n, loss in enumerate(losses) if loss < (1 - STILL) * losses[0]), len(losses))


def _mean(shares: Sequence[float]) -> str:
    return f"{100 * float(np.mean(shares)):.0f} %"


def _at(sweep: Sequence[SweepPoint], depth: int, recipe: str) -> list[SweepPoint]:
    return [point for point in sweep if point.depth == depth and point.recipe == recipe]

"""Rivals: how a sentence of the textbooks on two recipes is held against their figures."""

import math
from collections.abc import Callable, Sequence

from glorot.comparison.judging.fates import Fate
from glorot.comparison.judging.inference import student_quantile
from glorot.comparison.judging.observations import ONE_SEED, Bench, Seen, accuracy
from glorot.comparison.judging.standings import Versus
from glorot.comparison.judging.verdicts import MOST_SEEDS
from glorot.comparison.results import GOAL, RecipeResult, SweepPoint, hidden
from glorot.comparison.summary import percent
from glorot.text import brief

Compare = Callable[[RecipeResult, RecipeResult], Versus]
"""Sets one recipe beside another."""

MARKED = 0.05
"""A difference of accuracy that nobody overlooks."""


def is_faster(result: RecipeResult, rival: RecipeResult, bench: Bench) -> Seen:
    """Judge that a recipe reaches the goal in fewer epochs."""
    seen = f"epochs to {100 * GOAL:.0f} %: " + ", ".join(f"{r.recipe} {_epochs(r)}" for r in (result, rival))
    versus, reverse = (bench.standings.paces(*pair) for pair in ((rival, result), (result, rival)))
    if versus is None or reverse is None or min(len(result.runs), len(rival.runs)) < 2:
        return None, seen if versus is None else f"{ONE_SEED}, {seen}"
    return _answer(versus, reverse, seen)


def has_lower_loss(result: RecipeResult, rival: RecipeResult, bench: Bench) -> Seen:
    """Judge that a recipe ends with the lower training loss."""
    words = [f"{r.recipe} {brief(r.final('train_loss').mean)}" for r in (result, rival)]
    return _judged(result, rival, bench, f"training loss at the end: {', '.join(words)}", bench.standings.losses)


def is_better(result: RecipeResult, rival: RecipeResult, bench: Bench) -> Seen:
    """Judge that a recipe ends with the higher test accuracy."""
    return _judged(result, rival, bench, _both(result, rival), bench.standings.ends)


def is_alike(result: RecipeResult, rival: RecipeResult, bench: Bench) -> Seen:
    """Judge that two recipes end within the margin of each other."""
    seen = _both(result, rival)
    by_fate = _by_fate(result, rival, bench, seen)
    if by_fate is not None:
        return (False if by_fate[0] is not None else None), by_fate[1]
    versus, reverse = (bench.standings.ends(*pair) for pair in ((rival, result), (result, rival)))
    if versus.worse or reverse.worse:
        return False, seen
    margin = f"{100 * bench.standings.comparison.margin:g} point"
    return (True, f"within {margin}: {seen}") if versus.alike else (None, seen + more_seeds(versus))


def is_random_too(result: RecipeResult, rival: RecipeResult, bench: Bench) -> Seen:
    """Judge that of two starts whose units all differ one ends better."""
    for start in (result, rival):
        if any(layer.distinct < layer.units for run in start.runs for layer in hidden(run.start)):
            return None, f"{start.recipe} has units that are copies"
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
        return None, f"{ONE_SEED}, {seen}"
    error = math.sqrt(mine.std**2 / mine.count + theirs.std**2 / theirs.count)
    reach = student_quantile(1 - bench.level, seeds - 1) * error
    gap = mine.mean - theirs.mean
    return (True if gap - reach > MARKED else False if gap + reach < MARKED else None), seen


def more_seeds(versus: Versus) -> str:
    """Say about how many more seeds would tell; nothing if nobody would run so many."""
    if versus.more > MOST_SEEDS:
        return ""
    return f"; about {versus.more:.0f} more seed{'s' * (versus.more != 1)} would tell"


def _judged(result: RecipeResult, rival: RecipeResult, bench: Bench, seen: str, compare: Compare) -> Seen:
    """Judge a pair by what became of both, and by their figures where both learn."""
    by_fate = _by_fate(result, rival, bench, seen)
    if by_fate is not None:
        return by_fate
    return _answer(compare(rival, result), compare(result, rival), seen)


def _answer(versus: Versus, reverse: Versus, seen: str) -> Seen:
    """Return whether the rival is worse; None where neither is found to be."""
    if versus.worse or reverse.worse:
        return versus.worse, seen
    if versus.alike:
        return False, f"no difference: {seen}"
    return None, seen + more_seeds(versus)


def _by_fate(result: RecipeResult, rival: RecipeResult, bench: Bench, seen: str) -> Seen | None:
    """Judge two recipes of which not both learn from every seed; None if both do."""
    standings = bench.standings
    fates = [standings.fates[each.recipe] for each in (result, rival)]
    if min(len(result.runs), len(rival.runs)) < 2:
        return None, f"{ONE_SEED}, {seen}"
    if fates == [Fate.LIVES, Fate.LIVES]:
        return None
    if Fate.LIVES not in fates:
        return None, f"neither learns: {seen}" if Fate.MIXED not in fates else seen
    told = Fate.MIXED not in fates and standings.apart(result, rival)
    return (fates[0] is Fate.LIVES, seen) if told else (None, seen)


def _both(result: RecipeResult, rival: RecipeResult) -> str:
    return f"{result.recipe} {accuracy(result)}, {rival.recipe} {accuracy(rival)}"


def _epochs(result: RecipeResult) -> str:
    reached = result.epochs_to_goal
    if reached is None:
        return "never"
    some = "" if result.share_to_goal == 1 else f" in {100 * result.share_to_goal:.0f} % of the seeds"
    return (str(reached[0]) if reached[0] == reached[1] else f"{reached[0]} to {reached[1]}") + some


def _at(sweep: Sequence[SweepPoint], depth: int, recipe: str) -> list[SweepPoint]:
    return [point for point in sweep if point.depth == depth and point.recipe == recipe]

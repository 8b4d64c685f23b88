"""Verdicts: what the figures of a recipe say, in words. Every word is computed from a figure."""

import math

from glorot.comparison.comparison import Comparison
from glorot.comparison.judging.fates import Fate, has_learned
from glorot.comparison.judging.standings import Standings, Versus
from glorot.comparison.judging.symptoms import symptom
from glorot.comparison.results import GOAL, RecipeResult
from glorot.text import brief

OVERFITS = 0.05
"""A test accuracy so far below that of training is worth a word."""

SLOWER = 1.75
"""A recipe that takes so many times the epochs of the best, or more, is called slower."""

MOST_SEEDS = 200
"""More seeds than this nobody runs."""


def verdict(result: RecipeResult, standings: Standings) -> str:
    """Say in words what became of a recipe, and which figure shows why."""
    match standings.fates[result.recipe]:
        case Fate.DIVERGES:
            return _diverges(result)
        case Fate.DIES:
            where = " from this seed" if len(result.runs) == 1 else ""
            cause = symptom(result) or "no figure of the start says why; try another learning rate"
            return f"does not learn{where}: {cause}"
        case Fate.MIXED:
            return _mixed(result, standings.comparison)
        case Fate.LIVES:
            return _lives(result, standings)


def _diverges(result: RecipeResult) -> str:
    epochs = [run.diverged_at for run in result.diverged if run.diverged_at is not None]
    cause = symptom(result) or "its start is sound, so the learning rate is too large for it"
    lost = f"the loss is no number from epoch {min(epochs)} on ({len(epochs)} of {len(result.runs)} seeds)"
    return f"diverges: {cause}; {lost}"


def _mixed(result: RecipeResult, comparison: Comparison) -> str:
    learned = sum(has_learned(run, comparison) for run in result.runs)
    cause = symptom(result)
    return f"learns from {learned} of {len(result.runs)} seeds only" + (f"; {cause}" if cause else "")


def _lives(result: RecipeResult, standings: Standings) -> str:
    words = [_standing(result, standings)]
    pace = _pace(result, standings)
    words += [pace] if pace else []
    gap = result.final("train_accuracy").mean - result.final("test_accuracy").mean
    if standings.comparison.classifies and gap > OVERFITS:
        words.append(f"{100 * gap:.0f} points lower on the test set than in training")
    cause = symptom(result) if result not in standings.top else None
    return "; ".join([*words, cause] if cause else words)


def _standing(result: RecipeResult, standings: Standings) -> str:
    if len(result.runs) < 2:
        return "learns; one seed cannot tell which start is better"
    leader = standings.leader
    rivals = [other for other in standings.top if other is not result]
    if result is leader:
        several = len(standings.comparison.results) > 1
        return "learns" if not several else "highest here" if rivals else "best here"
    versus = standings.ends(result, leader)
    if versus.worse:
        return _below(versus, leader, standings.comparison)
    if versus.alike:
        return f"no difference from {leader.recipe}: {_margin(standings.comparison)}"
    return f"cannot tell it from {leader.recipe} ({_apart(versus, standings.comparison)}){_more(versus)}"


def _below(versus: Versus, leader: RecipeResult, comparison: Comparison) -> str:
    if comparison.classifies:
        low, gap, high = (f"{100 * value:.1f}" for value in (max(versus.low, 0.0), versus.gap, versus.high))
        return f"{gap} points below the best ({leader.recipe}; interval {low} to {high})"
    return (
        f"test loss {brief(versus.gap)} times that of the best ({leader.recipe}; interval "
        f"{brief(versus.low)} to {brief(versus.high)})"
    )


def _margin(comparison: Comparison) -> str:
    share = 100 * comparison.margin
    if comparison.classifies:
        return f"they end within {share:g} point{'s' * (share != 1)} of each other"
    return f"their losses end within {share:g} % of each other"


def _apart(versus: Versus, comparison: Comparison) -> str:
    if comparison.classifies:
        return f"{100 * abs(versus.gap):.1f} points apart"
    return f"its test loss {100 * abs(versus.gap - 1):.1f} % {'higher' if versus.gap >= 1 else 'lower'}"


def _more(versus: Versus) -> str:
    """Say how many more seeds would tell."""
    if versus.more > MOST_SEEDS:
        return ""
    return f": about {versus.more:.0f} more seed{'s' * (versus.more != 1)} would"


def _pace(result: RecipeResult, standings: Standings) -> str | None:
    leader = standings.leader
    if result is leader or math.isinf(leader.median_to_goal):
        return None
    if math.isinf(result.median_to_goal):
        some = f"in {100 * result.share_to_goal:.0f} % of the seeds"
        return f"reaches {100 * GOAL:.0f} % {'in no seed' if result.epochs_to_goal is None else some}"
    slower = result.median_to_goal / max(leader.median_to_goal, 1)
    if len(result.runs) < 2 or slower < SLOWER:
        return None
    versus = standings.paces(result, leader)
    return f"{slower:.1f} times the epochs to {100 * GOAL:.0f} %" if versus and versus.worse else None

"""What a comparison found, in the one or two sentences that stand before its table."""

from collections.abc import Sequence

from glorot.comparison.comparison import Comparison
from glorot.comparison.results import RecipeResult, differ
from glorot.comparison.summary import percent
from glorot.comparison.verdicts import best, learns
from glorot.report.labels import listed
from glorot.text import brief

MOST_NAMES = 6


def conclusions(comparison: Comparison) -> list[str]:
    """Say which recipes did best, and which got nowhere."""
    if not leaders(comparison):
        return [_failures(comparison)]
    leader, *equals = leaders(comparison)
    several = len(comparison.results) > 1
    words = f"{leader.recipe} {'does best' if several else 'learns'}: {_end(leader, comparison)}"
    if equals:
        words += f"; {_names(equals)} {'shows' if len(equals) == 1 else 'show'} no difference from it"
    elif several and len(leader.runs) == 1:
        words += ", on one seed"
    return [f"{words}.", *([_failures(comparison)] if several else [])]


def leaders(comparison: Comparison) -> list[RecipeResult]:
    """Return the best recipe and those that do not differ from it, or nothing if none learns."""
    leader = best(comparison)
    if fails(leader, comparison):
        return []
    figure = _figure(comparison)
    top = leader.final(figure)
    others = [
        result
        for result in comparison.results
        if result is not leader and not fails(result, comparison) and min(result.final(figure).count, top.count) > 1
    ]
    return [leader, *(result for result in others if not differ(result.final(figure), top))]


def fails(result: RecipeResult, comparison: Comparison) -> bool:
    """Tell whether a recipe diverges or does not learn."""
    return bool(result.diverged) or not learns(result, comparison)


def _failures(comparison: Comparison) -> str:
    lost = [result for result in comparison.results if result.diverged]
    idle = [result for result in comparison.results if not result.diverged and fails(result, comparison)]
    if not lost and not idle:
        return "Every recipe learns."
    if len(idle) == len(comparison.results) > 1:
        return "No recipe learns."
    words = [f"{_names(idle)} {'does' if len(idle) == 1 else 'do'} not learn"] if idle else []
    words += [f"{_names(lost)} {'diverges' if len(lost) == 1 else 'diverge'}"] if lost else []
    return f"{'; '.join(words)}."


def _figure(comparison: Comparison) -> str:
    return "test_accuracy" if comparison.classifies else "test_loss"


def _end(result: RecipeResult, comparison: Comparison) -> str:
    value = result.final(_figure(comparison))
    if comparison.classifies:
        return f"{percent(value)} % on the test set"
    return f"test loss {brief(value.mean)}" + (f" ± {brief(value.std)}" if value.count > 1 else "")


def _names(results: Sequence[RecipeResult]) -> str:
    return listed([result.recipe for result in results], MOST_NAMES)

"""Fates: whether a recipe learns from every seed, from some, from none, or diverges."""

import math
from enum import Enum

from glorot.comparison.comparison import Comparison
from glorot.comparison.results import RecipeResult, Run

LEAST_ABOVE_CHANCE = 0.02
"""How far above guessing a run must end to have learned, whatever the size of the test set."""

LEAST_FALL = 0.9
"""The share of the loss of guessing that a run of a net without classes must end below to have learned."""


class Fate(Enum):
    """What became of a recipe over its seeds."""

    LIVES = "learns"
    DIES = "does not learn"
    MIXED = "learns from some seeds"
    DIVERGES = "diverges"


def fate(result: RecipeResult, comparison: Comparison) -> Fate:
    """Return what became of a recipe."""
    if result.diverged:
        return Fate.DIVERGES
    learned = [has_learned(run, comparison) for run in result.runs]
    return Fate.LIVES if all(learned) else Fate.MIXED if any(learned) else Fate.DIES


def has_learned(run: Run, comparison: Comparison) -> bool:
    """Tell whether a run ended better than guessing, by more than luck on the test set gives.

    accuracy > chance + max(2 points, 3 √(chance (1 - chance) / test examples)); without classes, test loss
    < 0.9 · that of the best constant answer
    """
    end, start = run.epochs[-1], run.epochs[0]
    if not comparison.classifies:
        guess = start.test_loss if math.isnan(comparison.baseline) else min(start.test_loss, comparison.baseline)
        return end.test_loss < LEAST_FALL * guess
    chance, examples = comparison.chance, comparison.test_examples
    luck = 3 * math.sqrt(chance * (1 - chance) / examples) if examples else 0.0
    return end.test_accuracy > chance + max(LEAST_ABOVE_CHANCE, luck)

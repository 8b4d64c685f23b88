"""Standings: which recipes are told apart from which, with one error rate over all that a page says.

The 5 % are divided beforehand: over the ends of all pairs at once, which the leader's pairs are chosen from, over their
paces, and over what sentences say of a pair's losses and of single recipes. So a pair has one answer wherever it is
spoken of.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from glorot.comparison.comparison import Comparison
from glorot.comparison.judging.fates import Fate, fate
from glorot.comparison.judging.inference import Blocks, Difference, seeds_needed
from glorot.comparison.judging.scales import Floats, Logarithm, LogOdds, Scale
from glorot.comparison.judging.symptoms import symptom
from glorot.comparison.results import RecipeResult, Run

END_LEVEL, PACE_LEVEL, LOSS_LEVEL, SINGLES_LEVEL = 0.025, 0.005, 0.005, 0.015
"""How the 5 % are divided: ends and paces over all pairs, the losses of one pair, sentences on one recipe."""

CLEAR = 1.5
"""Who arrives in so many times fewer epochs than were trained is faster than who never arrives."""

ENOUGH, ENOUGH_AMONG_MIXED = 3, 5
"""Seeds from which it is no luck that all of one recipe learn and none of another, though both start alike."""


@dataclass(frozen=True)
class Versus:
    """One recipe beside another.

    Attributes:
        gap: by how much it is worse: a share of the test set, or a factor of loss or epochs.
        low: the least that the gap may be.
        high: the most.
        worse: whether it is worse by more than chance gives.
        alike: whether the gap lies within the margin, chance included.
        more: about how many more seeds would tell; infinite if no number is in sight.
    """

    gap: float
    low: float
    high: float
    worse: bool
    alike: bool
    more: float


class Standings:
    """The recipes of a comparison, beside one another.

    Args:
        comparison: what was trained.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.fates = {result.recipe: fate(result, comparison) for result in comparison.results}
        self.living = [result for result in comparison.results if self.fates[result.recipe] is Fate.LIVES]

    @property
    def figure(self) -> str:
        """What recipes are ranked by."""
        return "test_accuracy" if self.comparison.classifies else "test_loss"

    @cached_property
    def leader(self) -> RecipeResult:
        """The recipe that ends best: of those that learn, or else of all that end with a number."""
        numbers = [r for r in self.comparison.results if math.isfinite(r.final(self.figure).mean)]
        among = self.living or numbers or list(self.comparison.results)
        choose = max if self.comparison.classifies else min
        return choose(among, key=lambda result: result.final(self.figure).mean)

    @cached_property
    def top(self) -> list[RecipeResult]:
        """The leader, and the living recipes that are not told to be worse; nobody if none learns."""
        others = [r for r in self.living if r is not self.leader and not self.ends(r, self.leader).worse]
        return [self.leader, *others] if self.living else []

    def ends(self, one: RecipeResult, other: RecipeResult) -> Versus:
        """Compare the ends of two living recipes."""
        scale: Scale = LogOdds(self.comparison.test_examples) if self.comparison.classifies else Logarithm()
        return self._versus(one, other, self.living, self.figure, scale, END_LEVEL)

    def losses(self, one: RecipeResult, other: RecipeResult) -> Versus:
        """Compare the training losses of two living recipes, the one pair that a sentence names."""
        return self._versus(one, other, self.living, "train_loss", Logarithm(), LOSS_LEVEL, planned=True)

    def paces(self, one: RecipeResult, other: RecipeResult) -> Versus | None:
        """Compare the epochs that two recipes take to the goal; None if neither arrives.

        A run that never arrives counts as one that arrives an epoch after the last: its true pace is slower still.
        """
        arrived = [r for r in self.living if r.epochs_to_goal is not None]
        there = [result in arrived for result in (one, other)]
        if all(there):
            return self._versus(one, other, arrived, "pace", Logarithm(step=1), PACE_LEVEL)
        if not any(there):
            return None
        late, early = (one, other) if there[1] else (other, one)
        clear = early.share_to_goal == 1 and CLEAR * (early.epochs_to_goal or (0, 0))[1] <= self.comparison.epochs
        told = clear and self.apart(early, late)
        return Versus(math.inf, 1.0, math.inf, told and late is one, False, math.inf)

    def apart(self, one: RecipeResult, other: RecipeResult) -> bool:
        """Tell whether two recipes of different fates, or one that arrives and one that never does, are no luck.

        Two seeds do where the starts differ in what is ill about them; else it takes more to see that luck does not
        decide who learns, and more again where it does so for a third recipe.
        """
        seeds = min(len(one.runs), len(other.runs))
        some = Fate.MIXED in self.fates.values()
        ills = [(symptom(result) or "").partition(" (")[0] for result in (one, other)]
        return seeds >= (2 if ills[0] != ills[1] else ENOUGH_AMONG_MIXED if some else ENOUGH)

    def _versus(
        self,
        one: RecipeResult,
        other: RecipeResult,
        pool: list[RecipeResult],
        figure: str,
        scale: Scale,
        level: float,
        planned: bool = False,
    ) -> Versus:
        values = _table(pool, figure, self.comparison.epochs)
        blocks = Blocks(scale.scaled(values), scale.rounding(values))
        mine, theirs = pool.index(one), pool.index(other)
        difference = blocks.difference(mine, theirs, level, planned)
        better = 1.0 if figure == "test_accuracy" else -1.0
        top = float(values[theirs].mean())
        ends = [scale.gap(end, top) for end in (difference.low, difference.mean, difference.high)]
        low, _, high = sorted(ends)
        observed = top - float(values[mine].mean()) if better > 0 else ends[1]
        return Versus(
            gap=observed,
            low=low,
            high=high,
            worse=difference.told and better * difference.mean < 0,
            alike=self._within(low, high),
            more=self._more(difference, (high - low) / 2, self._room(observed), values.shape[1]),
        )

    def _more(self, difference: Difference, wide: float, room: float, seeds: int) -> float:
        """Return about how many more seeds would tell two recipes apart, or show that they are alike."""
        if difference.reach <= difference.rounding:  # which no number of seeds makes less
            return math.inf
        apart = seeds_needed(seeds, difference.reach, abs(difference.mean))
        alike = seeds_needed(seeds, wide, room)
        return min(apart if abs(difference.mean) > difference.rounding else math.inf, alike)

    def _within(self, low: float, high: float) -> bool:
        margin = self.comparison.margin
        if self.comparison.classifies:
            return -margin < low and high < margin
        return 1 / (1 + margin) < low and high < 1 + margin

    def _room(self, gap: float) -> float:
        """Return how much of the margin a gap leaves."""
        return self.comparison.margin - abs(gap if self.comparison.classifies else math.log(gap))


def _pace(run: Run, epochs: int) -> float:
    """Return the epochs to the goal; half an epoch for a model that was there before."""
    return epochs + 1.0 if run.epochs_to_goal is None else max(float(run.epochs_to_goal), 0.5)


def _table(pool: list[RecipeResult], figure: str, epochs: int) -> Floats:
    """Return a figure of the last epoch, or the epochs to the goal, as (recipes, seeds that all have)."""
    common = set.intersection(*({run.seed for run in result.runs} for result in pool))
    return np.array(
        [
            [
                _pace(run, epochs) if figure == "pace" else getattr(run.epochs[-1], figure)
                for run in sorted(result.runs, key=lambda run: run.seed)
                if run.seed in common
            ]
            for result in pool
        ],
        dtype=np.float64,
    )

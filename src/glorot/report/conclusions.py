"""What a comparison found, in one sentence: it heads the page and the terminal."""

import math
from collections.abc import Sequence

from glorot.comparison.comparison import Comparison
from glorot.comparison.judging.fates import Fate
from glorot.comparison.judging.standings import Standings
from glorot.comparison.nicknames import nicknames
from glorot.comparison.results import RecipeResult
from glorot.report.labels import capital, listed
from glorot.text import brief

PHRASES = {
    "old rule": "the old rule",
    "as built": "the model's own start",
    "too small": "too small a start",
    "too large": "too large a start",
    "all zero": "a start of all zeros",
    "all equal": "a start of equal weights",
}
"""Nicknames as they stand in a sentence."""

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
MOST_NAMES = 3


def finding(comparison: Comparison) -> str:
    """Say in one sentence what a comparison found.

    Args:
        comparison: what was trained and measured.

    Returns:
        The sentence, without a full stop. It says no more than the standings tell.
    """
    return _Finding(comparison).sentence()


class _Finding:
    """Puts the sentence together."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.standings = Standings(comparison)
        self.names = nicknames(comparison)
        self.subject = self._subject()
        self.said: list[RecipeResult] = []

    def sentence(self) -> str:
        """Return the sentence."""
        parts = [self._lead(), *self._rest()]
        return capital("; ".join(part for part in parts if part))

    def _lead(self) -> str:
        results, living = self.comparison.results, self.standings.living
        if not living:
            return "no start learns" if len(results) > 1 else ""
        if len(results) == 1:
            return f"{self._name(results[0])} learns: {self._end(results[0])}"
        if len(living) == 1:
            return f"only {self._name(living[0])} learns: {self._end(living[0])}"
        if any(len(result.runs) < 2 for result in living):
            return f"one seed cannot tell which start is better: {self._range(living)}"
        return self._pace() or self._below() or self._level(living)

    def _pace(self) -> str:
        """Set the subject beside the slowest that is told to be slower."""
        subject = self.subject
        if not self.comparison.classifies or math.isinf(subject.median_to_goal):
            return ""
        slower = [
            result
            for result in self.standings.living
            if result is not subject
            and math.isfinite(result.median_to_goal)
            and (versus := self.standings.paces(result, subject)) is not None
            and versus.worse
        ]
        if not slower:
            return ""
        slow = max(slower, key=lambda result: result.median_to_goal)
        mine, theirs = (f"{result.median_to_goal:g}" for result in (subject, slow))
        epochs = "epoch" if mine == "1" else "epochs"
        return f"{self._name(subject)} learns in {mine} {epochs} what {self._name(slow)} needs {theirs} for"

    def _below(self) -> str:
        """Set the subject beside the worst that is told to be worse."""
        subject, leader = self.subject, self.standings.leader
        worse = [r for r in self.standings.living if r is not leader and self.standings.ends(r, leader).worse]
        if not worse:
            return ""
        figure = self.standings.figure
        worst = (min if self.comparison.classifies else max)(worse, key=lambda result: result.final(figure).mean)
        ends = self._end(subject), self._value(worst)
        return f"{self._name(subject)} ends at {ends[0]}, {self._name(worst)} at {ends[1]}"

    def _level(self, living: Sequence[RecipeResult]) -> str:
        """Say of recipes that are all as good as the best that they are, or that it cannot be told."""
        leader = self.standings.leader
        alike = all(self.standings.ends(r, leader).alike for r in living if r is not leader)
        names = self._names(living)
        both = "both" if len(living) == 2 else "all"
        told = "alike" if alike else "and cannot be told apart"
        return f"{names} {both} learn {told}: {self._range(living)}"

    def _rest(self) -> list[str]:
        """Say what became of the others."""
        dead, mixed, lost = (
            [r for r in self.comparison.results if self.standings.fates[r.recipe] is each]
            for each in (Fate.DIES, Fate.MIXED, Fate.DIVERGES)
        )
        short = [
            r
            for r in self.standings.living
            if r not in self.said and self.standings.top and r not in self.standings.top and r.epochs_to_goal is None
        ]
        if not self.standings.living and len(dead) == len(self.comparison.results) > 1:
            return []
        parts = [self._counted(dead, "never learns", "never learn"), self._counted(lost, "diverges", "diverge")]
        parts.append(self._counted(mixed, "learns from some seeds only", "learn from some seeds only"))
        if self.comparison.classifies and math.isfinite(self.subject.median_to_goal):
            parts += [f"{self._name(result)} ends at {self._value(result)}" for result in short[:1]]
        return parts

    def _counted(self, results: Sequence[RecipeResult], one: str, several: str) -> str:
        if not results:
            return ""
        if len(results) == 1:
            return f"{self._name(results[0])} {one}"
        if len(results) == 2:
            return f"{self._names(results)} {several}"
        count = NUMBERS[len(results)] if len(results) < len(NUMBERS) else str(len(results))
        return f"{count} starts {several}"

    def _subject(self) -> RecipeResult:
        """Return whom the sentence is about: Xavier where it is as good as any, else the leader."""
        top = self.standings.top or [self.standings.leader]
        known = [result for name in ("Xavier", "Xavier normal") for result in top if self.names[result.recipe] == name]
        return (known or top)[0]

    def _name(self, result: RecipeResult) -> str:
        self.said.append(result)
        name = self.names[result.recipe]
        return PHRASES.get(name, name)

    def _names(self, results: Sequence[RecipeResult]) -> str:
        return listed([self._name(result) for result in results], MOST_NAMES)

    def _end(self, result: RecipeResult) -> str:
        return self._value(result) + (" on the test set" if self.comparison.classifies else "")

    def _value(self, result: RecipeResult) -> str:
        mean = result.final(self.standings.figure).mean
        return f"{100 * mean:.1f} %" if self.comparison.classifies else f"a test loss of {brief(mean)}"

    def _range(self, results: Sequence[RecipeResult]) -> str:
        means = [result.final(self.standings.figure).mean for result in results]
        if self.comparison.classifies:
            low, high = (f"{100 * mean:.1f}" for mean in (min(means), max(means)))
            return f"{low} % on the test set" if low == high else f"{low} to {high} % on the test set"
        return f"test loss {brief(min(means))} to {brief(max(means))}"

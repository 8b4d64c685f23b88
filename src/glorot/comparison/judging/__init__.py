"""Judging: what the figures of a comparison say, with three answers and one error rate over all that is said."""

from dataclasses import replace

from glorot.comparison.comparison import Comparison
from glorot.comparison.judging.standings import Standings
from glorot.comparison.judging.textbook import claims
from glorot.comparison.judging.verdicts import verdict

__all__ = ["Standings", "judged"]


def judged(comparison: Comparison) -> Comparison:
    """Return a comparison with a verdict on each recipe and the sentences of the textbooks."""
    standings = Standings(comparison)
    results = tuple(replace(result, verdict=verdict(result, standings)) for result in comparison.results)
    return replace(comparison, results=results, claims=claims(standings))

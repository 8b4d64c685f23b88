"""Trends: what the kernels of a chain together make of a figure, on the way forward or back."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from glorot.checks.chains import chains, multiplies, weight_of
from glorot.checks.evidence import Evidence
from glorot.probe.steps import StepSignal

EXPECTED = "about 1 over the chain"
REMEDY = "draw the layers by their fans and activations, as glorot.initialize does"


class Trend(NamedTuple):
    """A chain over which a figure changes too much.

    Attributes:
        blamed: the paths of the kernels that change it more than they should; all after the first, if none does alone.
        place: the name of the step where it has changed too much.
        change: the figure at the end over that at the start.
    """

    blamed: list[str]
    place: str
    change: float


def trends(
    evidence: Evidence, figure: Callable[[StepSignal], float], bound: float, step: float, *, back: bool = False
) -> Iterator[Trend]:
    """Yield the chains over which a figure changes beyond a bound.

    Args:
        evidence: what is known of the model.
        figure: what is looked at in each step.
        bound: the change over a chain that is too much; below 1 where the figure shrinks, above 1 where it grows.
        step: the change over one kernel from which on it is blamed, on the same side of 1.
        back: whether the way goes from the end of the model to its start.
    """

    def is_beyond(before: float, after: float, most: float) -> bool:
        return after <= most * before if most < 1 else after >= most * before

    for chain in chains(evidence):
        way = chain[::-1] if back else chain
        figures = [figure(one.step) for one in way]
        if not multiplies(figures) or not is_beyond(figures[0], figures[-1], bound):
            continue
        place = next(one for one, now in zip(way, figures, strict=True) if is_beyond(figures[0], now, bound))
        pairs = [(after, figure(before.step), figure(after.step)) for before, after in pairwise(chain)]
        found = [one for one, first, last in pairs if is_beyond(*((last, first) if back else (first, last)), step)]
        blamed = [weight_of(evidence, one.point) for one in found or chain[1:]]
        yield Trend(blamed, place.step.name, figures[-1] / figures[0])

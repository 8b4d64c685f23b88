"""GL306: single elements far outside the law of the others."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence, part_of
from glorot.checks.law.measures import Spread, measured, spread_of
from glorot.inventory import Part

FARTHEST = 8.0
"""Standard deviations within which all draws lie: a normal law passes 8 once in 10^15."""

MOST = 3
"""Elements that are single; more of them are a law with tails."""

LEAST = 256
"""Values from which on a law can be told."""

LIGHT = (1.5, 3.6)
"""The kurtosis of laws that are drawn, from uniform to normal; trained weights have heavier tails."""


class Outlier(Check):
    """Single elements lie far outside the law of all others.

    What it does:
        Takes the largest elements of a tensor out, at most 3, and finds them if they lie more than 8 standard
        deviations of the others from their mean, and the others look drawn, without tails.

        Setting: `outlier = 8`, the farthest element, in standard deviations.

    Why it matters:
        No normal draw lies 8 standard deviations out. Such an element comes from an inverse distribution function at
        its end, from memory that was overwritten, or from an index that was set by mistake. Its unit alone decides
        about its layer's largest activation, about clipped gradients, and about the scale of quantised weights.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> layer = torch.nn.Linear(512, 512)
        >>> _ = torch.nn.init.normal_(layer.weight, std=0.001)
        >>> layer.weight.data[3, 7] = -2.0
        >>> print(glorot.check(layer, select="GL306").findings[0])
        GL306 warning: weight: has an element far outside the law of all others, at [3, 7] (1999, expected at most 8
        standard deviations)

    What to do:
        Draw the tensor again with a law that is tested (`glorot.draw`, `glorot.initialize`); look for what wrote the
        element.
    """

    code = "GL306"
    name = "outlier"
    threshold = FARTHEST
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        farthest = self.limit(evidence)
        arrays = {part.name: (part, values) for part, values in evidence.parts()}
        for name, one in measured(evidence).items():
            spread = one.spread
            if spread.size < LEAST or spread.std == 0:
                continue
            away = ((spread.largest + abs(spread.mean)) / spread.std) ** 2
            if away < farthest**2 * (
                1 - MOST * away / spread.sample
            ):  # the share of the variance that the farthest leave
                yield Tested(1.0)
                continue
            part, values = arrays[name]
            yield self._tested(part, values, evidence.weights[part.path].shape, farthest)

    def _tested(self, part: Part, values: Array, stored: Sequence[int], farthest: float) -> Tested:
        flat = values.reshape(-1)
        away = np.abs(flat - np.median(flat))
        last = np.argpartition(away, len(away) - MOST)[-MOST:]
        others = spread_of(np.delete(flat, last))
        if others.std == 0 or not LIGHT[0] <= others.kurtosis <= LIGHT[1]:
            return Tested(1.0)
        found = sorted((int(at) for at in last if _far(flat[at], others) > farthest), key=lambda at: -float(away[at]))
        if not found:
            return Tested(1.0)
        z = _far(flat[found[0]], others)
        places = ", ".join(map(str, _places(part, stored, found)))
        finding = self.finding(
            part.name,
            f"has {'an element' if len(found) == 1 else 'elements'} far outside the law of all others, at {places}",
            figure=z,
            expected=f"at most {farthest:g} standard deviations",
            remedy="draw it again, and look for what wrote that element",
        )
        return Tested(min(1.0, flat.size * math.erfc(z / math.sqrt(2))), finding)


def _places(part: Part, stored: Sequence[int], found: Sequence[int]) -> list[list[int]]:
    """Return where elements of a part lie in the tensor that it is stored in."""
    numbers = np.arange(math.prod(stored), dtype=np.int32 if math.prod(stored) < 1 << 31 else np.int64).reshape(stored)
    held = part_of(numbers, part).reshape(-1)[list(found)]
    return [[int(n) for n in np.unravel_index(at, stored)] for at in held]


def _far(value: float, others: Spread) -> float:
    return abs(float(value) - others.mean) / others.std

"""GL204: weights that are one draw at several scales."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from glorot.checks.alike.comparable import comparable
from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.looks import looks_drawn
from glorot.inventory import Part

COMPARED = 64
"""First elements of a tensor whose signs and ratios are compared: the signs alone agree by chance once in 2⁶⁴."""

TAIL = 16
"""Last elements that generators may draw in another way."""

ROUNDING = 0.01
"""How far a ratio may be off, for half precision."""


class OneDraw(Check):
    """Several weights start with the same random numbers, at different scales or in different shapes.

    What it does:
        Compares the first numbers of all drawn weights: whether those of one are those of another times a factor.
        Tensors that are equal as a whole are GL203.

    Why it matters:
        A seed that is set again for each layer gives all of them the same stream; the scale of each then depends on its
        fans, so the weights are not equal, and yet not independent. The products of such layers have other singular
        values than theory says, and their units are correlated.

    Example that fails:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.Tanh(), torch.nn.Linear(64, 64))
        >>> for layer in (model[0], model[2]):
        ...     _ = torch.manual_seed(0)
        ...     _ = torch.nn.init.xavier_normal_(layer.weight)
        >>> print(glorot.check(model, select="GL204").findings[0])
        GL204 warning: 0.weight, 2.weight: start with the same random numbers at different scales

    What to do:
        Set the seed once, before the first layer; or draw by name: `glorot.initialize(model, "auto", seed=0)`.
    """

    code = "GL204"
    name = "one-draw"
    severity = "warning"
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        groups: dict[bytes, list[tuple[Part, Array, NDArray[np.float64]]]] = defaultdict(list)
        for part, values in comparable(evidence):
            is_whole = part.view is None or not part.view.is_piece
            first = _first(evidence.weights[part.path] if is_whole else values)
            if first is not None:
                groups[np.packbits(first > 0).tobytes()].append((part, values, first))
        for group in groups.values():
            alike = [one for one in group if _is_multiple(group[0][2], one[2])]
            different = {(values.shape, values.tobytes()) for _, values, _ in alike} if len(alike) > 1 else ()
            if len(different) > 1:
                yield self.finding(
                    [part.name for part, _, _ in alike],
                    "start with the same random numbers at different scales",
                    remedy="set the seed once, not for each layer, or draw by name: glorot.initialize does",
                )


def _first(values: Array) -> NDArray[np.float64] | None:
    """Return the first elements as they are stored; None if there are too few, or they are no draws around zero."""
    if values.size < COMPARED + TAIL:
        return None
    first = values.reshape(-1)[:COMPARED].astype(np.float64)
    is_signed = COMPARED // 8 < int((first > 0).sum()) < COMPARED - COMPARED // 8
    return first if is_signed and looks_drawn(first) else None


def _is_multiple(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    factor = float(one @ other) / float(one @ one)
    return bool(np.abs(other - factor * one).max() <= ROUNDING * np.abs(other).max())

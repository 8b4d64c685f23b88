"""GL201: units of a layer that start alike."""

from collections.abc import Iterator

import numpy as np

from glorot.checks.alike.comparable import TABLE
from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.looks import as_rows, drawn_parts, looks_drawn
from glorot.graph.noise import scales_in
from glorot.inventory import Part

BEGIN = 4
"""First weights of a unit that are compared before all of them are."""

SQUARES = (4, 9, 16)
"""How often a kernel before a pixel shuffle repeats each unit on purpose."""


class UnitsAlike(Check):
    """Several units of a layer have the same weights.

    What it does:
        Compares the rows of each kernel, one for each output unit, and those of each embedding: all of them alike, as
        after a constant start; blocks that repeat, as heads drawn from one seed; or single rows drawn twice. Kernels of
        zeros are left to GL205; convolutions that repeat each unit for a pixel shuffle are let pass, and so are scales
        of what differs from unit to unit: σ of noise, as in μ + σ·ε, and g of a weight g·v.

    Why it matters:
        Units with the same weights compute the same. If what follows treats them alike as well, they stay one unit for
        ever, and the layer is as narrow as the number of different units.

    Example that fails:
        >>> import glorot, torch
        >>> layer = torch.nn.Linear(16, 32)
        >>> _ = torch.nn.init.constant_(layer.weight, 0.1)
        >>> print(glorot.check(layer, select="GL201").findings[0])
        GL201 warning: weight: starts with all units alike (1, expected 32 different units)

    What to do:
        Draw the weight at random, all units from one stream: `glorot.initialize(model, "auto", seed=0)`. Do not set the
        seed again for each head.

    """

    code = "GL201"
    name = "units-alike"
    severity = "warning"
    mended_by_drawing = True
    explained_by = ("GL101",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        scales = set() if evidence.folded is None else scales_in(evidence.folded)
        for part, values in drawn_parts(evidence):
            if part.path in scales:
                continue
            rows = as_rows(part, values)
            copies, count, _ = rows.shape
            if count < 2 or not values.any() or (part.role == "embedding" and TABLE.search(part.path)):
                continue
            different = sum(_different(copy) for copy in rows)
            if different == copies * count:
                continue
            why = _why(part, rows, different == copies)
            if why:
                yield self.finding(
                    part.name,
                    why,
                    remedy="draw all units from one stream: glorot.initialize does",
                    figure=different,
                    expected=f"{copies * count} different units",
                    severity="note" if part.role == "embedding" and different > 1 else None,
                )


def _why(part: Part, rows: Array, is_one: bool) -> str:
    """Return what is alike; "" where it is meant or may be chance."""
    _, count, width = rows.shape
    if is_one:
        return "starts with all units alike" if count > 2 or width > 2 else ""
    if not looks_drawn(rows[0, 0]) or not looks_drawn(rows[0, -1]):
        return ""
    if "k" in part.axes and any(_repeats_each(rows[0], often) for often in SQUARES):
        return ""
    if any(_repeats_blocks(rows, often) for often in range(2, min(count // 2, 256) + 1) if count % often == 0):
        return "repeats its units block by block, so its heads start alike"
    return "holds units that were drawn twice"


def _different(rows: Array) -> int:
    """Return how many different rows there are."""
    _, group, sizes = np.unique(_as_bytes(rows[:, :BEGIN]), return_inverse=True, return_counts=True)
    begins_alike = sizes[group.reshape(-1)] > 1
    if not begins_alike.any():
        return len(rows)
    return int((~begins_alike).sum()) + len(np.unique(_as_bytes(rows[begins_alike])))


def _as_bytes(rows: Array) -> Array:
    """Return one element for each row, which compares as all of it."""
    whole = np.ascontiguousarray(rows)
    return whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).reshape(-1)


def _repeats_each(rows: Array, often: int) -> bool:
    """Tell whether each row stands that often in a row."""
    if len(rows) % often:
        return False
    blocks = rows.reshape(len(rows) // often, often, -1)
    return bool((blocks == blocks[:, :1]).all())


def _repeats_blocks(rows: Array, often: int) -> bool:
    """Tell whether the rows are that many equal blocks."""
    blocks = rows.reshape(rows.shape[0], often, rows.shape[1] // often, -1)
    return bool((blocks == blocks[:, :1]).all())

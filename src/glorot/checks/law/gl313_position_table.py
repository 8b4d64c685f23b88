"""GL313: frozen tables of positions that hold noise."""

import math
import re
from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.inventory import Inventory

NAMED = re.compile(r"position|(^|[._])(pos|wpe|pe)([._]|$)|pos_?(emb|enc)|sinus", re.IGNORECASE)
"""Names of tables of positions."""

LEAST = 8
"""Rows and columns from which on noise is told from a table."""

SMOOTH = 0.3
"""The correlation of neighbouring rows from which on a table is one of positions; of sinusoids it is 0.7 and more."""

FREE = ("embedding", "position", "unknown", "shift")
"""The roles that a table of positions may have."""


class PositionTable(Check):
    """A frozen table of positions holds noise.

    What it does:
        Looks at tables of positions, by role or name, that are not trained (frozen parameters and buffers), and
        compares each row with the next: sinusoids change little from one position to the next, in most of their
        frequencies, noise altogether.

        Setting: `position-table = 0.3`, the least correlation of neighbouring rows; below a third of it is noise.

    Why it matters:
        A frozen table is never learned. If a general routine draws noise over its sinusoids, neighbouring positions are
        no more alike than distant ones, and stay so for all of training: no error is raised, the model is just worse.

    Example that fails:
        >>> import collections, glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> table = torch.nn.Embedding(128, 64).requires_grad_(False)
        >>> model = torch.nn.Sequential(collections.OrderedDict(position_embeddings=table))
        >>> print(glorot.check(model, select="GL313").findings[0])
        GL313 warning: position_embeddings.weight: is a table of positions that is not trained and holds noise
        (-0.01033, expected a correlation of neighbouring rows above 0.3)

    What to do:
        Write the table after the general routine, sin(p·ω) and cos(p·ω) with ω from 1 to 1/10000; or let it be trained.
    """

    code = "GL313"
    name = "position-table"
    threshold = SMOOTH

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        smooth = self.limit(evidence)
        for path, values in _tables(evidence):
            table = values.reshape(-1, values.shape[-1])
            if min(table.shape) < LEAST or not np.isfinite(table).all() or float(table.std()) == 0:
                continue
            likeness = _of_neighbours(table)
            count = (table.shape[0] - 1) * table.shape[1]
            finding = None
            if abs(likeness) < smooth / 3:
                finding = self.finding(
                    path,
                    "is a table of positions that is not trained and holds noise",
                    figure=likeness,
                    expected=f"a correlation of neighbouring rows above {smooth:g}",
                    remedy="write its sinusoids after all other weights are drawn, or let it be trained",
                )
            z = (smooth - abs(likeness)) * math.sqrt(count)
            yield Tested(math.erfc(max(z, 0.0) / math.sqrt(2)), finding)


def _tables(evidence: Evidence) -> Iterator[tuple[str, Array]]:
    """Yield the tables of positions that are not trained, with at least two axes."""
    for path, values in evidence.weights.items():
        if values.ndim >= 2 and values.dtype.kind == "f" and _is_frozen_table(evidence.inventory, path):
            yield path, values
    for path, values in evidence.buffers.items():
        if values.ndim >= 2 and values.dtype.kind == "f" and NAMED.search(path):
            yield path, values


def _is_frozen_table(inventory: Inventory, path: str) -> bool:
    parameter = inventory.parameter(path)
    if parameter is None or not parameter.frozen:
        return False
    roles = {part.role for part in parameter.parts}
    return "position" in roles or (bool(roles & {*FREE}) and NAMED.search(path) is not None)


def _of_neighbours(table: Array) -> float:
    """Return the correlation of the rows of a table with their neighbours, column means taken off."""
    exact = table.astype(np.float64)
    exact -= exact.mean(axis=0)
    return float(np.sum(exact[1:] * exact[:-1]) / np.sum(exact * exact))

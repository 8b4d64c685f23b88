"""GL105: tensors of which a part was never written."""

from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.looks import as_rows, drawn_parts, looks_drawn
from glorot.inventory import Part

FEWEST = 16
"""Elements of the smallest tensor that is looked at."""

BEGINNING = 16
"""Elements of a row by which it is seen not to be zero."""


class PartlyWritten(Check):
    """Some rows of a drawn weight are zero.

    What it does:
        Looks in kernels and embeddings that hold random numbers for output units, rows of the table and experts that
        are zero throughout. One zero row of an embedding is taken for that of padding.

    Why it matters:
        A law never draws a row of zeros. An init that writes a slice leaves the rest: rows that were added to a
        vocabulary, experts beyond the first, the last piece of a fused projection. Zero rows under a ReLU have no
        gradient, and those of a table are all one token.

    Example that fails:
        >>> import glorot, torch
        >>> layer = torch.nn.Linear(16, 8)
        >>> layer.weight.data[6:] = 0
        >>> print(glorot.check(layer, select="GL105").findings[0])
        GL105 warning: weight: has rows of zeros among drawn ones (0.25, expected no such rows)

    What to do:
        Draw the rest as well. Where the zeros are meant, as after pruning, waive the finding with that reason.
    """

    code = "GL105"
    name = "partly-written"
    severity = "warning"
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        for part, values in drawn_parts(evidence):
            share = _zero_share(part, values)
            if share:
                yield self.finding(
                    part.name,
                    "has rows of zeros among drawn ones",
                    remedy="draw those rows as well, or waive the finding if they are meant",
                    figure=share,
                    expected="no such rows",
                )


def _zero_share(part: Part, values: Array) -> float:
    """Return the share of rows that are zero while the others look drawn."""
    if values.size < FEWEST:
        return 0.0
    rows = as_rows(part, values)
    rows = rows.reshape(-1, rows.shape[-1])
    candidates = np.flatnonzero(~rows[:, :BEGINNING].any(axis=1))  # few, so that few are read whole
    zero = np.zeros(len(rows), bool)
    zero[candidates] = ~rows[candidates].any(axis=1)
    count = int(zero.sum())
    if not count or count == len(rows) or (count == 1 and "emb" in f"{part.role} {part.path}".lower()):
        return 0.0
    return count / len(rows) if looks_drawn(rows[~zero]) else 0.0

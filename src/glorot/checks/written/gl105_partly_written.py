"""GL105: tensors of which a part was never written."""

from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.looks import as_rows, drawn_parts, looks_drawn
from glorot.graph import Folded, Step
from glorot.inventory import Part

MATRIX = 2
"""Axes of a table, and the fewest rows that could differ."""

FEWEST = 16
"""Elements of the smallest tensor that is looked at."""

BEGINNING = 16
"""Elements of a row by which it is seen not to be zero."""


class PartlyWritten(Check):
    """Some rows of a drawn weight are zero, or all of an embedding.

    What it does:
        Looks in kernels and embeddings that hold random numbers for output units, rows of the table and experts that
        are zero throughout. One zero row of an embedding is taken for that of padding. Where the graph is known, also
        for embeddings that hold only zeros and are all that a layer reads: neither added to anything else nor returned.

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
        for part, values in evidence.parts():
            if part.role == "embedding" and values.size >= FEWEST and _is_read_alone(evidence, part, values):
                yield self.finding(
                    part.name,
                    "holds only zeros, so that all tokens are one until the first step",
                    remedy='draw it, as glorot.initialize(model, "auto", seed=0) does',
                )


ENDS = ("kernel", "normalised")
"""Kinds of values at which a layer reads an embedding."""

GOES_ON = ("move", "affine", "dropout", "mean", "extreme")


def _is_read_alone(evidence: Evidence, part: Part, values: Array) -> bool:
    """Tell whether an embedding of zeros is all that is known of what it looks up, and a layer reads it."""
    folded = evidence.folded
    if folded is None or values.ndim != MATRIX or len(values) < MATRIX or values[-1].any() or values.any():
        return False
    looked_up = [folded.graph.steps[use.step] for use in folded.uses.get(part.path, ()) if use.role == "embedding"]
    return any(_is_only_reading(evidence, part.path, one) and _meets_layer(folded, one.result) for one in looked_up)


def _is_only_reading(evidence: Evidence, own: str, step: Step) -> bool:
    """Tell whether nothing else that holds something is looked up with the same numbers, nor added to the table."""
    folded = evidence.folded
    assert folded is not None
    others = [one for position, _ in folded.users[step.operands[-1]] if (one := folded.graph.steps[position]) != step]
    tables = [path for one in (*others, step) for path in folded.parameters.get(one.operands[0], ()) if path != own]
    return not any(path in evidence.weights and evidence.weights[path].any() for path in tables)


def _meets_layer(folded: Folded, value: int) -> bool:
    """Tell whether a value meets a kernel or a norm before it meets another signal."""
    waiting, reached, meets = [value], {value}, False
    while waiting:
        at = waiting.pop()
        if at in folded.graph.outputs:
            return False
        for position, _ in folded.users[at]:
            result = folded.graph.steps[position].result
            kind = folded.kind.get(result)
            if kind in ENDS:
                meets = True
            elif kind not in (None, *GOES_ON):
                return False
            elif result in folded.source and result not in reached:
                reached.add(result)
                waiting.append(result)
    return meets


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

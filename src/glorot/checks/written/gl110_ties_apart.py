"""GL110: tied weights that came apart."""

from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.looks import drawn_parts, looks_drawn
from glorot.inventory import Part


class TiesApart(Check):
    """An embedding and a head that were one tensor are two.

    What it does:
        Looks for an embedding and a kernel of the same shape that hold the same numbers in two memories, and for two
        that are one in the reference and differ in the model.

    Why it matters:
        Tied weights are one parameter with the gradients of both places. After `to_empty`, a copy, or an assignment of
        a new parameter they are two: equal at first, then each goes its own way, and the model has twice the parameters
        that were meant.

    Example that fails:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(torch.nn.Embedding(32, 8), torch.nn.Linear(8, 32, bias=False))
        >>> _ = model[1].weight.data.copy_(model[0].weight)
        >>> print(glorot.check(model, select="GL110").findings[0])
        GL110 warning: 0.weight, 1.weight: hold the same numbers in two memories, as tied weights that came apart do

    What to do:
        Tie them again after the model has its memory: `head.weight = embedding.weight`, or `model.tie_weights()`.
    """

    code = "GL110"
    name = "ties-apart"
    severity = "warning"

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        candidates = [(part, values) for part, values in drawn_parts(evidence) if values.ndim == 2]
        tables = [(part, values) for part, values in candidates if part.role == "embedding"]
        heads = [(part, values) for part, values in candidates if part.role == "kernel"]
        for table in tables:
            for head in heads:
                if table[1].shape == head[1].shape:
                    yield from self._of_pair(evidence, table, head)

    def _of_pair(self, evidence: Evidence, table: tuple[Part, Array], head: tuple[Part, Array]) -> Iterator[Finding]:
        (part, values), (other, others) = table, head
        remedy = "tie them again: head.weight = embedding.weight"
        if np.array_equal(values, others):
            if looks_drawn(values):
                why = "hold the same numbers in two memories, as tied weights that came apart do"
                yield self.finding((part.path, other.path), why, remedy=remedy)
            return
        reference = evidence.reference or {}
        if part.path not in reference or other.path not in reference:
            return
        if np.array_equal(reference[part.path], reference[other.path]) and looks_drawn(reference[part.path]):
            why = "are one tensor in the reference, and two that differ here"
            yield self.finding((part.path, other.path), why, remedy=remedy)

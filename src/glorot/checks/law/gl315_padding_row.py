"""GL315: noise in the padding row of an embedding."""

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence


class PaddingRow(Check):
    """The padding row of an embedding holds noise.

    What it does:
        Looks at the row of an embedding that its layer keeps for padding, `padding_idx` of PyTorch, and finds those
        that are not zero. A table that is tied to a head is left out, for the head trains all its rows.

    Why it matters:
        The layer zeroes this row when it is built and gives it no gradient, so that padding adds nothing. A general
        routine that draws all embeddings overwrites the zeros: padding is then a random word, which training never
        corrects, and which enters every sum, mean and state that no mask keeps it out of.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> table = torch.nn.Embedding(100, 16, padding_idx=0)
        >>> _ = torch.nn.init.normal_(table.weight, std=0.02)
        >>> print(glorot.check(table, select="GL315").findings[0])
        GL315 warning: weight[padding]: holds noise, which no gradient will ever correct (0.01963, expected 0)

    What to do:
        Zero the row after drawing the table: `weight.data[padding_idx].zero_()`. Of a model that was trained so, waive
        this finding.
    """

    code = "GL315"
    name = "padding-row"
    mended_by_drawing = True
    not_on: ClassVar[Mapping[str, str]] = {
        "jax": "embeddings of JAX keep no row for padding",
        "keras": "embeddings of Keras mask padding and keep no row for it",
        "caffe": "embeddings of Caffe keep no row for padding",
    }

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        tied = {one.tied_to for one in evidence.inventory.parameters}
        frozen = {one.path for one in evidence.inventory.parameters if one.frozen}
        for part, values in evidence.parts():
            if part.role != "padding" or part.path in tied | frozen or not np.isfinite(values).all():
                continue
            size = math.sqrt(float(np.mean(np.square(values.astype(np.float64)))))
            if size > 0:
                yield self.finding(
                    part.name,
                    "holds noise, which no gradient will ever correct",
                    figure=size,
                    expected="0",
                    remedy="zero the row after drawing the table: weight.data[padding_idx].zero_()",
                )

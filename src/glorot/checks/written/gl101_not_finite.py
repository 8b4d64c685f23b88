"""GL101: values that are no numbers."""

import math
from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.text import counted


class NotFinite(Check):
    """A tensor holds NaN or infinity.

    What it does:
        Looks for NaN and infinity in every parameter and buffer.

    Why it matters:
        One NaN spreads over all activations in a forward pass, and over all weights in a step. At the start it mostly
        means that nothing wrote the memory, or that a file was damaged. Masks of attention may hold -infinity and are
        let pass.

    Example that fails:
        >>> import glorot, torch
        >>> layer = torch.nn.Linear(3, 4)
        >>> _ = torch.nn.init.constant_(layer.bias, float("nan"))
        >>> print(glorot.check(layer).findings[0])
        GL101 error: bias: holds NaN in all of its 4 elements

    What to do:
        Write the tensor: `glorot.apply(plan, model, seed=0)` writes every parameter once; a buffer is written by its
        module's own constructor or `reset_parameters`.
    """

    code = "GL101"
    name = "not-finite"
    severity = "error"
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        for kind, tensors in (("weight", evidence.weights), ("buffer", evidence.buffers)):
            for path, values in tensors.items():
                if values.dtype.kind not in "fc" or _is_finite(evidence, path, values):
                    continue
                nan, below = int(np.isnan(values).sum()), bool(np.isneginf(values).any())
                is_mask = below and not np.isposinf(values).any()
                if kind == "buffer" and not nan and (is_mask or values.size == 1):  # or a bound that bounds nothing
                    continue
                count = nan or int(np.isinf(values).sum())
                share = "all of its " if count == values.size else f"{count} of its "
                yield self.finding(
                    path,
                    f"holds {'NaN' if nan else 'infinity'} in {share}{counted(values.size, 'element')}",
                    remedy="write it before training: glorot.apply writes every parameter once",
                )


def _is_finite(evidence: Evidence, path: str, values: Array) -> bool:
    return bool(np.isfinite(values).all() if values.dtype.kind == "c" else math.isfinite(evidence.largest(path)))

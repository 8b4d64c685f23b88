"""GL202: experts, or groups, that start alike."""

import math
from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.looks import DRAWN, LEAST, is_centred, looks_drawn
from glorot.inventory import Part


class CopiesAlike(Check):
    """Several experts, or groups of a convolution, that lie in one tensor have the same weights.

    What it does:
        Compares the slices of each tensor that holds one kernel for each expert or group.

    Why it matters:
        Experts that start alike answer alike, whichever the router chooses: only the differences between the tokens
        that reach them make them specialise, slowly. It happens where each expert is drawn from the same seed, or one
        is drawn and the rest are expanded from it.

    Example that fails:
        >>> import glorot, torch
        >>> layer = torch.nn.Conv1d(32, 32, 3, groups=4)
        >>> _ = layer.weight.data.copy_(layer.weight[:8].repeat(4, 1, 1).clone())
        >>> print(glorot.check(layer, select="GL202").findings[0])
        GL202 warning: weight: holds the same numbers for several of its groups (1, expected 4 different ones)

    What to do:
        Draw all of them from one stream: `glorot.initialize(model, "auto", seed=0)`. Experts that continue one trained
        MLP are copies on purpose: waive the finding with that reason.
    """

    code = "GL202"
    name = "copies-alike"
    severity = "warning"
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        for part, values in evidence.parts():
            count = _copies(part, values)
            if count < 2:
                continue
            slices = np.ascontiguousarray(values).reshape(count, -1)
            if not looks_drawn(slices[0]) or (part.role == "unknown" and not is_centred(slices[0])):
                continue
            different = len({one.tobytes() for one in slices})
            if different < count:
                kind = "experts" if part.role == "unknown" or "k" not in part.axes else "groups"
                yield self.finding(
                    part.name,
                    f"holds the same numbers for several of its {kind}",
                    remedy="draw all of them from one stream: glorot.initialize does",
                    figure=different,
                    expected=f"{count} different ones",
                )


def _copies(part: Part, values: Array) -> int:
    """Return how many kernels a part holds; 0 where it is no such part, or they are too small to compare."""
    if values.dtype.kind != "f" or not values.size:
        return 0
    is_stack = part.role in DRAWN and part.role != "embedding" and part.axes.startswith("b")
    is_unknown = part.role == "unknown" and values.ndim == 3
    copies = part.axes.index("o") if is_stack and "o" in part.axes else 1
    count = math.prod(values.shape[:copies])
    return count if (is_stack or is_unknown) and values.size // count >= LEAST else 0

"""GL103: weights that are too large for any start."""

from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.looks import DRAWN
from glorot.checks.written.gl102_raw_memory import LARGEST
from glorot.text import number

HUGE = 1e6
"""The largest weights of starts that are in use are those of N(0, 1), below 7; trained ones stay below 1e4."""


class HugeValues(Check):
    """A trained parameter holds a number past a million.

    What it does:
        Looks for numbers between 1e6 and 1e15 in parameters that are trained; what is larger is GL102.

        Setting: `huge-values = 1e+06`, the size that no weight may pass.

    Why it matters:
        A signal that meets such a weight swamps all others, overflows in half precision, and its gradient is as large.

    Example that fails:
        >>> import glorot, torch
        >>> layer = torch.nn.Linear(3, 4)
        >>> layer.weight.data[1, 2] = 2.5e7
        >>> print(glorot.check(layer, select="GL103").findings[0])
        GL103 error: weight: holds numbers past 1e+06 (2.5e+07, expected below 1e+06)

    What to do:
        Draw it again, and look where the number comes from: a division by a variance of zero, a wrong unit, or memory
        that nothing wrote.
    """

    code = "GL103"
    name = "huge-values"
    threshold = HUGE
    severity = "error"
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        limit = self.limit(evidence)
        for parameter in evidence.inventory.parameters:
            values = evidence.weights.get(parameter.path)
            if parameter.frozen or values is None or values.dtype.kind not in "fc" or not values.size:
                continue
            if values.dtype.kind == "f" and evidence.largest(parameter.path) <= limit:
                continue
            sizes = np.abs(values)
            largest = float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))
            if limit < largest <= LARGEST:
                yield self.finding(
                    parameter.path,
                    f"holds numbers past {number(limit)}",
                    remedy="draw it again, and look where the number comes from",
                    figure=largest,
                    expected=f"below {number(limit)}",
                    severity="error" if {part.role for part in parameter.parts} & {*DRAWN} else "warning",
                )

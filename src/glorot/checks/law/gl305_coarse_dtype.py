"""GL305: laws that a narrow number format cannot hold."""

import math
from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence

SMALLEST_NORMAL = {
    "float16": 2.0**-14,
    "float8_e4m3fn": 2.0**-6,
    "float8_e4m3fnuz": 2.0**-7,
    "float8_e4m3b11fnuz": 2.0**-10,
    "float8_e5m2": 2.0**-14,
    "float8_e5m2fnuz": 2.0**-15,
}
"""The smallest numbers of full precision; below them the steps no longer shrink."""

LARGEST = {"float16": 65504.0, "float8_e4m3fn": 448.0, "float8_e5m2": 57344.0}
"""The largest numbers."""

MOST_BELOW = 0.2
"""The share of values below full precision from which the law is lost: of a normal law, std under 4 such numbers."""

FEWEST = {"bfloat16": 400, "float16": 2048}
"""Distinct values that a law drawn in single precision and then rounded has at least, in 16,384 values or more."""

ENOUGH = 1 << 14
"""Values from which on those that are distinct are counted."""


class CoarseDtype(Check):
    """A number format is too coarse for the law that it holds.

    What it does:
        Of tensors in float16, bfloat16 and 8-bit formats, counts the values that lie below the format's full precision,
        those at its largest number, and in 16-bit formats the distinct values.

        Setting: `coarse-dtype = 0.2`, the largest share below full precision.

    Why it matters:
        float8_e4m3 has full precision above 0.0156: most of a law of std 0.02 lies on a few steps of 0.002, or is 0.
        float16 has it above 0.00006. A uniform law drawn in bfloat16, and not rounded to it, has 256 steps, the same
        for all sizes, so that one value in 256 is exactly 0 and weights of different units collide.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> layer = torch.nn.Linear(256, 256)
        >>> _ = torch.nn.init.normal_(layer.weight, std=1e-5)
        >>> print(glorot.check(layer.half(), select="GL305").findings[0])
        GL305 warning: weight: lies largely below the full precision of float16, 6.1e-05 (1, expected at most a share of
        0.2)

    What to do:
        Keep the master copy in float32, draw there and cast once, as `glorot.apply` does; for 8-bit formats give each
        tensor a scale by which it is stored.
    """

    code = "GL305"
    name = "coarse-dtype"
    threshold = MOST_BELOW

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        most = self.limit(evidence)
        for parameter in evidence.inventory.parameters:
            dtype = parameter.dtype.lower()
            narrow = dtype in SMALLEST_NORMAL or dtype in FEWEST
            if not narrow or parameter.tied_to is not None or parameter.path not in evidence.weights:
                continue
            values = np.abs(evidence.weights[parameter.path].astype(np.float32, copy=False)).reshape(-1)
            if values.size and float(values.max()) != float(values.min()) and np.isfinite(values).all():
                yield from self._of(parameter.path, dtype, values, most)

    def _of(self, path: str, dtype: str, values: Array, most: float) -> Iterator[Finding]:
        below = float(np.mean(values < SMALLEST_NORMAL.get(dtype, 0.0)))
        full = float(np.mean(values >= LARGEST.get(dtype, math.inf)))
        if below > most and values.any():
            yield self.finding(
                path,
                f"lies largely below the full precision of {dtype}, {SMALLEST_NORMAL[dtype]:.3g}",
                figure=below,
                expected=f"at most a share of {most:g}",
                remedy="keep it in float32 or bfloat16, or store it with a scale",
            )
        if full > 0:
            yield self.finding(
                path,
                f"has values at the largest number of {dtype}, {LARGEST[dtype]:g}",
                figure=full,
                expected="none",
                remedy="store it with a scale, or draw a smaller law",
            )
        if dtype in FEWEST and values.size >= ENOUGH and not below > most:
            count = len(np.unique(values))
            if count < FEWEST[dtype] and count > 2:
                yield self.finding(
                    path,
                    f"has few distinct sizes, as of a law that was drawn in {dtype} and not rounded to it",
                    figure=float(count),
                    expected=f"{FEWEST[dtype]} or more",
                    remedy="draw it in float32 and cast it once",
                    severity="note",
                )

"""GL112: statistics that no data has."""

import math
import re
from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Severity, Tested
from glorot.checks.evidence import Evidence

VECTOR = re.compile(r"(^|.*\.)parametrizations\.(?P<a>\w+)\.\d+\._[uv]$|(^|.*\.)(?P<b>\w+)_[uv]$|(^|.*\.)u\d*$")
"""Paths of the vectors with which a spectral norm finds the largest singular value of a weight, and its name."""

OF_LAYERS = ("vector", "spectral", "sn")
"""Names of such vectors in a layer that is wrapped around the one with the kernel."""


class ImpossibleVariance(Check):
    """A running variance is negative, or zero in all units, or a vector of a spectral norm is zero.

    What it does:
        Looks at the running variances of batch norms: they start at 1 and are never below 0. And at the vectors that a
        spectral norm multiplies its matrix by, which have length 1: those beside a weight, named after it (`weight_u`)
        and as long as one of its sides; a warning where they are named `u` alone.

    Why it matters:
        The norm divides by the root of the variance. Where it is zero everywhere, nobody wrote it after `to_empty`, and
        the first evaluation multiplies the signal by a few hundred; where it is negative, it returns NaN. A spectral
        norm divides by uᵀWv, which is zero with either vector, so that its weight is infinite.

    Example that fails:
        >>> import glorot, torch
        >>> norm = torch.nn.BatchNorm1d(8)
        >>> _ = norm.running_var.zero_()
        >>> print(glorot.check(norm, select="GL112").findings[0])
        GL112 error: running_var: is a variance of zero in all units (0, expected 1 at the start)

    What to do:
        `reset_running_stats()` of the norm, or `glorot.apply(plan, model, seed=0)`, which starts statistics as well,
        and the vectors of PyTorch's spectral norm.
    """

    code = "GL112"
    name = "impossible-variance"
    severity = "error"
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        for part, values in evidence.parts():
            if part.role != "running_variance" or not values.size:
                continue
            lowest = float(values.min())
            if lowest < 0 or not values.any():
                yield self.finding(
                    part.name,
                    "is a variance below zero" if lowest < 0 else "is a variance of zero in all units",
                    remedy="call reset_running_stats() of the norm, or glorot.apply, which starts statistics as well",
                    figure=lowest,
                    expected="1 at the start",
                )
        for path, severity in _zero_vectors(evidence):
            yield self.finding(
                path,
                "is a vector of a spectral norm and zero, so that the weight is divided by zero",
                remedy="draw it and set its length to 1, or make the spectral norm after the model has its memory",
                figure=0.0,
                expected="a length of 1",
                severity=severity,
            )


def _zero_vectors(evidence: Evidence) -> Iterator[tuple[str, Severity]]:
    """Yield the vectors of zeros that are named after a matrix beside them, and as long as one of its sides."""
    frozen = {one.path for one in evidence.inventory.parameters if one.frozen}
    fixed = {path: values for path, values in evidence.weights.items() if path in frozen}
    for path, values in {**evidence.buffers, **fixed}.items():
        is_vector = values.dtype.kind == "f" and values.size == max(values.shape, default=0) > 1
        found = VECTOR.match(path) if is_vector and not values.any() else None
        if found is None:
            continue
        layer = path.partition("parametrizations.")[0] if found["a"] else path[: path.rfind(".") + 1]
        name = found["a"] or found["b"]
        is_around = name in OF_LAYERS
        start = layer if is_around else f"{layer}{name or ''}"
        inside = [one for one in evidence.inventory.parameters if one.path.startswith(start)]
        beside = [one.shape for one in inside if is_around or "." not in one.path[len(layer) :]]
        if any(values.size in _sides(shape) for shape in beside):
            yield path, "error" if name else "warning"


def _sides(shape: tuple[int, ...]) -> set[int]:
    """Return the sides of the matrices that a kernel may be unfolded to."""
    if len(shape) < 2:
        return set()
    return {side for length in shape for side in (length, math.prod(shape) // max(length, 1))}

"""GL112: statistics that no data has."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence


class ImpossibleVariance(Check):
    """A running variance is negative, or zero in all units.

    What it does:
        Looks at the running variances of batch norms: they start at 1 and are never below 0.

    Why it matters:
        The norm divides by the root of the variance. Where it is zero everywhere, nobody wrote it after `to_empty`, and
        the first evaluation multiplies the signal by a few hundred; where it is negative, it returns NaN.

    Example that fails:
        >>> import glorot, torch
        >>> norm = torch.nn.BatchNorm1d(8)
        >>> _ = norm.running_var.zero_()
        >>> print(glorot.check(norm, select="GL112").findings[0])
        GL112 error: running_var: is a variance of zero in all units (0, expected 1 at the start)

    What to do:
        `reset_running_stats()` of the norm, or `glorot.apply(plan, model, seed=0)`, which starts statistics as well.
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

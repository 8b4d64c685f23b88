"""GL308: norms that do not start as they are meant to."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.law.measures import Measured, measured, scales_norm

NOISE = 0.2
"""The mean of a scale, in units of its std, below which it was drawn and not trained or set."""

TINY = 1e-6
"""How far a scale is from a value that it was set to, at most."""

TAILED = 4.0
"""The kurtosis from which on a sample has tails, as of trained values, and no law that kernels are drawn from."""

LEAST = 8
"""Elements from which on a draw is told from values that were set."""


class NormStart(Check):
    """A norm's scale does not start where it changes nothing.

    What it does:
        Reads from the graph whether a norm multiplies by w or by 1 + w, and finds: w = 1 where the model multiplies by
        1 + w; w = 0 where it multiplies by w, unless the norm ends a residual branch, which may start closed; scales
        that were drawn like a kernel, around 0.

    Why it matters:
        A norm of (1 + w) with w = 1 doubles what passes, once for each norm. A norm of w = 0 returns 0 whatever comes
        in, so that nothing before it has a gradient. Both happen where one routine starts all norms by their name or
        class.

    Example that fails:
        >>> import glorot, torch
        >>> class OneNorm(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.weight = torch.nn.Parameter(torch.ones(32))
        ...     def forward(self, x):
        ...         return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * (1 + self.weight)
        >>> print(glorot.check(OneNorm(), torch.randn(4, 32), select="GL308").findings[0])
        GL308 warning: weight: starts at 1, but its norm multiplies by 1 + w, which doubles what passes (1, expected 0,
        which changes nothing)

    What to do:
        Set the scale to the value at which it changes nothing: 0 where the model multiplies by 1 + w, else 1.
    """

    code = "GL308"
    name = "norm-start"
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        folded = evidence.folded
        for name, one in measured(evidence).items():
            is_scale = one.part.role == "scale" and one.part.declared is None
            if is_scale and (why := _wrong(one)) and folded is not None and scales_norm(folded, one.part.path):
                yield self.finding(
                    name,
                    why,
                    figure=one.spread.mean,
                    expected=f"{one.part.neutral:g}, which changes nothing",
                    remedy=f"set it to {one.part.neutral:g}",
                )


def _wrong(one: Measured) -> str:
    """Return what is wrong with a scale; "" for nothing."""
    part, spread = one.part, one.spread
    is_even = spread.std <= TINY
    if not part.seen or part.neutral not in (0, 1):
        return ""
    if part.neutral == 0:
        is_one = is_even and abs(spread.mean - 1) <= TINY
        return "starts at 1, but its norm multiplies by 1 + w, which doubles what passes" if is_one else ""
    if is_even:
        is_closed = abs(spread.mean) <= TINY and part.branch is None
        return "starts at 0, so that nothing passes its norm" if is_closed else ""
    looks_drawn = spread.size >= LEAST and abs(spread.mean) < NOISE * spread.std and spread.kurtosis < TAILED
    return "was drawn like a kernel, around 0" if looks_drawn else ""

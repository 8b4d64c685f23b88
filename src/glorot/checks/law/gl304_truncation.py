"""GL304: truncated normal laws that cut nothing."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.distributions import TruncatedNormal

FARTHEST = 6.0
"""Standard deviations beyond which a cut meets no draw: two in a thousand million values lie there."""


class TruncationWithoutEffect(Check):
    """A plan truncates a law where nothing is.

    What it does:
        Looks for truncated normal laws in the plan whose bounds lie more than 6 standard deviations out.

        Setting: `truncation-without-effect = 6`, the farthest bounds, in standard deviations.

    Why it matters:
        The bounds of `trunc_normal_(std=0.02, a=-2, b=2)` are absolute: they lie a hundred standard deviations out and
        cut nothing, so that the law is a plain normal one. Whoever wrote it mostly wanted bounds at ±2 standard
        deviations, whose std is 0.88 of the one given.

    Example that fails:
        >>> import glorot, torch
        >>> layer = torch.nn.Linear(64, 64)
        >>> rules = [("weight", "truncated_normal(0.02, cut=100)")]
        >>> plan = glorot.plan(layer, "auto", rules=rules)
        >>> print(glorot.check(glorot.apply(plan, layer, seed=0), plan=plan, select="GL304").findings[0])
        GL304 note: weight: has a truncated law that cuts nothing off (100, expected bounds within 6 standard
        deviations)

    What to do:
        Write the bounds as multiples of the std, ±0.04 for ±2 standard deviations of 0.02, or draw a normal law.
    """

    code = "GL304"
    name = "truncation-without-effect"
    threshold = FARTHEST
    severity = "note"
    needs = ("plan",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        farthest = self.limit(evidence)
        for entry in evidence.plan.entries if evidence.plan is not None else ():
            law = entry.distribution
            if isinstance(law, TruncatedNormal) and min(-law.cuts[0], law.cuts[1]) > farthest:
                yield self.finding(
                    entry.name,
                    "has a truncated law that cuts nothing off",
                    figure=min(-law.cuts[0], law.cuts[1]),
                    expected=f"bounds within {farthest:g} standard deviations",
                    remedy="give the bounds as multiples of the std, or draw a normal law",
                )

"""GL506: gradients that are no numbers, though the loss is one."""

import math
from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.chains import seen_steps, weight_of
from glorot.checks.evidence import Evidence


class GradientNotFinite(Check):
    """The loss is a number, and gradients are not.

    What it does:
        Looks for NaN and infinity in the gradients of the parameters, where the values of all steps are numbers, and
        names the step at which they arise: the last one in the order of execution.

    Why it matters:
        The first step of the optimizer then makes the weights NaN. It happens where a function is steep without bound:
        the square root and the norm of a vector at zero, the logarithm of a probability that is zero, a division by a
        variance of nothing, or a `where` that hides such a value forward but not backward.

    Example that fails:
        >>> import glorot, torch
        >>> class Root(torch.nn.Module):
        ...     def forward(self, x):
        ...         return torch.sqrt((x * (x > 0)) ** 2)
        >>> model = torch.nn.Sequential(torch.nn.Linear(8, 8), Root(), torch.nn.Linear(8, 2))
        >>> finding = glorot.check(model, torch.randn(16, 8), select="GL506").findings[0]
        >>> print(finding)
        GL506 error: 0.weight: gets a gradient of NaN or infinity, though the loss is a number

    What to do:
        Keep the function away from where it is steep: `torch.sqrt(x + eps)`, `log_softmax` instead of the logarithm of
        a softmax, and a `where` before the function as well as after it.
    """

    code = "GL506"
    name = "gradient-not-finite"
    severity = "error"
    needs = ("observed",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.observed is not None
        seen = evidence.observed
        if any(not math.isfinite(reading.second_moment) for reading in seen.values.values()):
            return
        strange = [
            path
            for path, reading in seen.weights.items()
            if not math.isfinite(reading.second_moment) and reading.sizes[-1]  # one without elements has no moments
        ]
        if not strange:
            return
        steps = [
            one.point
            for one in seen_steps(evidence)
            if one.point.value in seen.gradients and math.isnan(seen.gradients[one.point.value].second_moment)
        ]
        place = weight_of(evidence, steps[-1]) if steps else strange[-1]
        yield self.finding(
            place,
            "gets a gradient of NaN or infinity, though the loss is a number",
            remedy="keep what follows it away from where its slope has no bound, as a root at zero",
        )

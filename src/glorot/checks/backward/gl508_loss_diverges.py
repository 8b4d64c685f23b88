"""GL508: a loss that grows in the first steps, or becomes NaN or infinite."""

import math
from collections.abc import Iterator, Sequence

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence

MOST = 5.0
"""How many times its start a loss may reach."""


class LossDiverges(Check):
    """The loss grows to a multiple of its start in the first steps of training, or becomes NaN or infinite.

    What it does:
        Takes steps with the optimizer, on copies of model and optimizer, always on the same batch. A loss of NaN or
        infinity is an error. A loss is warned of if it is more than 5 times that at the start, and more than 5 times
        that of the best constant answer where it is known.

        Setting: `loss-diverges = 5`, how many times its start the loss may be.

    Why it matters:
        A step of gradient descent at a rate η lowers the loss as long as η < 2/λ, with λ the largest curvature; beyond
        that, each step overshoots farther. What the model learns afterwards starts from weights that nobody chose.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=30.0)
        >>> x, y = torch.randn(32, 64), torch.arange(32) % 10
        >>> finding = glorot.check(model, x, y, optimizer=optimizer, steps=5, select="GL508").findings[0]
        >>> print(finding.severity, finding.path, finding.why)
        warning loss grows in the first steps of training

    What to do:
        Lower the rate, warm it up or clip the gradient; where one step changes a weight by much (GL505), draw it at
        the scale of its fans. If the loss is NaN in half precision, use bfloat16 or scale the loss.

    References:
        Healthy models with usual optimizers, none of 225 runs warned of: benchmarks/results/first_steps.md.
    """

    code = "GL508"
    name = "loss-diverges"
    threshold = MOST
    needs = ("steps",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        steps, most = evidence.steps or (0.0,), self.limit(evidence)
        constant = math.nan if evidence.answer is None else evidence.answer.constant
        if not math.isfinite(steps[-1]) and len(steps) > 1:
            yield self.finding(
                "loss",
                f"is {steps[-1]:g} after {len(steps) - 1} step{'s' * (len(steps) > 2)} of training",
                severity="error",
                remedy="lower the rate, warm it up or clip the gradient",
            )
        elif figure(steps, constant) > most:
            yield self.finding(
                "loss",
                "grows in the first steps of training",
                figure=figure(steps, constant),
                expected=f"less than its start, at most {most:g} times that",
                remedy="lower the rate, warm it up or clip the gradient",
            )


def figure(steps: Sequence[float], constant: float = math.nan) -> float:
    """Return the largest loss over that at the start, or that of the best constant answer; NaN if not positive."""
    base = max(steps[0], constant if math.isfinite(constant) else 0.0)
    return max(steps) / base if base > 0 else math.nan

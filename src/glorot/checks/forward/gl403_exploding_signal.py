"""GL403: signals that grow from layer to layer."""

import math
from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.trends import EXPECTED, REMEDY, trends
from glorot.probe.steps import StepSignal

MOST = 100.0
"""How many times the signal at the start of a chain that at its end may be."""

GROWS = 1.25
"""The factor above which a layer counts among those that make the signal grow: 1.25²⁰ is a hundred."""


class ExplodingSignal(Check):
    """The signal grows from layer to layer.

    What it does:
        Follows the root mean square of what kernels make, along each chain of three kernels or more without a norm or a
        residual sum between them; a head at the end is left out. Found is a chain at whose end it is a hundred times
        what it is at its start, if several layers share in it.

        Setting: `exploding-signal = 100`, how many times the signal may grow.

    Why it matters:
        Logits of a thousand give a first loss of a thousand and a softmax without gradient; half precision overflows
        soon after. A step that suits the weights of one layer is then far off for another.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> layers = [layer for _ in range(6) for layer in (torch.nn.Linear(64, 64), torch.nn.ReLU())]
        >>> model = torch.nn.Sequential(*layers, torch.nn.Linear(64, 10))
        >>> for layer in model[::2]:
        ...     _ = torch.nn.init.normal_(layer.weight)
        >>> finding = glorot.check(model, torch.randn(32, 64), select="GL403").findings[0]
        >>> print(finding.path, finding.why)
        2.weight, 4.weight, 6.weight, 8.weight, 10.weight makes the signal grow, to more than 100 times at 6

    What to do:
        Draw the layers by their fans and activations: `glorot.initialize(model, "auto", seed=0)`; He's law after a
        ReLU, Xavier's or LeCun's otherwise.

    References:
        He et al. (2015), "Delving Deep into Rectifiers", section 2.2.
    """

    code = "GL403"
    name = "exploding-signal"
    threshold = MOST
    mended_by_drawing = True
    needs = ("observed", "signal")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        most = self.limit(evidence)
        for trend in trends(evidence, _size, most, GROWS):
            why = f"makes the signal grow, to more than {most:g} times at {trend.place}"
            yield self.finding(trend.blamed, why, figure=trend.change, expected=EXPECTED, remedy=REMEDY)


def _size(step: StepSignal) -> float:
    return math.sqrt(step.second_moment) if step.second_moment >= 0 else math.nan

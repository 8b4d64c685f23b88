"""GL503: gradients that grow from layer to layer."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.trends import EXPECTED, REMEDY, trends

MOST = 100.0
"""How many times the gradient at the end of a chain that at its start may be."""

GROWS = 1.25
"""The factor above which a layer counts among those that make the gradient grow: 1.25²⁰ is a hundred."""


class ExplodingGradient(Check):
    """The gradient grows from layer to layer on its way back.

    What it does:
        Follows the root mean square of ∂loss/∂z, z what a kernel makes, along each chain of three kernels or more
        without a norm or a residual sum between them. Found is a chain at whose start it is a hundred times larger than
        at its end, if several layers share in it.

        Setting: `exploding-gradient = 100`, how many times the gradient may grow.

    Why it matters:
        One rate cannot serve the first layers and the last ones, and the first step throws the first layers away.
        Clipping the gradient then clips what the last layers should learn.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> layers = [layer for _ in range(8) for layer in (torch.nn.Linear(64, 64), torch.nn.ReLU())]
        >>> model = torch.nn.Sequential(*layers, torch.nn.Linear(64, 10))
        >>> for layer in model[::2]:
        ...     _ = torch.nn.init.normal_(layer.weight, std=0.5)
        >>> finding = glorot.check(model, torch.randn(32, 64), select="GL503").findings[0]
        >>> print(finding.path, finding.why)
        2.weight, 4.weight … 14.weight (7) makes the gradient grow on its way back, to more than 100 times at 4

    What to do:
        Draw the layers by their fans: `glorot.initialize(model, "auto", seed=0)`.

    References:
        Glorot & Bengio (2010), section 4.2.
    """

    code = "GL503"
    name = "exploding-gradient"
    threshold = MOST
    mended_by_drawing = True
    needs = ("observed", "signal")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        most = self.limit(evidence)
        for trend in trends(evidence, lambda step: step.gradient_std, most, GROWS, back=True):
            why = f"makes the gradient grow on its way back, to more than {most:g} times at {trend.place}"
            yield self.finding(trend.blamed, why, figure=trend.change, expected=EXPECTED, remedy=REMEDY)

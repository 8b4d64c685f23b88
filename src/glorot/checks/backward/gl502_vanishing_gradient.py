"""GL502: gradients that shrink from layer to layer."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.trends import EXPECTED, REMEDY, trends

LEAST = 0.01
"""The share of the gradient at the end of a chain that must be left at its start: at a hundredth, the squared gradient
of the first layer is a ten-thousandth of the last one's."""

SHRINKS = 0.8
"""The factor below which a layer counts among those that shrink the gradient: 0.8²⁰ is a hundredth."""


class VanishingGradient(Check):
    """The gradient shrinks from layer to layer on its way back.

    What it does:
        Follows the root mean square of ∂loss/∂z, z what a kernel makes, along each chain of three kernels or more
        without a norm or a residual sum between them. Found is a chain at whose start less than a hundredth of it is
        left, if several layers share in it.

        Setting: `vanishing-gradient = 0.01`, the share that must be left.

    Why it matters:
        The first layers then hardly learn while the last ones do. Each layer multiplies the gradient by
        √(fan_out · σ² · E φ′²): a factor of 0.6, as that of PyTorch's default in a tanh net, leaves 0.002 after twelve
        layers.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> layers = [layer for _ in range(12) for layer in (torch.nn.Linear(64, 64), torch.nn.Sigmoid())]
        >>> model = torch.nn.Sequential(*layers, torch.nn.Linear(64, 10))
        >>> finding = glorot.check(model, torch.randn(32, 64), select="GL502").findings[0]
        >>> print(finding.path, finding.why)
        2.weight, 4.weight … 22.weight (11) shrinks the gradient on its way back, of which less than 0.01 is left at 16

    What to do:
        Draw the layers so that E z² and the gradient keep their size: `glorot.initialize(model, "auto", seed=0)`. Deep
        nets of sigmoids need residual sums or norms besides.

    References:
        Glorot & Bengio (2010), section 4.2.
    """

    code = "GL502"
    name = "vanishing-gradient"
    threshold = LEAST
    mended_by_drawing = True
    needs = ("observed", "signal")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        least = self.limit(evidence)
        for trend in trends(evidence, lambda step: step.gradient_std, least, SHRINKS, back=True):
            why = f"shrinks the gradient on its way back, of which less than {least:.2g} is left at {trend.place}"
            yield self.finding(trend.blamed, why, figure=trend.change, expected=EXPECTED, remedy=REMEDY)

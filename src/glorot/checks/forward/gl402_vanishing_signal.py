"""GL402: signals that shrink from layer to layer."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.trends import EXPECTED, REMEDY, trends

LEAST = 0.01
"""The share of the signal at the start of a chain that must be left at its end: at a hundredth, what a bias of any size
adds is more."""

SHRINKS = 0.8
"""The factor below which a layer counts among those that shrink the signal: 0.8²⁰ is a hundredth."""


class VanishingSignal(Check):
    """The signal shrinks from layer to layer.

    What it does:
        Follows the standard deviation across examples of what kernels make, along each chain of three kernels or more
        without a norm or a residual sum between them; a head at the end is left out. Found is a chain at whose end less
        than a hundredth is left, if several layers share in it. It names the layers that shrink it, and the first place
        where so little is left.

        Setting: `vanishing-signal = 0.01`, the share that must be left.

    Why it matters:
        What differs between examples is all that a net can learn from. If each layer loses a part of it, the last ones
        see nearly the same whatever the input, and the net learns the mean answer until the first layers have grown.
        PyTorch's default keeps a factor of 0.58 per layer of a tanh net, which is 0.002 after twelve.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> layers = [layer for _ in range(12) for layer in (torch.nn.Linear(64, 64), torch.nn.Tanh())]
        >>> model = torch.nn.Sequential(*layers, torch.nn.Linear(64, 10))
        >>> finding = glorot.check(model, torch.randn(32, 64), select="GL402").findings[0]
        >>> print(finding.path, finding.why)
        2.weight, 4.weight … 22.weight (11) shrinks the signal, of which less than 0.01 is left at 16

    What to do:
        Draw the layers by their fans and activations: `glorot.initialize(model, "auto", seed=0)`; He's law after a
        ReLU, Xavier's with a gain of 5/3 for tanh. Deep nets of sigmoids need residual sums or norms besides.

    References:
        Glorot & Bengio (2010), section 4.2.
    """

    code = "GL402"
    name = "vanishing-signal"
    threshold = LEAST
    mended_by_drawing = True
    needs = ("observed", "signal")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        least = self.limit(evidence)
        for trend in trends(evidence, lambda step: step.std_across, least, SHRINKS):
            why = f"shrinks the signal, of which less than {least:.2g} is left at {trend.place}"
            yield self.finding(trend.blamed, why, figure=trend.change, expected=EXPECTED, remedy=REMEDY)

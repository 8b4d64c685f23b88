"""GL403: signals that grow from layer to layer."""

import math
from collections.abc import Iterator
from itertools import pairwise

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.chains import Seen, chains, multiplies, weight_of
from glorot.checks.evidence import Evidence

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
    needs = ("observed", "signal")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        most = evidence.setting(self.name, MOST)
        for chain in chains(evidence):
            figures = [_size(one) for one in chain]
            if not multiplies(figures) or figures[-1] < most * figures[0]:
                continue
            place = next(one for one in chain if _size(one) >= most * figures[0])
            yield self.finding(
                [weight_of(evidence, one.point) for one in _between(chain)],
                f"makes the signal grow, to more than {most:g} times at {place.step.name}",
                figure=figures[-1] / figures[0],
                expected="about 1 over the chain",
                remedy="draw the layers by their fans and activations, as glorot.initialize does",
            )


def _size(one: Seen) -> float:
    return math.sqrt(one.step.second_moment) if one.step.second_moment >= 0 else math.nan


def _between(chain: list[Seen]) -> list[Seen]:
    """Return the kernels of a chain that make the signal grow; all after the first, if none does alone."""
    pairs = pairwise(chain)
    return [after for before, after in pairs if _size(after) > GROWS * _size(before)] or chain[1:]

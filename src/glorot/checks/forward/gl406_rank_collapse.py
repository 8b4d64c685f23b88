"""GL406: examples, or positions, that become one and the same."""

import math
from collections.abc import Iterator
from itertools import takewhile

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.chains import Seen, seen_steps, weight_of
from glorot.checks.evidence import Evidence

MOST = 0.99
"""The correlation from which examples count as one: what differs between them is then a tenth of what they share."""

LEAST = 0.9
"""The correlation at the first layer above which the examples of the batch are alike from the start."""

FOLLOWED = ("kernel", "curve", "sum", "normalised", "attention")
"""Kinds of steps whose correlation is followed."""


class RankCollapse(Check):
    """Examples that differ become alike on their way through the model.

    What it does:
        Follows the correlation between examples, and in models with attention that between positions, from step to
        step. Found is a model in which it is below 0.9 at the first layer and above 0.99 from some step on up to the
        end; the first such step is named. A head at the end is left out, and so is a last layer of zeros, as that of a
        box in DETR. Where the signal vanishes as well, GL402 says so alone.

        Setting: `rank-collapse = 0.99`, the largest correlation.

    Why it matters:
        What all examples share carries no information. In deep nets without residual sums the correlation goes to 1
        where σ_w and σ_b are in the ordered phase, and in stacks of attention without them all positions become one.
        Gradients of different examples are then the same, so that a batch teaches what one example does.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> layers = [layer for _ in range(8) for layer in (torch.nn.Linear(64, 64), torch.nn.Tanh())]
        >>> model = torch.nn.Sequential(*layers, torch.nn.Linear(64, 10))
        >>> for layer in model[::2]:
        ...     _ = torch.nn.init.normal_(layer.bias, std=0.7)
        >>> print(glorot.check(model, torch.randn(32, 64), select="GL406").findings[0])
        GL406 warning: 6: makes the examples alike, and so they stay to the end (0.998, expected less than 0.99)

    What to do:
        Start biases at zero and draw kernels for the activation that follows, at the edge of chaos:
        `glorot.initialize(model, "auto", seed=0)`. Keep residual sums around attention.

    References:
        Schoenholz et al. (2017), "Deep Information Propagation"; Dong et al. (2021), "Attention Is Not All You Need:
        Pure Attention Loses Rank Doubly Exponentially with Depth".
    """

    code = "GL406"
    name = "rank-collapse"
    threshold = MOST
    needs = ("observed", "signal")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        most = self.limit(evidence)
        steps = [one for one in seen_steps(evidence) if one.point.kind in FOLLOWED and not one.step.is_output]
        names = {"examples": "correlation"}
        if any(one.point.kind == "attention" for one in steps):
            names["positions of an example"] = "position_correlation"
        for what, figure in names.items():
            rows = [(one, getattr(one.step, figure)) for one in steps]
            rows = [(one, value) for one, value in rows if not math.isnan(value)]
            end = _end_of(rows, most)
            first = end[0] if end else None
            if first is None or rows[0][1] > LEAST or _has_vanished(first, rows[0][0]) or _is_closed(evidence, end):
                continue
            yield self.finding(
                first.step.name,
                f"makes the {what} alike, and so they stay to the end",
                figure=getattr(first.step, figure),
                expected=f"less than {most:g}",
                remedy='start biases at zero and draw kernels for what follows, as glorot.initialize(model, "auto", '
                "seed=0) does",
            )


def _end_of(rows: list[tuple[Seen, float]], most: float) -> list[Seen]:
    """Return the last steps, as many as are all above a correlation."""
    end = [one for one, _ in takewhile(lambda row: row[1] > most, reversed(rows))]
    return end[::-1]


def _is_closed(evidence: Evidence, end: list[Seen]) -> bool:
    """Tell whether nothing but kernels of zeros and functions of their results are alike: an end that starts closed."""
    return all(_holds_zeros(evidence, weight_of(evidence, one.point)) for one in end)


def _holds_zeros(evidence: Evidence, path: str) -> bool:
    return path in evidence.weights and evidence.largest(path) == 0


def _has_vanished(one: Seen, start: Seen) -> bool:
    """Tell whether what differs between examples is small beside that at the start, which GL402 says."""
    return bool(one.step.std_across < 0.02 * start.step.std_across)

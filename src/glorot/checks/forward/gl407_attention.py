"""GL407: attention that picks one position."""

import math
from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.chains import Seen, seen_steps
from glorot.checks.evidence import Evidence
from glorot.checks.logits import behind_logits

LEAST_KEYS = 8
"""Positions from which on a choice among them is judged."""

PICKED = 1.5
"""Positions that a query attends to, on average, at or below which it picks one."""

UNIFORM = 1e-3
"""The relative spread of the weights of attention at or below which it averages all, whatever the inputs."""


class Attention(Check):
    """Attention starts by picking one position, or by averaging all whatever the input.

    What it does:
        Reads the weights p of each softmax that attention follows. 1/Σp² is how many positions a query attends to;
        found is a mean of 1.5 or less among eight or more. A spread across examples of less than a thousandth of the
        mean weight is noted. Blamed is what makes the logits wide: a temperature or a bias of theirs, or the kernels of
        queries and keys. Where PyTorch computes softmax and attention as one, as its scaled_dot_product_attention
        does, the weights of up to 128 queries of each head are computed again.

        Setting: `attention = 1.5`, the number of positions at or below which one is picked.

    Why it matters:
        A softmax that picks one position passes hardly any gradient to queries and keys, so the choice that chance made
        stays. It happens where queries or keys were drawn far too large, or the logits lack their 1/√d. Attention that
        averages all is how most transformers start; only where nothing at all differs do queries and keys wait for
        each other.

    Example that fails:
        >>> import glorot, torch
        >>> class Attend(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.q, self.k, self.v = (torch.nn.Linear(64, 64) for _ in "qkv")
        ...     def forward(self, x):
        ...         return (self.q(x) @ self.k(x).mT / 8).softmax(-1) @ self.v(x)
        >>> _ = torch.manual_seed(0)
        >>> model = Attend()
        >>> for layer in (model.q, model.k):
        ...     _ = torch.nn.init.normal_(layer.weight)
        >>> print(glorot.check(model, torch.randn(4, 16, 64), select="GL407").findings[0])
        GL407 warning: q.weight, k.weight: makes the logits so wide that attention picks one position for each query
        (1.018, expected several of 16 positions in softmax 1)

    What to do:
        Draw queries and keys by their fans, so that logits have a variance of about 1 or less, and divide them by √d.

    References:
        Zhai et al. (2023), "Stabilizing Transformer Training by Preventing Attention Entropy Collapse".
    """

    code = "GL407"
    name = "attention"
    threshold = PICKED
    needs = ("observed", "signal")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        for one in _weights(evidence):
            mean, square = one.step.mean, one.step.second_moment
            if not 0 < mean < 1 / LEAST_KEYS or not square > 0:
                continue
            attended = mean / square
            if attended <= self.limit(evidence) and not _sees_one(evidence, one):
                blamed = behind_logits(evidence, one.point.value)
                why = "makes the logits so wide that attention picks one position for each query"
                yield self.finding(
                    blamed or one.step.name,
                    why if blamed else "picks one position for each query",
                    figure=attended,
                    expected=f"several of {1 / mean:.0f} positions" + (f" in {one.step.name}" if blamed else ""),
                    remedy="draw queries and keys by their fans, divide the logits by √d, start a temperature near 1",
                )
            elif (
                attended > self.limit(evidence)
                and one.step.std <= UNIFORM * mean
                and one.step.std_across <= UNIFORM * mean
            ):
                yield self.finding(
                    one.step.name,
                    "averages all positions, whatever the input",
                    figure=one.step.std / mean,
                    expected=f"a relative spread above {UNIFORM:g}",
                    remedy="draw queries and keys larger if they learn too late",
                    severity="note",
                )


def _sees_one(evidence: Evidence, one: Seen) -> bool:
    """Tell whether a mask leaves each query one position: the same one in every example."""
    sample = None if evidence.observed is None else evidence.observed.values[one.point.value].sample
    return sample is not None and len(sample) > 1 and float((sample > 0).any(axis=0).sum(axis=-1).mean()) <= PICKED


def _weights(evidence: Evidence) -> Iterator[Seen]:
    """Yield each softmax that attention follows before another softmax does."""
    last = None
    for one in seen_steps(evidence):
        if one.point.kind == "softmax":
            last = one
        elif one.point.kind == "attention" and last is not None and math.isfinite(last.step.second_moment):
            yield last
            last = None

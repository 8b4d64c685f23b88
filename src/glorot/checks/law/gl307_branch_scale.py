"""GL307: residual branches that are not scaled down with depth."""

import math
import statistics
from collections.abc import Iterator, Sequence

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.law.measures import Measured, drawn, is_settled

FEWEST = 12
"""Branches of a stream from which on depth matters: six blocks of attention and MLP."""

LARGEST = 2.0
"""How many times 1/√branches the ends may be; between the 1 of GPT-2's rule and the 3.5 of twelve unscaled ones."""


class BranchScale(Check):
    """The residual branches of a deep model are not scaled down with depth.

    What it does:
        Of streams with 12 residual branches or more, compares the kernels that end the branches with the kernels inside
        them: in std, and in std·√fan_in. Found are streams whose ends are more than twice 1/√branches of the others in
        both. Branches that end in a norm, in a layer scale or in zeros, and streams that are normalised after every
        branch, are let pass.

        Setting: `branch-scale = 2`, how many times 1/√branches the ends may be.

    Why it matters:
        Every branch adds its variance to the stream, so that n branches of variance v end at 1 + n·v: late layers see a
        stream in which their own branch hardly matters, and the gradient of early ones grows. GPT-2 therefore draws
        the ends with std 0.02/√n, others with zeros. The scale is easily lost where it waits for a name.

    Example that fails:
        >>> import glorot, torch
        >>> class Branch(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.norm, self.up = torch.nn.LayerNorm(64), torch.nn.Linear(64, 64)
        ...         self.down = torch.nn.Linear(64, 64)
        ...     def forward(self, x):
        ...         return x + self.down(torch.relu(self.up(self.norm(x))))
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Sequential(*[Branch() for _ in range(24)])
        >>> print(glorot.check(model, torch.randn(4, 64), select="GL307").findings[0])
        GL307 warning: 0.down.weight, 1.down.weight … 23.down.weight (24): end 24 residual branches and are not scaled
        down with their number (1.004, expected about 1/√24 = 0.204 of the std of the other kernels)

    What to do:
        Multiply the std of the last kernel of each branch by 1/√n, n the number of branches of the stream (twice the
        number of blocks of a transformer), or start it at zero. `glorot.initialize(model, "auto", seed=0)` does so.

    References:
        Radford et al. (2019), "Language Models are Unsupervised Multitask Learners", section 2.3; the training with
        and without: benchmarks/results/branch_ends.md.
    """

    code = "GL307"
    name = "branch-scale"
    threshold = LARGEST

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        most = self.limit(evidence)
        ends: dict[int, list[Measured]] = {}
        for one in drawn(evidence):
            if one.part.branch is not None and one.part.branch.count >= FEWEST and not one.part.is_rescaled:
                ends.setdefault(one.part.branch.stream, []).append(one)
        inside = [
            one for one in drawn(evidence) if one.part.branch is None and one.part.purpose not in ("head", "shortcut")
        ]
        for kernels in ends.values():
            places = {one.part.branch for one in kernels if one.part.branch is not None}
            settled = [one for one in kernels if is_settled(evidence.folded, one.part.path)]
            few = max(len(places), sum(map(_stacked, kernels))) < FEWEST
            if few or not inside or 2 * len(settled) > len(kernels):
                continue
            count = places.pop().count
            ratio = math.sqrt(count) * min(_ratio(kernels, inside, by_fan) for by_fan in (False, True))
            if ratio > most:
                yield self.finding(
                    [one.part.name for one in kernels],
                    f"end {count} residual branches and are not scaled down with their number",
                    figure=ratio / math.sqrt(count),
                    expected=f"about 1/√{count} = {1 / math.sqrt(count):.3g} of the std of the other kernels",
                    remedy=f"multiply their std by 1/√{count}, or start them at zero",
                )


def _stacked(one: Measured) -> int:
    """Return how many branches the kernels in a stack end, as those of a loop over layers; 1 of a kernel by itself."""
    part = one.part
    copies = math.prod(size for axis, size in zip(part.axes, part.shape, strict=True) if axis == "b")
    return copies if part.branch is not None and part.branch.count % copies == 0 else 1


def _ratio(ends: Sequence[Measured], inside: Sequence[Measured], by_fan: bool) -> float:
    """Return how large the ends are over the kernels inside: the ratio of the medians of std, or of std·√fan_in."""

    def size(one: Measured) -> float:
        fans = one.part.fans
        return one.spread.std * (math.sqrt(fans.fan_in) if by_fan and fans is not None else 1.0)

    return statistics.median(map(size, ends)) / statistics.median(map(size, inside))

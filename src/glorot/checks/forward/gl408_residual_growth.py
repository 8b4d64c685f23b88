"""GL408: a residual stream that grows too fast."""

import math
from collections.abc import Iterator
from itertools import pairwise

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.chains import Seen, seen_steps
from glorot.checks.evidence import Evidence

MOST = 10.0
"""How many times its first sum a stream may be at its last one."""

PER_SUM = 1.25
"""The factor per sum above which growth is that of a product: branches as large as the stream make it √2."""

LEAST = 4
"""Sums from which on a stream has a trend."""


class ResidualGrowth(Check):
    """The residual stream grows from sum to sum, by a factor each time.

    What it does:
        Follows the root mean square of the residual stream from its first sum to its last. Found is a stream that grows
        tenfold and by a quarter or more per sum, in at least four sums: branches of one size make it grow as the root
        of their number, which is far less.

        Setting: `residual-growth = 10`, how many times the stream may grow.

    Why it matters:
        Without a norm in its branches each block adds as much as it gets, and the stream doubles its variance every
        time: after thirty blocks it is 30,000 times as large. The last blocks then decide all, and gradients explode.

    Example that fails:
        >>> import glorot, torch
        >>> class Block(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.up, self.down = torch.nn.Linear(64, 64), torch.nn.Linear(64, 64)
        ...     def forward(self, x):
        ...         return x + self.down(torch.relu(self.up(x)))
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Sequential(*[Block() for _ in range(12)])
        >>> for layer in model:
        ...     for kernel in (layer.up, layer.down):
        ...         _ = torch.nn.init.kaiming_normal_(kernel.weight)
        >>> print(glorot.check(model, torch.randn(8, 64), select="GL408").findings[0].why)
        is a residual stream that every branch multiplies

    What to do:
        Scale the last kernel of each branch by 1/√(number of branches), or start it at zero; or put a norm at the start
        of each branch. `glorot.initialize(model, "auto", seed=0, inputs=batch)` scales branches that it sees.

    References:
        Zhang, Dauphin & Ma (2019), "Fixup Initialization: Residual Learning Without Normalization".
    """

    code = "GL408"
    name = "residual-growth"
    threshold = MOST
    needs = ("observed", "signal")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        most = self.limit(evidence)
        for stream in _streams(evidence):
            sizes = [math.sqrt(one.step.second_moment) for one in stream]
            growth = sizes[-1] / sizes[0]
            steps = [after / before for before, after in pairwise(sizes)]
            if growth < most or growth < PER_SUM ** len(steps) or growth / max(steps) < math.sqrt(most):
                continue
            place = next(one for one, size in zip(stream, sizes, strict=True) if size >= most * sizes[0])
            yield self.finding(
                place.step.name,
                "is a residual stream that every branch multiplies",
                figure=growth,
                expected=f"about {math.sqrt(len(sizes)):.2g} times its first sum, at most {most:g}",
                remedy="scale the last kernel of each branch by 1/√(number of branches), or start it at zero",
            )


def _streams(evidence: Evidence) -> Iterator[list[Seen]]:
    """Yield the sums that follow one another without a norm of the stream itself between them."""
    assert evidence.observed is not None
    folded = evidence.observed.folded
    sums = {one.point.value: one for one in seen_steps(evidence) if one.point.kind == "sum"}
    rows: dict[int, list[Seen]] = {}
    for value, one in sums.items():
        if not one.step.second_moment > 0 or not math.isfinite(one.step.second_moment):
            continue
        step = folded.makers.of(value)
        before = [row for at in (() if step is None else folded.data_of(step)) if (row := rows.get(folded.back(at)))]
        longest = max(before, key=len, default=[])
        rows[value] = [*longest, one]
    inner = {one.point.value for row in rows.values() for one in row[:-1]}
    yield from (row for value, row in rows.items() if value not in inner and len(row) >= LEAST)

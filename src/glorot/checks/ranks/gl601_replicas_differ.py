"""GL601: replicas that are different models."""

from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.ranks.shards import on_ranks, same


class ReplicasDiffer(Check):
    """Ranks that should hold the same numbers hold different ones.

    What it does:
        Compares, element by element, what those ranks hold that have the whole of a parameter, or the same part of it,
        as the shapes tell. Running statistics, which each rank gathers, are let pass.

    Why it matters:
        Data-parallel training averages gradients and takes for granted that all replicas have the same weights. If they
        start apart, they stay apart: the gradient of each is that of another model. It happens where the seed holds the
        global rank and nothing broadcasts, as in hybrid sharding.

    Example that fails:
        >>> import glorot, torch
        >>> layers = [torch.nn.Linear(4, 4, bias=False) for _ in range(2)]
        >>> report = glorot.check(layers[0], ranks=[one.state_dict() for one in layers], select="GL601")
        >>> report.findings[0].path, report.findings[0].why
        ('weight', 'differs between replicas')

    What to do:
        Broadcast from one rank after the init, or draw by name: `glorot.apply(plan, model, seed=0)` gives each rank the
        same numbers without talking to others.
    """

    code = "GL601"
    name = "replicas-differ"
    severity = "error"
    mended_by_drawing = True
    needs = ("ranks",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        for one in on_ranks(evidence):
            pairs = [(ranks[0], other) for ranks in one.members for other in ranks[1:]]
            apart = [pair for pair in pairs if not same(one.pieces[pair[0]], one.pieces[pair[1]])]
            if apart:
                first, other = apart[0]
                yield self.finding(
                    one.parameter.path,
                    "differs between replicas",
                    remedy="broadcast it from one rank after the init, or draw it by name: glorot.apply does",
                    figure=_farthest(one.pieces[first], one.pieces[other]),
                    expected="no difference",
                    severity="warning" if "expert" in one.parameter.path.lower() else None,  # each rank may own some
                )


def _farthest(one: Array, other: Array) -> float:
    return float(np.max(np.abs(one.astype(np.float64) - other.astype(np.float64)), initial=0.0))

"""GL601: replicas that are different models."""

import re
from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.looks import looks_drawn
from glorot.checks.ranks.shards import buffers_on_ranks, on_ranks, same

OWN = re.compile(
    r"running|moving|tracked|(^|_)(means?|vars?|std|avg|averages?|ema|amax|min|max|scales?|zero_points?|states?|caches?|"
    r"queues?|ptr|counts?|usage|cluster|steps?|ranks?|local|experts?|shards?|offsets?|rng|seeds?)(_|\d|$)",
    re.IGNORECASE,
)
"""Names of buffers that a rank fills by itself: statistics, counters, caches, and what says which part it holds."""

LEAST_SWITCHES = 64
"""Switches, yes or no, of which a mask that was drawn has more."""


class ReplicasDiffer(Check):
    """Ranks that should hold the same numbers hold different ones.

    What it does:
        Compares, element by element, what those ranks hold that have the whole of a parameter, or the same part of it,
        as the shapes tell; and buffers that hold random numbers, such as fixed projections. Running statistics,
        counters and caches, which each rank gathers, are let pass.

    Why it matters:
        Data-parallel training averages gradients and takes for granted that all replicas have the same weights. If they
        start apart, they stay apart: the gradient of each is that of another model. It happens where the seed holds the
        global rank and nothing broadcasts, as in hybrid sharding. A buffer that was drawn, as random features or a
        random quantizer, is often left out where the weights alone are broadcast; that it differs is a warning, for
        `DistributedDataParallel` sends buffers from the first rank unless it is told not to.

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
        for path, pieces in buffers_on_ranks(evidence):
            others = [one for one in pieces[1:] if not same(pieces[0], one)]
            if others and not OWN.search(path.rpartition(".")[2]) and (_is_drawn(pieces[0]) or _is_drawn(others[0])):
                yield self.finding(
                    path,
                    "is a buffer that was drawn, and differs between ranks",
                    remedy="broadcast it from one rank after the init, as the weights, or draw it from one seed",
                    figure=_farthest(pieces[0], others[0]),
                    expected="no difference",
                    severity="warning",
                )


def _is_drawn(values: Array) -> bool:
    """Tell whether a buffer may hold random numbers, or switches set at random."""
    if values.dtype.kind == "b":
        return values.size >= LEAST_SWITCHES and 0 < values.mean() < 1
    return values.dtype.kind in "fciu" and looks_drawn(values)


def _farthest(one: Array, other: Array) -> float:
    exact = np.complex128 if "c" in (one.dtype.kind, other.dtype.kind) else np.float64
    return float(np.max(np.abs(one.astype(exact) - other.astype(exact)), initial=0.0))

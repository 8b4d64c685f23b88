"""Blends: sums g·a + (1 − g)·b by a gate g between 0 and 1, as that by which a GRU keeps part of its state."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from glorot.graph.folding import Folded
from glorot.graph.operations import Broadcast, Flip, Map, Permute, Reshape, Slice

Z = np.linspace(-4, 4, 9)


class _Term(NamedTuple):
    """A product of a gate and what it lets through."""

    gate: int
    other: int


def state_of(folded: Folded, value: int) -> int | None:
    """Return what a state takes on in each turn of a loop, if a value is such a state; else None.

    h′ = g·a + (1 − g)·h, where h is a state of the same kind or what the loop starts from. It is a mean of all a so
    far, and no larger than they are.

    Args:
        folded: the graph.
        value: a value that depends on the batch.

    Returns:
        a in the last of these turns.
    """
    taken: int | None = None
    for _ in range(len(folded.graph.steps)):
        pair = _blended(folded, value)
        if pair is None:
            return None
        starts = [one for one in pair if _is_start(folded, one, value)]
        states = starts or [one for one in pair if _blended(folded, one) is not None]
        if len(states) != 1:
            return None
        taken = next(one for one in pair if one != states[0]) if taken is None else taken
        if starts:
            return taken
        value = states[0]
    return None


def _is_start(folded: Folded, value: int, state: int) -> bool:
    """Tell whether a value is what a loop starts from, or what its first turn made of that for a later state."""
    settling = folded.graph.settling
    return value not in folded.source or (value in settling and state not in settling)


def _blended(folded: Folded, value: int) -> tuple[int, int] | None:
    """Return the two values that a value is a blend of, if it is one."""
    step = folded.makers.of(_unmoved(folded, value))
    if step is None or step.operation != Map("add"):
        return None
    one, other = step.operands
    for first in _terms(folded, one):
        for second in _terms(folded, other):
            if _share(folded, first.gate, second.gate):
                return first.other, second.other
    for near, far in ((one, other), (other, one)):
        for term in _terms(folded, far):  # a + g·(b − a)
            apart = folded.makers.of(term.other)
            if apart is None or apart.operation != Map("sub"):
                continue
            if _is_same(folded, apart.operands[1], near) and _share(folded, term.gate, None):
                return near, apart.operands[0]
    return None


def _is_same(folded: Folded, one: int, other: int) -> bool:
    """Tell whether two values are one, or hold one number: zeros that a loop starts from may be made for each use."""
    return one == other or (folded.number(one) is not None and folded.number(one) == folded.number(other))


def _terms(folded: Folded, value: int) -> Iterator[_Term]:
    step = folded.makers.of(_unmoved(folded, value))
    if step is not None and step.operation == Map("mul"):
        one, other = step.operands
        yield _Term(one, other)
        yield _Term(other, one)


def _share(folded: Folded, gate: int, rest: int | None) -> bool:
    """Tell whether a gate lies between 0 and 1, and the other, if there is one, is what it leaves."""
    values = [gate] if rest is None else [gate, rest]
    sources = {folded.back(one) if one in folded.source else None for one in values}
    source = sources.pop()
    if sources or source is None:
        return False
    shares = [folded.curve(one, source)(Z) for one in values]
    is_share = all(bool(np.all((share >= 0) & (share <= 1))) for share in shares)
    return is_share and (rest is None or bool(np.allclose(sum(shares), 1, atol=1e-5)))


def _unmoved(folded: Folded, value: int) -> int:
    """Return what a value was before it was moved."""
    step = folded.makers.of(value)
    while step is not None and isinstance(step.operation, Reshape | Permute | Broadcast | Slice | Flip):
        value = step.operands[0]
        step = folded.makers.of(value)
    return value

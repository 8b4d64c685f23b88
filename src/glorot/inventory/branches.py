"""Branches: which kernels end a residual branch, on which stream, and where on it; read from the sums of a graph."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from glorot.graph.curves import recognised
from glorot.graph.folding import Folded
from glorot.graph.operations import Map, Pool, Softmax, Take
from glorot.inventory.parts import Branch

PASSING = ("normalised", "centred", "mean", "extreme")
"""What a stream goes through on its way to the next merge, besides moves, scales and functions of each element."""

LINEAR = {"add", "sub", "mul", "div", "neg", "where"}

SHARES = {"sigmoid", "hard_sigmoid"}
"""Functions that weigh another signal: what they make ends no branch where there is that other signal."""


@dataclass(frozen=True)
class Merge:
    """A sum of a stream and what branches add to it.

    Attributes:
        result: the sum.
        anchor: the value of the stream that the branches start from.
        ends: the paths of the last kernels of its branches, and of the scales after them.
    """

    result: int
    anchor: int
    ends: tuple[str, ...]


def branches_of(folded: Folded) -> dict[str, Branch]:
    """Return, for each kernel that ends a residual branch and each scale after it, the place of that branch.

    A merge adds to a stream what was made of that stream by at least one kernel. The stream may be moved, scaled,
    normalised or projected by a shortcut's kernel on its way. A sum of two branches without a stream is no merge, nor
    are embeddings that are added, low-rank updates beside a kernel, and signals side by side.
    """
    merges = _merges(folded)
    streams: list[list[Merge]] = []
    stream_of: dict[int, int] = {}
    continued: set[int] = set()
    for merge in merges.values():
        before = _last_merge(folded, merges, merge.anchor)
        if before is None or before in continued:
            stream_of[merge.result] = len(streams)
            streams.append([])
        else:
            stream_of[merge.result] = stream_of[before]
            continued.add(before)
        streams[stream_of[merge.result]].append(merge)
    found: dict[str, Branch] = {}
    for number, stream in enumerate(streams, start=1):
        for index, merge in enumerate(stream, start=1):
            for path in merge.ends:
                found.setdefault(path, Branch(number, index, len(stream)))
    return found


def _merges(folded: Folded) -> dict[int, Merge]:
    """Return the merges of a graph by their results, in the order of execution."""
    merges: dict[int, Merge] = {}
    for step in folded.graph.steps:
        value = step.result
        if folded.kind.get(value) == "sum" and folded.source[value] == value and not _is_term(folded, value):
            merge = _merge(folded, merges, value)
            if merge is not None:
                merges[value] = merge
    return merges


def _is_term(folded: Folded, value: int) -> bool:
    """Tell whether a sum is only used as a term of another sum."""
    users = {folded.graph.steps[position].result for position, _ in folded.users[value]}
    if len(users) != 1:
        return False
    user = users.pop()
    if folded.kind.get(user) in ("move", "dropout") and folded.passes.get(user) == value:
        return _is_term(folded, user)
    return folded.kind.get(user) == "sum" and folded.source[user] == user


def _terms(folded: Folded, value: int) -> list[int]:
    """Return the terms of a sum, and those of sums that are only used as its terms."""
    step = folded.makers.of(value)
    assert step is not None
    terms = []
    for operand in folded.data_of(step):
        inner = operand
        while folded.kind.get(inner) in ("move", "dropout") and len(folded.users[inner]) == 1:
            inner = folded.passes[inner]
        is_sum = folded.kind.get(inner) == "sum" and folded.source[inner] == inner
        terms += _terms(folded, inner) if is_sum and _is_term(folded, inner) else [operand]
    return terms


def _merge(folded: Folded, merges: dict[int, Merge], value: int) -> Merge | None:
    """Return a sum as a merge; None if none of its terms is a stream that the others were made from."""
    terms = _terms(folded, value)
    before = {term: _last_merge(folded, merges, term, is_direct=True) for term in terms}
    streams = sorted(terms, key=lambda term: (-(-1 if before[term] is None else before[term] or 0), term))
    for is_projected in (False, True):
        for stream in streams:
            others = [term for term in terms if term != stream and before[term] is None]
            anchors = list(_chain(folded, stream, is_projected))
            found = [_branch(folded, value, term, anchors, is_projected) for term in others]
            anchored = [one for one in found if one is not None]
            if anchored:
                ends = dict.fromkeys(path for _, paths in anchored for path in paths)
                return Merge(value, max(anchor for anchor, _ in anchored), tuple(ends))
    return None


def _before(folded: Folded, value: int) -> int | None:
    """Return what a value was before it was last moved, scaled, normalised or put through a function."""
    if folded.source[value] != value:
        return folded.source[value]
    if value in folded.passes:
        return folded.passes[value]
    step = folded.makers.of(value)
    if step is None or folded.kind[value] not in PASSING:
        return None
    data = folded.data_of(step)
    return next((operand for operand in data if not folded.is_statistic(operand)), data[0])


def _chain(folded: Folded, value: int, is_projected: bool) -> Iterator[int]:
    """Follow a term back along its stream; if projected, what lies before the one kernel of a shortcut."""
    at: int | None = value
    while at is not None:
        if not is_projected:
            yield at
        elif folded.kind.get(at) == "kernel":
            signals = _signals(folded, at)
            if len(signals) == 1 and folded.has_kernel(signals[0]):
                yield from _chain(folded, signals[0], is_projected=False)
            return
        elif folded.source[at] != at and not _is_linear(folded, at):
            return
        at = _before(folded, at)


def _is_linear(folded: Folded, value: int) -> bool:
    match = recognised(folded.curve(value, folded.source[value]))
    return match is not None and match.text.rpartition("·")[2] == "identity"


def _signals(folded: Folded, value: int) -> list[int]:
    step = folded.makers.of(value)
    return [] if step is None else folded.data_of(step)


def _branch(
    folded: Folded, merge: int, term: int, anchors: Sequence[int], is_projected: bool
) -> tuple[int, list[str]] | None:
    """Return where a term left a stream and the paths that end it; None if no kernel made it from that stream."""
    reached = _cone(folded, term, min(anchors, default=term))
    anchor = next((one for one in anchors if one in reached and one != term), None)
    if anchor is None:
        return None
    between = _between(folded, anchor, sorted(reached))
    kernels = [value for value in between if folded.kind.get(value) == "kernel"]
    settling = folded.graph.settling
    if merge not in settling and not settling.isdisjoint(between):  # a state that comes back in the next turn of a loop
        return None
    if not kernels or (is_projected and (len(kernels) < 2 or not any(_bends(folded, value) for value in between))):
        return None
    return anchor, _ends(folded, between, term)


def _cone(folded: Folded, value: int, least: int) -> set[int]:
    """Return the values that a value is made of, none older than the least."""
    found, waiting = {value}, [value]
    while waiting:
        for operand in _signals(folded, waiting.pop()):
            if operand >= least and operand not in found:
                found.add(operand)
                waiting.append(operand)
    return found


def _between(folded: Folded, anchor: int, candidates: Iterable[int]) -> set[int]:
    """Return those of the candidates, given in order, that are made from an anchor."""
    found = {anchor}
    for value in candidates:
        if not found.isdisjoint(_signals(folded, value)):
            found.add(value)
    return found - {anchor}


def _bends(folded: Folded, value: int) -> bool:
    """Tell whether a value is made by more than sums, products with numbers, and norms."""
    step = folded.makers.of(value)
    match step.operation if step is not None else None:
        case Map(name):
            return name not in LINEAR and not folded.is_statistic(value)
        case Softmax() | Pool("max"):
            return True
    return False


def _ends(folded: Folded, between: set[int], term: int) -> list[str]:
    """Return the paths of the last kernels before a term, and of the scales after them."""
    found: list[str] = []
    reached, waiting = {term}, [-term]
    while waiting:
        value = -heapq.heappop(waiting)
        step = folded.makers.of(value)
        if step is None:
            continue
        is_kernel = folded.kind.get(value) == "kernel"
        if is_kernel or step.operation in (Map("mul"), Map("div")):
            found += [path for operand in step.operands for path in folded.parameters.get(operand, ())]
        if not is_kernel and folded.kind.get(value) != "embedding":
            signals = step.operands[:1] if isinstance(step.operation, Take) else folded.data_of(step)
            inner = [operand for operand in signals if operand in between and operand not in reached]
            for operand in [one for one in inner if not weighs(folded, one)] or inner:
                reached.add(operand)
                heapq.heappush(waiting, -operand)
    return found


def weighs(folded: Folded, value: int) -> bool:
    """Tell whether a value is a share of others: what a softmax or a sigmoid makes, chosen and divided as it may be."""
    at: int | None = value
    while at is not None:
        if folded.kind.get(at) == "softmax" or folded.is_statistic(at):
            return True
        if folded.source[at] != at:
            match = recognised(folded.curve(at, folded.source[at]))
            if match is not None and match.text.partition("(")[0].rpartition("·")[2] in SHARES:
                return True
        step = folded.makers.of(at)
        is_divided = step is not None and step.operation == Map("div") and folded.source[at] == at
        at = step.operands[0] if step is not None and is_divided else _before(folded, at)
        at = at if at in folded.source else None
    return False


def _last_merge(folded: Folded, merges: dict[int, Merge], value: int, is_direct: bool = False) -> int | None:
    """Return the last merge on the way to a value, with no kernel after it but that of a shortcut.

    Args:
        folded: the graph.
        merges: the merges found so far.
        value: a value of a stream.
        is_direct: whether only one signal is followed, not those side by side.
    """
    reached, waiting = {value}, [value]
    found: list[int] = []
    while waiting:
        at = waiting.pop()
        if at in merges:
            found.append(at)
            continue
        before = _before(folded, at)
        several = [] if is_direct or folded.kind.get(at) not in ("join", "sum") else _signals(folded, at)
        for operand in several if before is None else [before]:
            if operand not in reached:
                reached.add(operand)
                waiting.append(operand)
    return max(found, default=None)

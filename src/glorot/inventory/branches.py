"""Branches: which kernels end a residual branch, on which stream, and where on it; read from the sums of a graph."""

import heapq
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from glorot.graph.folding import Folded
from glorot.graph.operations import Map, Take
from glorot.inventory.parts import Branch
from glorot.inventory.walking import before, bends, between, cone, is_linear, signals_of, weighs

MOST_TRIED = 8
"""Terms of a sum that are tried as its stream, the likeliest first."""


@dataclass(frozen=True)
class Merge:
    """A sum of a stream and what branches add to it.

    Attributes:
        result: the sum.
        anchor: the value of the stream that the branches start from.
        ends: the paths of the last kernels of its branches, and of the scales after them.
        rescaled: those of these kernels that a norm or a scale follows, wherever they end a branch here.
        shortcut: the paths of the kernel that projects the stream beside them, and of the scales after that.
    """

    result: int
    anchor: int
    ends: tuple[str, ...]
    rescaled: frozenset[str] = frozenset()
    shortcut: tuple[str, ...] = ()


def branches_of(folded: Folded, merges: Sequence[Merge]) -> dict[str, Branch]:
    """Return, for each kernel that ends a residual branch and each scale after it, the place of that branch.

    A merge adds to a stream what was made of that stream by at least one kernel. The stream may be moved, scaled,
    normalised or projected by a shortcut's kernel on its way. A sum of two branches without a stream is no merge, nor
    are embeddings that are added, low-rank updates beside a kernel, and signals side by side.

    Args:
        folded: the graph.
        merges: its merges, as `merges_of` finds them.
    """
    results = {merge.result for merge in merges}
    streams: list[list[Merge]] = []
    stream_of: dict[int, int] = {}
    continued: set[int] = set()
    for merge in merges:
        last = _last_merge(folded, results, merge.anchor)
        if last is None or last in continued:
            stream_of[merge.result] = len(streams)
            streams.append([])
        else:
            stream_of[merge.result] = stream_of[last]
            continued.add(last)
        streams[stream_of[merge.result]].append(merge)
    found: dict[str, Branch] = {}
    for number, stream in enumerate(streams, start=1):
        counts = [_turns(folded, stream, merge) for merge in stream]
        for merge, before_it in zip(stream, accumulate(counts, initial=0), strict=False):
            for path in merge.ends:
                found.setdefault(path, Branch(number, before_it + 1, sum(counts)))
    return found


def _turns(folded: Folded, stream: Sequence[Merge], merge: Merge) -> int:
    """Return how many turns of a loop a merge stands for, if its stream goes on from turn to turn."""
    settling = folded.graph.settling
    goes_on = any(one.ends == merge.ends and one.result in settling for one in stream if one is not merge)
    return folded.graph.turns.get(merge.result, 1) if goes_on else 1


def merges_of(folded: Folded) -> list[Merge]:
    """Return the merges of a graph in the order of execution."""
    merges: dict[int, Merge] = {}
    for step in folded.graph.steps:
        value = step.result
        if _is_sum(folded, value) and not _is_term(folded, value):
            merge = _merge(folded, merges, value)
            if merge is not None:
                merges[value] = merge
    return list(merges.values())


def _is_term(folded: Folded, value: int) -> bool:
    """Tell whether a sum is only used as a term of another sum."""
    while len(users := {folded.graph.steps[position].result for position, _ in folded.users[value]}) == 1:
        user = users.pop()
        if folded.kind.get(user) not in ("move", "dropout") or folded.passes.get(user) != value:
            return _is_sum(folded, user)
        value = user
    return False


def _is_sum(folded: Folded, value: int) -> bool:
    return folded.kind.get(value) == "sum" and folded.source[value] == value


def _terms(folded: Folded, value: int) -> list[int]:
    """Return the terms of a sum, and those of sums that are only used as its terms."""
    terms: list[int] = []
    waiting = [value]
    while waiting:
        for operand in signals_of(folded, waiting.pop()):
            inner = operand
            while folded.kind.get(inner) in ("move", "dropout") and len(folded.users[inner]) == 1:
                inner = folded.passes[inner]
            is_within = _is_sum(folded, inner) and _is_term(folded, inner)
            (waiting if is_within else terms).append(inner if is_within else operand)
    return terms


def _merge(folded: Folded, merges: dict[int, Merge], value: int) -> Merge | None:
    """Return a sum as a merge; None if none of its terms is a stream that the others were made from."""
    terms = _terms(folded, value)
    reached = {term: _last_merge(folded, merges, term, is_direct=True) for term in terms}
    streams = sorted(terms, key=lambda term: (-(reached[term] or 0), term))[:MOST_TRIED]
    for is_projected in (False, True):
        anchors: list[int] = []
        ends: dict[str, bool] = {}
        shortcut: list[str] = []
        for stream in streams:
            others = [term for term in terms if term != stream and reached[term] is None]
            points = list(_chain(folded, stream, is_projected))
            found = [_branch(folded, value, term, points, is_projected) for term in others]
            anchors += [anchor for anchor, _ in filter(None, found)]
            for path, is_rescaled in (item for _, some in filter(None, found) for item in some.items()):
                ends[path] = is_rescaled and ends.get(path, True)
            shortcut += _shortcut(folded, stream) if is_projected and any(found) else []
        if anchors:
            return Merge(value, max(anchors), tuple(ends), frozenset(filter(ends.get, ends)), tuple(shortcut))
    return None


def _shortcut(folded: Folded, value: int) -> Iterator[str]:
    """Return the paths of the kernel that projects a stream, and of the scales after it."""
    at: int | None = value
    while at is not None:
        step = folded.makers.of(at)
        is_kernel = folded.kind.get(at) == "kernel"
        if step is not None and (is_kernel or step.operation in (Map("mul"), Map("div"))):
            yield from (path for operand in step.operands for path in folded.parameters.get(operand, ()))
        at = None if is_kernel else before(folded, at)


def _chain(folded: Folded, value: int, is_projected: bool) -> Iterator[int]:
    """Follow a term back along its stream; if projected, what lies before the one kernel of a shortcut."""
    at: int | None = value
    while at is not None:
        if not is_projected:
            yield at
        elif folded.kind.get(at) == "kernel":
            signals = signals_of(folded, at)
            if len(signals) == 1 and folded.has_kernel(signals[0]):
                yield from _chain(folded, signals[0], is_projected=False)
            return
        elif folded.source[at] != at and not is_linear(folded, at):
            return
        at = before(folded, at)


def _branch(
    folded: Folded, merge: int, term: int, anchors: Sequence[int], is_projected: bool
) -> tuple[int, dict[str, bool]] | None:
    """Return where a term left a stream and the paths that end it; None if no kernel made it from that stream.

    The value at each path tells whether a norm or a scale follows it.
    """
    reached = cone(folded, [term], min(anchors, default=term))
    anchor = next((one for one in anchors if one in reached and one != term), None)
    if anchor is None:
        return None
    inside = between(folded, anchor, sorted(reached))
    kernels = [value for value in inside if folded.kind.get(value) == "kernel"]
    settling = folded.graph.settling
    if merge not in settling and not settling.isdisjoint(inside):  # a state that comes back in the next turn of a loop
        return None
    if not kernels or (is_projected and (len(kernels) < 2 or not any(bends(folded, value) for value in inside))):
        return None
    return anchor, _ends(folded, inside, term)


def _ends(folded: Folded, inside: set[int], term: int) -> dict[str, bool]:
    """Return the paths of the last kernels before a term and of the scales after them, and what a scale follows."""
    found: dict[str, bool] = {}
    reached, waiting = {term: False}, [-term]  # whether each value is scaled or normalised on every way to the term
    while waiting:
        value = -heapq.heappop(waiting)
        step = folded.makers.of(value)
        if step is None:
            continue
        is_kernel = folded.kind.get(value) == "kernel"
        is_rescaled = reached[value] or folded.kind.get(value) == "normalised"
        if is_kernel or step.operation in (Map("mul"), Map("div")):
            paths = [path for operand in step.operands for path in folded.parameters.get(operand, ())]
            found |= {path: is_rescaled and found.get(path, True) for path in paths}
            is_rescaled = is_rescaled or bool(paths)
        if not is_kernel and folded.kind.get(value) != "embedding":
            signals = step.operands[:1] if isinstance(step.operation, Take) else folded.data_of(step)
            known = [operand for operand in signals if operand in reached]
            inner = [operand for operand in signals if operand in inside and operand not in reached]
            reached |= {operand: reached[operand] and is_rescaled for operand in known}
            for operand in [one for one in inner if not weighs(folded, one)] or inner:
                reached[operand] = is_rescaled
                heapq.heappush(waiting, -operand)
    return found


def _last_merge(folded: Folded, merges: Container[int], value: int, is_direct: bool = False) -> int | None:
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
        one = before(folded, at)
        several = [] if is_direct or folded.kind.get(at) not in ("join", "sum") else signals_of(folded, at)
        for operand in several if one is None else [one]:
            if operand not in reached:
                reached.add(operand)
                waiting.append(operand)
    return max(found, default=None)

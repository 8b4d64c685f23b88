"""Cuts: into which pieces a model takes the outputs of one kernel apart, found by following each output to its ends."""

import heapq
import math
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.graph.curves import recognised
from glorot.graph.folding import Folded
from glorot.graph.graph import Step
from glorot.graph.moves import moved
from glorot.graph.operations import (
    Broadcast,
    Contract,
    Flip,
    Join,
    Map,
    Pad,
    Permute,
    Reduce,
    Reshape,
    Slice,
    Softmax,
    Take,
)
from glorot.inventory.kernels import ABSENT, Labels, label_axes, thin
from glorot.inventory.walking import is_nearly_affine

Features = NDArray[np.int64]
MOST_STEPS = 4000
"""Steps that the outputs of one kernel are followed through."""

MOST_OUTPUTS = 1 << 20
"""Outputs that are followed; a kernel of more stays whole."""


class End(NamedTuple):
    """What becomes of outputs where they are followed no further, whichever step does it.

    Attributes:
        what: the kind of step, or the function.
        operand: which operand they are.
        curve: what was done to them element by element since they were last moved.
    """

    what: str
    operand: int
    curve: str


@dataclass(frozen=True)
class Piece:
    """A piece of the outputs of a kernel.

    Attributes:
        features: the positions of its outputs.
        ends: what becomes of them.
    """

    features: Features
    ends: frozenset[End]


@dataclass
class _Walk:
    folded: Folded
    labels: dict[int, list[Labels]] = field(default_factory=lambda: defaultdict(list))
    found: dict[tuple[int, End], Features] = field(default_factory=dict)

    def arrive(self, value: int, labels: Labels) -> None:
        """Let labels arrive at a value, once."""
        if not any(np.array_equal(thin(labels), thin(other)) for other in self.labels[value]):
            self.labels[value].append(labels)

    def end(self, position: int, end: End, labels: Labels) -> None:
        """Note that labels end at a step."""
        features = np.unique(thin(labels))
        before = self.found.get((position, end), np.empty(0, dtype=np.int64))
        self.found[position, end] = np.union1d(before, features[features != ABSENT])


def pieces_of(folded: Folded, position: int, outputs: Sequence[int]) -> list[Piece]:
    """Return the pieces that the outputs of a kernel are taken apart into, in the order of their first output.

    Args:
        folded: the graph.
        position: the step of the kernel.
        outputs: the axes of its result along which its outputs lie.

    Returns:
        The pieces; one alone where all outputs meet the same fate.
    """
    graph = folded.graph
    start = graph.steps[position].result
    shape = graph.shape(start)
    count = math.prod(shape[axis] for axis in outputs)
    if count > MOST_OUTPUTS or not math.prod(shape) or not _may_part(folded, start):
        return [Piece(np.arange(min(count, MOST_OUTPUTS)), frozenset())]
    labels = label_axes(shape, tuple(outputs))
    walk = _Walk(folded)
    walk.arrive(start, labels)
    waiting = [step for step, _ in folded.users[start]]
    heapq.heapify(waiting)
    last = -1
    for _ in range(MOST_STEPS):
        if not waiting:
            break
        step = heapq.heappop(waiting)
        if step == last:
            continue
        last = step
        result = graph.steps[step].result
        if _follow(walk, step):
            for user, _ in folded.users[result]:
                heapq.heappush(waiting, user)
    return _partition(walk.found, int(labels.max()) + 1)


def _may_part(folded: Folded, start: int) -> bool:
    """Tell whether a step that could take outputs apart lies between a kernel and whatever comes next."""
    waiting, reached = [start], {start}
    while waiting:
        for position, _ in folded.users[waiting.pop()]:
            step = folded.graph.steps[position]
            if isinstance(step.operation, Slice | Reshape | Take | Join):
                return True
            if step.result not in reached and _goes_on(folded, reached, step):
                reached.add(step.result)
                waiting.append(step.result)
    return False


def _follow(walk: _Walk, position: int) -> bool:
    """Follow labels through a step, or note that they end there; tell whether they go on."""
    folded, step = walk.folded, walk.folded.graph.steps[position]
    goes_on = _goes_on(folded, walk.labels, step)
    if folded.is_statistic(step.result):  # what only serves a norm is no end
        return False
    for operand, value in enumerate(step.operands):
        for labels in walk.labels.get(value, []):
            arrived = _moved(folded, step, operand, labels) if goes_on else None
            if arrived is not None:
                walk.arrive(step.result, arrived)
            else:
                walk.end(position, _end(folded, step, operand), labels)
    return bool(walk.labels.get(step.result))


def _goes_on(folded: Folded, reached: Container[int], step: Step) -> bool:
    """Tell whether a step does nothing to outputs that were followed so far but move, bend, scale or sum them."""
    kind = folded.kind.get(folded.source.get(step.result, -1), "")
    match step.operation:
        case Map(name):
            others = [v for v in folded.data_of(step) if v not in reached]
            if folded.source.get(step.result) != step.result or kind in ("normalised", "centred", "softmax", "affine"):
                return True
            return kind in ("dropout", "sum") and name != "div" and not any(folded.has_kernel(v) for v in others)
        case Contract() | Reduce() | Take():
            return False
    return kind in ("move", "join", "normalised", "softmax", "extreme")


def _moved(folded: Folded, step: Step, operand: int, labels: Labels) -> Labels | None:
    shape = folded.graph.shape(step.result)
    match step.operation:
        case Join():
            arrays = [
                labels if n == operand else np.full(folded.graph.shape(value), ABSENT)
                for n, value in enumerate(step.operands)
            ]
            return moved(step.operation, arrays, shape)
        case Reshape() | Permute() | Slice() | Broadcast() | Flip() | Pad() as move:
            return moved(move, [labels], shape, ABSENT)
    return np.broadcast_to(labels, shape) if _fits(labels.shape, shape) else None


def _fits(shape: Sequence[int], wider: Sequence[int]) -> bool:
    padded = (1,) * (len(wider) - len(shape)) + tuple(shape)
    return len(shape) <= len(wider) and all(a in (1, b) for a, b in zip(padded, wider, strict=True))


def _end(folded: Folded, step: Step, operand: int) -> End:
    value = step.operands[operand]
    match step.operation:
        case Contract() as contract:
            return End(role_in(folded, contract, step, operand), operand, "")
        case Map(name):
            match = recognised(folded.curve(value, folded.source[value]))
            unnamed = "identity" if match is None and is_nearly_affine(folded, value) else "?"
            return End(name, operand, unnamed if match is None else match.text)
    return End(type(step.operation).__name__, operand, "")


def role_in(folded: Folded, contract: Contract, step: Step, operand: int) -> str:
    """Return what an operand of a contraction of two signals is for: q, k or v of attention, or only summed or kept."""
    other = step.operands[1 - operand]
    if other not in folded.source:
        return "kernel"
    if folded.kind[folded.back(other)] == "softmax":
        return "v"
    axes = _softmax_axes(folded, step.result)
    if axes is None:
        return "signal"
    letters = {contract.result[axis] for axis in axes if axis < len(contract.result)}
    return "k" if letters <= set(contract.operands[operand]) else "q"


def _softmax_axes(folded: Folded, value: int) -> tuple[int, ...] | None:
    """Return the axes of the softmax that follows a value, with scales, shifts and masks between them."""
    for _ in range(8):
        users = [folded.graph.steps[position] for position, _ in folded.users[value]]
        softmax = next((step for step in users if isinstance(step.operation, Softmax)), None)
        if softmax is not None and isinstance(softmax.operation, Softmax):
            return softmax.operation.axes
        if any(folded.kind.get(step.result) in ("softmax", "centred") for step in users):
            return (len(folded.graph.shape(value)) - 1,)
        following = [
            step.result for step in users if isinstance(step.operation, Map | Join) and step.result in folded.source
        ]
        if not following:
            return None
        value = following[0]
    return None


def _partition(found: Mapping[tuple[int, End], Features], count: int) -> list[Piece]:
    """Group outputs that end at the same places."""
    signature = np.zeros(count, dtype=np.uint64)
    generator = np.random.default_rng(0)
    for features in found.values():
        signature[features] += generator.integers(1, 2**63, dtype=np.uint64)
    _, first, group = np.unique(signature, return_index=True, return_inverse=True)
    pieces = []
    for n in np.argsort(first):
        features = np.flatnonzero(group == n)
        ends = frozenset(end for (_, end), reached in found.items() if _holds(reached, int(features[0])))
        pieces.append(Piece(features, ends))
    return _rejoined(pieces)


def _holds(features: Features, feature: int) -> bool:
    at = int(np.searchsorted(features, feature))
    return at < len(features) and int(features[at]) == feature


def _rejoined(pieces: list[Piece]) -> list[Piece]:
    """Put pieces of one fate together where a loop took each apart, as a Python loop over heads does."""
    alike: dict[frozenset[End], list[Piece]] = defaultdict(list)
    for piece in pieces:
        alike[piece.ends].append(piece)
    counts, sizes = {len(group) for group in alike.values()}, {len(piece.features) for piece in pieces}
    if len(counts) > 1 or counts == {1} or len(sizes) > 1:
        return pieces
    return [Piece(np.sort(np.concatenate([piece.features for piece in group])), ends) for ends, group in alike.items()]


class Comb(NamedTuple):
    """Outputs that lie in runs of one length at one distance.

    Attributes:
        start: the first.
        run: how many lie side by side.
        period: the distance from run to run.
        times: how many runs there are.
    """

    start: int
    run: int
    period: int
    times: int


def comb_of(features: Features) -> Comb | None:
    """Return outputs as runs of one length at one distance; None if they lie otherwise.

    Example:
        >>> comb_of(np.array([0, 1, 6, 7, 12, 13]))
        Comb(start=0, run=2, period=6, times=3)
    """
    breaks = np.flatnonzero(np.diff(features) != 1) + 1
    runs = np.split(features, breaks)
    lengths, periods = {len(run) for run in runs}, {int(b[0] - a[0]) for a, b in pairwise(runs)}
    if len(lengths) > 1 or len(periods) > 1:
        return None
    run = lengths.pop()
    return Comb(int(features[0]), run, periods.pop() if periods else run, len(runs))


def names_of(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """Name pieces by what they are for: q, k, v; gate and up; else by their number.

    Example:
        >>> q = Piece(np.arange(2), frozenset({End("q", 0, "")}))
        >>> names_of([q, Piece(np.arange(2, 4), frozenset({End("k", 1, "")}))])
        ('q', 'k')
    """
    names = [_name(piece) for piece in pieces]
    if {"q", "k", "v"} <= set(names) and names.count("") == 1:  # beside attention, the layer that runs in parallel
        names[names.index("")] = "up"
    return tuple(names) if len(set(names)) == len(names) and all(names) else tuple(map(str, range(len(pieces))))


def _name(piece: Piece) -> str:
    roles = {end.what for end in piece.ends if end.what in ("q", "k", "v")}
    if len(roles) == 1:
        return roles.pop()
    curves = {end.curve for end in piece.ends if end.what == "mul"}
    if len(curves) == 1:
        return "up" if curves == {"identity"} else "gate"
    return ""

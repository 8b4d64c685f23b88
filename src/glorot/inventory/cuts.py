"""Cuts: into which pieces a model takes the outputs of one kernel apart, found by following each output to its ends."""

import functools
import heapq
import math
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.graph.curves import recognised
from glorot.graph.folding import Folded
from glorot.graph.graph import Shape, Step
from glorot.graph.moves import moved
from glorot.graph.operations import (
    Broadcast,
    Contract,
    Flip,
    Join,
    Map,
    Move,
    Pad,
    Permute,
    Reduce,
    Reshape,
    Slice,
    Take,
)
from glorot.inventory.attending import role_in
from glorot.inventory.kernels import ABSENT, Labels, label_axes, thin
from glorot.inventory.walking import is_nearly_affine

Features = NDArray[np.int64]
MOST_STEPS = 4000
"""Steps that the outputs of one kernel are followed through."""

MOST_OUTPUTS = 1 << 20
"""Outputs that are followed; a kernel of more stays whole."""

MOVES = (Join, Reshape, Permute, Slice, Broadcast, Flip, Pad)
"""The moves that outputs are followed through."""


class End(NamedTuple):
    """What becomes of outputs where they are followed no further, whichever step does it.

    Attributes:
        what: the kind of step, or the function.
        operand: which operand they are.
        curve: what was done to them element by element, wherever they were moved.
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


class _Visit(NamedTuple):
    """A step that the outputs of a kernel meet on their way, told apart from its graph.

    Attributes:
        move: what it does to them; None if they stay where they are.
        operands: for each operand its number on the way; None for what is not followed.
        shapes: the shapes of its operands.
        shape: the shape of its result, which has the next number if some go on.
        ends: for each operand what becomes of it; None for what goes on, or is not followed.
    """

    move: Move | None
    operands: tuple[int | None, ...]
    shapes: tuple[Shape, ...]
    shape: Shape
    ends: tuple[End | None, ...]

    @property
    def goes_on(self) -> bool:
        """Whether outputs go on from here."""
        pairs = zip(self.operands, self.ends, strict=True)
        return any(number is not None and end is None for number, end in pairs)


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
    return list(_pieces_along(shape, tuple(outputs), tuple(_visits(folded, start))))


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


def _visits(folded: Folded, start: int) -> Iterator[_Visit]:
    """Yield the steps that the outputs of a kernel meet, in order, until all have ended."""
    numbers = {start: 0}
    waiting = [position for position, _ in folded.users[start]]
    heapq.heapify(waiting)
    last = -1
    for _ in range(MOST_STEPS):
        if not waiting:
            return
        position = heapq.heappop(waiting)
        step = folded.graph.steps[position]
        if position == last or folded.is_statistic(step.result):  # what only serves a norm is no end
            continue
        last = position
        visit = _visit(folded, numbers, step)
        yield visit
        if visit.goes_on:
            numbers[step.result] = len(numbers)
            for user, _ in folded.users[step.result]:
                heapq.heappush(waiting, user)


def _visit(folded: Folded, numbers: Mapping[int, int], step: Step) -> _Visit:
    goes_on, graph = _goes_on(folded, numbers, step), folded.graph
    move = step.operation if isinstance(step.operation, MOVES) else None
    shape, shapes = graph.shape(step.result), tuple(map(graph.shape, step.operands))
    operands = tuple(numbers.get(value) for value in step.operands)
    ends = tuple(
        None if number is None or (goes_on and (move or _fits(shapes[n], shape))) else _end(folded, step, n)
        for n, number in enumerate(operands)
    )
    return _Visit(move, operands, shapes, shape, ends)


@functools.lru_cache(maxsize=32)
def _pieces_along(shape: Shape, outputs: tuple[int, ...], visits: tuple[_Visit, ...]) -> tuple[Piece, ...]:
    """Follow the outputs of a kernel to their ends; layers that are alike, as in a stack, are followed once."""
    start = label_axes(shape, outputs)
    labels = [[start]]
    found: dict[tuple[int, End], Features] = {}
    for place, visit in enumerate(visits):
        arrived: list[Labels] = []
        for n, (number, end) in enumerate(zip(visit.operands, visit.ends, strict=True)):
            for one in labels[number] if number is not None else ():
                if end is None:
                    moved_on = _moved(visit, n, one)
                    is_new = not any(np.array_equal(thin(moved_on), thin(other)) for other in arrived)
                    arrived += [moved_on] if is_new else []
                else:
                    features = np.unique(thin(one))
                    before = found.get((place, end), np.empty(0, dtype=np.int64))
                    found[place, end] = np.union1d(before, features[features != ABSENT])
        labels += [arrived] if arrived else []
    return tuple(_partition(found, int(start.max()) + 1))


def _goes_on(folded: Folded, reached: Container[int], step: Step) -> bool:
    """Tell whether a step does nothing to outputs that were followed so far but move, bend, scale or sum them."""
    kind = folded.kind.get(folded.source.get(step.result, -1), "")
    match step.operation:
        case Map(name):
            others = [v for v in folded.data_of(step) if v not in reached]
            if folded.source.get(step.result) != step.result or kind in ("normalised", "centred", "softmax", "affine"):
                return True
            if name in ("mul", "div") and len(others) == 1 and _is_one_number(folded, step, others[0]):
                return name == "mul" or others[0] == step.operands[1]
            return kind in ("dropout", "sum") and name != "div" and not any(folded.has_kernel(v) for v in others)
        case Contract() | Reduce() | Take():
            return False
    return kind in ("move", "join", "normalised", "softmax", "extreme")


def _is_one_number(folded: Folded, step: Step, factor: int) -> bool:
    """Tell whether a factor is one number for all features of a signal, as the size that a norm divides by."""
    own, whole = (folded.graph.shape(value)[-1:] for value in (factor, step.result))
    return own in ((), (1,)) and whole not in ((), (1,))


def _moved(visit: _Visit, operand: int, labels: Labels) -> Labels:
    """Return where labels lie after a step."""
    arrays = [labels]
    if isinstance(visit.move, Join):
        arrays = [labels if n == operand else np.full(shape, ABSENT) for n, shape in enumerate(visit.shapes)]
    arrived = None if visit.move is None else moved(visit.move, arrays, visit.shape, ABSENT)
    return np.broadcast_to(labels, visit.shape) if arrived is None else arrived


def _fits(shape: Sequence[int], wider: Sequence[int]) -> bool:
    padded = (1,) * (len(wider) - len(shape)) + tuple(shape)
    return len(shape) <= len(wider) and all(a in (1, b) for a, b in zip(padded, wider, strict=True))


def _end(folded: Folded, step: Step, operand: int) -> End:
    value = step.operands[operand]
    match step.operation:
        case Contract() as contract:
            return End(role_in(folded, contract, step, operand), operand, "")
        case Map(name):
            match = recognised(folded.curve(value, folded.back(value)))
            unnamed = "identity" if match is None and is_nearly_affine(folded, value) else "?"
            return End(name, operand, unnamed if match is None else match.text)
    return End(type(step.operation).__name__, operand, "")


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


def purpose_in(piece: Piece) -> str:
    """Return "gate" for a piece that weighs another signal, whatever its neighbours are for; "" for any other."""
    curves = {end.curve for end in piece.ends if end.what == "mul"}
    return "gate" if len(curves) == 1 and curves.isdisjoint(("identity", "softplus")) else ""


def _name(piece: Piece) -> str:
    roles = {end.what for end in piece.ends if end.what in ("q", "k", "v")}
    if len(roles) == 1:
        return roles.pop()
    curves = {end.curve for end in piece.ends if end.what == "mul"}
    if len(curves) == 1:
        return "up" if curves == {"identity"} else "gate"
    return ""

"""Walking: from a value of a graph back to what it was made of, by those steps alone that leave it the same signal."""

from collections.abc import Iterable, Iterator

import numpy as np

from glorot.graph.curves import recognised
from glorot.graph.folding import Folded
from glorot.graph.operations import Map, Pool, Softmax

PASSING = ("normalised", "centred", "mean", "extreme")
"""What a stream goes through on its way to the next merge, besides moves, scales and functions of each element."""

LINEAR = {"add", "sub", "mul", "div", "neg", "where"}

SHARES = {"sigmoid", "hard_sigmoid"}
"""Functions that weigh another signal: what they make ends no branch where there is that other signal."""


STRAIGHT = 0.02
"""How far from a straight line, of its slope, a function is that hardly bends a signal."""


def before(folded: Folded, value: int) -> int | None:
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


def way_back(folded: Folded, value: int) -> Iterator[int]:
    """Yield a value, and what it was before each move, scale and function, back to what a step of another kind made."""
    yield value
    while folded.source[value] != value or value in folded.passes:
        value = folded.source[value] if folded.source[value] != value else folded.passes[value]
        yield value


def is_linear(folded: Folded, value: int) -> bool:
    """Tell whether a value is its source times a number."""
    match = recognised(folded.curve(value, folded.source[value]))
    return match is not None and match.text.rpartition("·")[2] == "identity"


def signals_of(folded: Folded, value: int) -> list[int]:
    """Return what a value is made of that depends on the batch."""
    step = folded.makers.of(value)
    return [] if step is None else folded.data_of(step)


def cone(folded: Folded, values: Iterable[int], least: int) -> set[int]:
    """Return the values that some values are made of, these included, none of the others older than the least."""
    waiting = [*values]
    found = set(waiting)
    while waiting:
        for operand in signals_of(folded, waiting.pop()):
            if operand >= least and operand not in found:
                found.add(operand)
                waiting.append(operand)
    return found


def between(folded: Folded, anchor: int, candidates: Iterable[int]) -> set[int]:
    """Return those of the candidates, given in order, that are made from an anchor."""
    found = {anchor}
    for value in candidates:
        if not found.isdisjoint(signals_of(folded, value)):
            found.add(value)
    return found - {anchor}


def bends(folded: Folded, value: int) -> bool:
    """Tell whether a value is made by more than sums, products with numbers, and norms."""
    step = folded.makers.of(value)
    match step.operation if step is not None else None:
        case Map(name):
            return name not in LINEAR and not folded.is_statistic(value)
        case Softmax() | Pool("max"):
            return True
    return False


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
        at = step.operands[0] if step is not None and is_divided else before(folded, at)
        at = at if at in folded.source else None
    return False


def is_nearly_affine(folded: Folded, value: int) -> bool:
    """Tell whether a function hardly bends a signal, as a cap of logits at 30 does."""
    z = np.linspace(-2, 2, 9)
    made = folded.curve(value, folded.source[value])(z)
    slope, offset = np.polyfit(z, made, 1)
    return bool(np.abs(made - slope * z - offset).max() <= STRAIGHT * abs(slope))

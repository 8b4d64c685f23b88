"""Cells: the gates of an LSTM that a model writes for itself, told by how its state goes on from turn to turn.

c′ = σ(f)·c + σ(i)·φ(g), h = σ(o)·φ(c′)
"""

from collections.abc import Iterator
from typing import NamedTuple

from glorot.graph.curves import recognised
from glorot.graph.folding import Folded
from glorot.graph.operations import Map, Slice

Cut = tuple[int | None, int | None]
"""The start and the stop of outputs; None of all of them."""


class Span(NamedTuple):
    """Outputs of a parameter, from a start up to a stop; all of them, if that is None."""

    path: str
    start: int | None = None
    stop: int | None = None


class Gate(NamedTuple):
    """What is summed before a gate: the spans of kernels, and of what is added."""

    kernels: tuple[Span, ...]
    shifts: tuple[Span, ...]


def cells_in(folded: Folded) -> Iterator[dict[str, Gate]]:
    """Yield the gates of each cell, by the letters i, f, g and o; o only where the graph shows it."""
    known = set[tuple[Span, ...]]()
    for step in folded.graph.steps:
        kept = _gates_of(folded, step.result)
        if kept is None:
            continue
        state, gates = kept
        before = _factors(folded, state)
        again = any(_gate(folded, one) == gates["i"] for one in before)
        if again and gates["f"].kernels and gates["f"].kernels not in known:
            known.add(gates["f"].kernels)
            yield gates | _output_gate(folded, step.result)


def _gates_of(folded: Folded, value: int) -> tuple[int, dict[str, Gate]] | None:
    """Return the state that a sum keeps a share of, and its gates; None for any other value."""
    step = folded.makers.of(value)
    if step is None or step.operation != Map("add") or folded.kind.get(value) != "sum":
        return None
    for kept, new in (step.operands, step.operands[::-1]):
        old, young = _product(folded, kept), _product(folded, new)
        for f, state in (old, old[::-1]) if old and young else ():
            for i, g in (young, young[::-1]):
                are_gates = _is_sigmoid(folded, f) and _is_sigmoid(folded, i) and folded.kind.get(state) == "sum"
                if are_gates and len({folded.source[one] for one in (f, i, g)}) == 3:
                    return state, {"i": _gate(folded, i), "f": _gate(folded, f), "g": _gate(folded, g)}
    return None


def _product(folded: Folded, value: int) -> tuple[int, ...]:
    step = folded.makers.of(value)
    is_product = step is not None and step.operation == Map("mul") and len(folded.data_of(step)) == 2
    return step.operands if step is not None and is_product else ()


def _factors(folded: Folded, total: int) -> list[int]:
    """Return the factors of the products that a sum adds."""
    step = folded.makers.of(total)
    terms = () if step is None or step.operation != Map("add") else step.operands
    return [factor for term in terms for factor in _product(folded, term)]


def _is_sigmoid(folded: Folded, value: int) -> bool:
    if value not in folded.source or folded.source[value] == value:
        return False
    match = recognised(folded.curve(value, folded.source[value]))
    return match is not None and match.text in ("sigmoid", "hard_sigmoid")


def _output_gate(folded: Folded, state: int) -> dict[str, Gate]:
    """Return the gate that a state is multiplied by on its way out, if there is one."""
    bent = [folded.graph.steps[position].result for position, _ in folded.users[state]]
    for value in (state, *(one for one in bent if folded.source.get(one) == state)):
        for position, operand in folded.users[value]:
            factors = _product(folded, folded.graph.steps[position].result)
            if factors and _is_sigmoid(folded, factors[1 - operand]):
                found = _gate(folded, factors[1 - operand])
                if value != state and found.kernels:
                    return {"o": found}
    return {}


def _gate(folded: Folded, value: int) -> Gate:
    """Return what is summed before a gate."""
    kernels, shifts = list[Span](), list[Span]()
    waiting: list[tuple[int, Cut]] = [(folded.source.get(value, value), (None, None))]
    while waiting:
        at, cut = waiting.pop()
        step = folded.makers.of(at)
        if step is None:
            continue
        added = [path for one in step.operands for path in folded.parameters.get(one, ())]
        match folded.kind.get(at):
            case "kernel" if len(added) == 1:
                kernels.append(Span(added[0], *cut))
            case "sum":
                waiting += [(folded.source[one], cut) for one in folded.data_of(step)]
            case "affine":
                is_added = step.operation == Map("add") and len(added) == 1 and len(folded.leaf(added[0]).shape) == 1
                shifts += [Span(added[0], *cut)] if is_added else []
                waiting.append((folded.passes[at], cut))
            case "move":
                waiting.append((folded.passes[at], _cut(folded, at, cut)))
    return Gate(tuple(sorted(kernels, key=str)), tuple(sorted(shifts, key=str)))


def _cut(folded: Folded, value: int, cut: Cut) -> Cut:
    """Return which outputs of what was moved are left."""
    step = folded.makers.of(value)
    if step is None or not isinstance(step.operation, Slice):
        return cut
    last = step.operation.index[-1]
    if isinstance(last, int) or last[2] != 1 or last[:2] == (0, folded.graph.shape(step.operands[0])[-1]):
        return cut
    start, stop = cut
    return (last[0], last[1]) if start is None or stop is None else (last[0] + start, last[0] + stop)

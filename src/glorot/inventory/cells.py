"""Cells: the gates of an LSTM that a model writes for itself, told by how its state goes on from turn to turn.

c′ = σ(f)·c + σ(i)·φ(g), h = σ(o)·φ(c′)
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from glorot.graph.curves import POINTS, recognised
from glorot.graph.folding import Folded
from glorot.graph.operations import Map, Slice
from glorot.inventory.walking import before

Cut = tuple[int | None, int | None]
"""The start and the stop of outputs; None of all of them."""


class Span(NamedTuple):
    """Outputs of a parameter, from a start up to a stop; all of them, if that is None."""

    path: str
    start: int | None = None
    stop: int | None = None


class Gate(NamedTuple):
    """What is summed before a gate.

    Attributes:
        kernels: the spans of kernels.
        shifts: the spans of what is added.
        constant: what its layer adds when it runs.
    """

    kernels: tuple[Span, ...]
    shifts: tuple[Span, ...]
    constant: float = 0.0


def cells_in(folded: Folded) -> Iterator[dict[str, Gate]]:
    """Yield the gates of each cell, by the letters i, f, g and o; o only where the graph shows it."""
    known = set[tuple[Span, ...]]()
    for step in folded.graph.steps:
        kept = _gates_of(folded, step.result)
        if kept is None:
            continue
        state, gates = kept
        again = any(_gate(folded, one) == gates["i"] for one in _factors(folded, state))
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
    return _constant(folded, value) is not None


def _constant(folded: Folded, value: int) -> float | None:
    """Return b where a value is σ(z + b) of its source z; None for any other."""
    if value not in folded.source or folded.source[value] == value:
        return None
    made = folded.curve(value, folded.source[value])(np.concatenate([[0.0], POINTS]))
    if not 0 < made[0] < 1:
        return None
    shift = float(np.log(made[0] / (1 - made[0])))
    if np.allclose(made[1:], 1 / (1 + np.exp(-(POINTS + shift))), atol=folded.graph.tolerance):
        return round(shift, 6)
    match = recognised(folded.curve(value, folded.source[value]))
    return 0.0 if match is not None and match.text == "hard_sigmoid" else None


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
    waiting: list[tuple[int, Cut, bool]] = [(folded.source.get(value, value), (None, None), True)]
    while waiting:
        at, cut, is_plain = waiting.pop()
        step, kind = folded.makers.of(at), folded.kind.get(at)
        if step is None:
            continue
        added = [path for one in step.operands for path in folded.parameters.get(one, ())]
        if kind == "kernel" and len(added) == 1:
            kernels.append(Span(added[0], *cut))
        elif kind == "sum":
            waiting += [(folded.source[one], cut, is_plain) for one in folded.data_of(step)]
        elif kind in ("normalised", "centred"):  # which takes the scale of a bias before it away
            earlier = before(folded, at)
            waiting += [] if earlier is None else [(earlier, cut, False)]
        elif kind in ("affine", "move", "dropout"):
            is_added = step.operation == Map("add") and len(added) == 1 and len(folded.leaf(added[0]).shape) == 1
            shifts += [Span(added[0], *cut)] if is_added and is_plain else []
            waiting.append((folded.passes[at], _cut(folded, at, cut), is_plain))
    constant = _constant(folded, value) or 0.0
    return Gate(tuple(sorted(kernels, key=str)), tuple(sorted(shifts, key=str)), constant)


def _cut(folded: Folded, value: int, cut: Cut) -> Cut:
    """Return which outputs of what was moved are left: of its last axis, or of the channels of a map."""
    step = folded.makers.of(value)
    if step is None or not isinstance(step.operation, Slice):
        return cut
    shape, index = folded.graph.shape(step.operands[0]), step.operation.index
    for axis in (-1, 1) if len(shape) > 3 else (-1,):
        piece = index[axis]
        if not isinstance(piece, int) and piece[2] == 1 and piece[:2] != (0, shape[axis]):
            start = cut[0] or 0
            return piece[0] + start, piece[1] + start if cut[1] is None else min(piece[0] + cut[1], piece[1])
    return cut

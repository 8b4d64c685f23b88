"""Recurrent layers, as two turns of their cell: the second is fed by the first."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from glorot.graph.operations import Broadcast, Contract, Random, Take
from glorot.torch.graph.call import Call


class _Kernels(NamedTuple):
    """The parameters of one layer in one direction."""

    inner: Tensor
    recurrent: Tensor
    biases: tuple[Tensor | None, Tensor | None]
    projection: Tensor | None


State = list[int]
"""Hidden state, and the cell of an LSTM."""

Cell = Callable[[Call, _Kernels, int, State], State]


def _dense(call: Call, value: int, kernel: Tensor, bias: Tensor | None) -> int:
    shape = (call.graph.shape(value)[0], kernel.shape[0])
    value = call.step(Contract("ai,oi->ao"), [value, call.value(kernel)], shape)
    return call.affine(value, None, bias)


def _sum(call: Call, one: int, other: int) -> int:
    return call.map("add", one, other, shape=call.graph.shape(one))


def _apply(call: Call, function: str, *values: int) -> int:
    return call.map(function, *values, shape=call.graph.shape(values[0]))


def _both(call: Call, kernels: _Kernels, x: int, hidden: int) -> tuple[int, int]:
    """Return what the input and the hidden state give."""
    return (
        _dense(call, x, kernels.inner, kernels.biases[0]),
        _dense(call, hidden, kernels.recurrent, kernels.biases[1]),
    )


def _lstm_cell(call: Call, kernels: _Kernels, x: int, state: State) -> State:
    hidden, cell = state
    gates = _sum(call, *_both(call, kernels, x, hidden))
    i, f, g, o = call.pieces(gates, 1, [kernels.inner.shape[0] // 4] * 4)
    kept = _apply(call, "mul", _apply(call, "sigmoid", f), cell)
    new = _apply(call, "mul", _apply(call, "sigmoid", i), _apply(call, "tanh", g))
    cell = _sum(call, kept, new)
    hidden = _apply(call, "mul", _apply(call, "sigmoid", o), _apply(call, "tanh", cell))
    return [hidden if kernels.projection is None else _dense(call, hidden, kernels.projection, None), cell]


def _gru_cell(call: Call, kernels: _Kernels, x: int, state: State) -> State:
    width = kernels.inner.shape[0] // 3
    from_x, from_h = (call.pieces(value, 1, [width] * 3) for value in _both(call, kernels, x, state[0]))
    reset, update = (_apply(call, "sigmoid", _sum(call, from_x[n], from_h[n])) for n in (0, 1))
    new = _apply(call, "tanh", _sum(call, from_x[2], _apply(call, "mul", reset, from_h[2])))
    kept = _apply(call, "mul", update, _apply(call, "sub", state[0], new))
    return [_sum(call, new, kept)]


def _plain_cell(activation: str) -> Cell:
    def cell(call: Call, kernels: _Kernels, x: int, state: State) -> State:
        return [_apply(call, activation, _sum(call, *_both(call, kernels, x, state[0])))]

    return cell


CELLS: dict[str, Cell] = {
    "lstm": _lstm_cell, "gru": _gru_cell, "rnn_tanh": _plain_cell("tanh"), "rnn_relu": _plain_cell("relu"),
}  # fmt: skip


def _kernels(call: Call, per_layer: int) -> Iterator[_Kernels]:
    """Yield the parameters of each layer and direction, which lie in one list."""
    parameters: Sequence[Tensor] = call["params"]
    for start in range(0, len(parameters), per_layer):
        inner, recurrent, *rest = parameters[start : start + per_layer]
        biases = (rest[0], rest[1]) if call["has_biases"] else (None, None)
        yield _Kernels(inner, recurrent, biases, rest[-1] if per_layer % 2 else None)


def _run(call: Call) -> list[int]:
    """Run all layers on the first element of the sequence, which stands for each of them."""
    given = call["hx"]
    states = [given] if isinstance(given, Tensor) else list(given)
    is_lstm, directions = call.name == "lstm", 2 if call["bidirectional"] else 1
    has_projection = is_lstm and states[0].shape[-1] != states[1].shape[-1]
    kernels = list(_kernels(call, 2 + 2 * bool(call["has_biases"]) + has_projection))
    first = _first(call, states[0].shape[1])
    ends: list[State] = []
    for layer in range(int(call["num_layers"])):
        if layer and call["train"] and call["dropout"]:
            first = call.map("mul", first, call.step(Random("dropout"), [], ()), shape=call.graph.shape(first))
        found = [
            _turns(call, kernels[n], first, [call.at(call.value(state), 0, n) for state in states])
            for n in range(layer * directions, (layer + 1) * directions)
        ]
        ends += found
        first = call.joined([state[0] for state in found], 1)
    return [_everywhere(call, first), *(_stacked(call, [state[n] for state in ends]) for n in range(len(states)))]


def _turns(call: Call, kernels: _Kernels, x: int, state: State) -> State:
    cell = CELLS[call.name]
    with call.graph.first_turn():
        first = cell(call, kernels, x, state)
    return cell(call, kernels, x, first)


def _first(call: Call, batch: int) -> int:
    """Return the first element of the sequence; of a packed one, its first rows."""
    value = call.value(call.first)
    if call["batch_sizes"] is not None:
        return call.cut(value, 0, 0, batch)
    return call.at(value, 1 if call["batch_first"] else 0, 0)


def _everywhere(call: Call, value: int) -> int:
    """Return the states as one sequence."""
    if call["batch_sizes"] is not None:
        return call.step(Take(0), [value])
    return call.step(Broadcast((0, 2) if call["batch_first"] else (1, 2)), [value])


def _stacked(call: Call, values: list[int]) -> int:
    return call.joined([call.reshaped(value, (1, *call.graph.shape(value))) for value in values], 0)


def _step(call: Call) -> list[int]:
    """Run one cell once."""
    given = [call["hx"]] if isinstance(call["hx"], Tensor) else list(call["hx"])
    kernels = _Kernels(call["w_ih"], call["w_hh"], (call["b_ih"], call["b_hh"]), None)
    cell = CELLS[call.name.removesuffix("_cell")]
    return cell(call, kernels, call.value(call["input"]), [call.value(state) for state in given])


ROWS: dict[str, Callable[[Call], Any]] = {
    **dict.fromkeys(CELLS, _run), **{f"{name}_cell": _step for name in CELLS},
}  # fmt: skip
"""What operators become, by name."""

"""LSTM and RNN, which read a sequence (time, copies, …) and a mask of where it goes on."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from glorot import fans
from glorot.caffe.definition.layers import Layer
from glorot.caffe.kinds.base import Blob, Kind, Shapes, target_of
from glorot.caffe.kinds.dense import multiply
from glorot.caffe.kinds.fillers import declared
from glorot.caffe.kinds.lowering import Lowering
from glorot.fans import Fans
from glorot.graph.moves import box
from glorot.graph.operations import Broadcast, Slice
from glorot.inventory.layouts import blocks, laid_out, with_forget_gate


def _tops(layer: Layer, bottoms: Shapes) -> Shapes:
    sequence, continues = bottoms[0], bottoms[1]
    layer.check(len(sequence) >= 2, 0, sequence, "to have axes of time and of copies")
    layer.check(
        continues == sequence[:2], 1, continues, f"to have the shape {sequence[0]}×{sequence[1]} of time and copies"
    )
    if len(bottoms) > 2:
        layer.check(bottoms[2][:1] == sequence[1:2], 2, bottoms[2], f"to hold one of {sequence[1]} copies a row")
    if layer.settings("recurrent_param").flag("expose_hidden"):
        raise layer.error("expose_hidden is not supported; feed and read the state by layers of your own")
    outputs = layer.settings("recurrent_param").integer("num_output", least=1)
    return [(*sequence[:2], outputs)]


def _lstm_blobs(layer: Layer, bottoms: Shapes) -> list[Blob]:
    return list(_cell(layer, bottoms, "ifog"))


def _rnn_blobs(layer: Layer, bottoms: Shapes) -> list[Blob]:
    outputs = layer.settings("recurrent_param").integer("num_output", least=1)
    counts = fans.dense(outputs, outputs)
    output = _gates(layer, "weight_filler", outputs, outputs, "h", "kernel", counts)
    return [*_cell(layer, bottoms, "h"), output, _gates(layer, "bias_filler", outputs, None, "h", "bias", counts)]


def _cell(layer: Layer, bottoms: Shapes, gates: str) -> Iterator[Blob]:
    """Yield the blobs of one step: from the input, its bias, from a static input if there is one, from the state."""
    hidden = layer.settings("recurrent_param").integer("num_output", least=1)
    inputs = math.prod(bottoms[0][2:])
    into, around = fans.dense(inputs, hidden), fans.dense(hidden, hidden)
    yield _gates(layer, "weight_filler", hidden, inputs, gates, "kernel", into)
    yield _gates(layer, "bias_filler", hidden, None, gates, "bias", into)
    if len(bottoms) > 2:
        static = math.prod(bottoms[2][1:])
        yield _gates(layer, "weight_filler", hidden, static, gates, "kernel", fans.dense(static, hidden))
    yield _gates(layer, "weight_filler", hidden, hidden, gates, "recurrent", around)


def _gates(layer: Layer, filler: str, hidden: int, inputs: int | None, gates: str, role: str, counts: Fans) -> Blob:
    """Return a blob in which the gates lie one above the other; Caffe fills it as one."""
    pattern, one = ("o", (hidden,)) if inputs is None else ("o i", (hidden, inputs))
    whole = (len(gates) * hidden, *one[1:])
    start = declared(layer.settings("recurrent_param"), filler, target_of(pattern, whole))
    part = replace(laid_out(pattern, one, role, layer.kind, counts), declared=start)
    parts = blocks(part, one, 0, gates)
    return Blob(whole, with_forget_gate(parts) if role == "bias" else parts)


def _lower_lstm(at: Lowering) -> Sequence[int]:
    """Lower two steps of a sequence that goes on; the second is fed by the first, and stands for all others."""
    entered, around = _enter(at), at.blobs[-1]
    with at.graph.first_turn():
        first = _gate(at, entered)
        cell = at.map("mul", first["i"], first["g"])
        state = at.map("mul", first["o"], at.map("tanh", cell))
    second = _gate(at, at.map("add", entered, multiply(at, state, around)))
    cell = at.map("add", at.map("mul", second["f"], cell), at.map("mul", second["i"], second["g"]))
    return [_repeat(at, at.map("mul", second["o"], at.map("tanh", cell)))]


def _gate(at: Lowering, entered: int) -> dict[str, int]:
    """Return the three gates and the candidate, by the letters of their blobs."""
    size = at.graph.shape(entered)[1] // 4
    pieces = {gate: at.cut(entered, 1, n * size, (n + 1) * size) for n, gate in enumerate("ifog")}
    return {gate: at.map("tanh" if gate == "g" else "sigmoid", piece) for gate, piece in pieces.items()}


def _lower_rnn(at: Lowering) -> Sequence[int]:
    """Lower two steps of a sequence that goes on; the second is fed by the first, and stands for all others."""
    *_, around, weights, shift = at.blobs
    entered = _enter(at)
    with at.graph.first_turn():
        state = at.map("tanh", entered)
    state = at.map("tanh", at.map("add", entered, multiply(at, state, around)))
    output = at.map("tanh", at.map("add", multiply(at, state, weights), shift))
    return [_repeat(at, output)]


def _enter(at: Lowering) -> int:
    """Return what the input of one step, and a static one, add to the gates."""
    weights, bias = at.blobs[:2]
    _, copies, *sizes = shape = at.shapes[0]
    step = at.step(Slice((0, *box(shape[1:]))), at.bottom, shape=(copies, *sizes))
    entered = at.map("add", multiply(at, at.reshape(step, (copies, math.prod(sizes))), weights), bias)
    if len(at.bottoms) < 3:
        return entered
    static = at.reshape(at.bottoms[2], (copies, math.prod(at.shapes[2][1:])))
    return at.map("add", entered, multiply(at, static, at.blobs[2]))


def _repeat(at: Lowering, state: int) -> int:
    """Return the state of one step for all."""
    return at.step(Broadcast((1, 2)), state, shape=at.tops[0])


KINDS = {
    "LSTM": Kind(_tops, (2, 3), blobs=_lstm_blobs, lower=_lower_lstm),
    "RNN": Kind(_tops, (2, 3), blobs=_rnn_blobs, lower=_lower_rnn),
}

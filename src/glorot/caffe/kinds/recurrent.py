"""LSTM and RNN, which read a sequence (time, copies, …) and a mask of where it goes on."""

import math
from collections.abc import Iterator
from dataclasses import replace

from glorot import fans
from glorot.caffe.definition.layers import Layer
from glorot.caffe.kinds.base import Blob, Kind, Shapes, Signal, target_of
from glorot.caffe.kinds.fillers import declared
from glorot.fans import Fans
from glorot.layouts import blocks, laid_out, with_forget_gate


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
    own = replace(output, parts=tuple(replace(part, fed_by="tanh") for part in output.parts))
    return [*_cell(layer, bottoms, "h"), own, _gates(layer, "bias_filler", outputs, None, "h", "bias", counts)]


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
    state = _gates(layer, "weight_filler", hidden, hidden, gates, "recurrent", around)
    yield replace(state, parts=tuple(replace(part, fed_by="tanh") for part in state.parts))


def _gates(layer: Layer, filler: str, hidden: int, inputs: int | None, gates: str, role: str, counts: Fans) -> Blob:
    """Return a blob in which the gates lie one above the other; Caffe fills it as one."""
    pattern, one = ("o", (hidden,)) if inputs is None else ("o i", (hidden, inputs))
    whole = (len(gates) * hidden, *one[1:])
    start = declared(layer.settings("recurrent_param"), filler, target_of(pattern, whole))
    part = replace(laid_out(pattern, one, role, layer.kind, counts), declared=start)
    parts = blocks(part, one, 0, gates)
    return Blob(whole, with_forget_gate(parts) if role == "bias" else parts)


KINDS = {
    "LSTM": Kind(_tops, Signal.WEIGHED, (2, 3), blobs=_lstm_blobs),
    "RNN": Kind(_tops, Signal.WEIGHED, (2, 3), blobs=_rnn_blobs),
}

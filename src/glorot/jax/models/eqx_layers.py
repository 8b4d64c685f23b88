"""How the layers of Equinox store their parameters."""

from collections.abc import Mapping
from typing import Any

from glorot import fans
from glorot.jax.models.describing import (
    STATISTICS,
    Describe,
    Layout,
    Shape,
    Stored,
    gated,
    kind_in,
    norm,
    slope_of,
    unknown,
)

PACKAGES = ("equinox.nn.",)

COUNTERS = {"batch_state_index": ("batch_counter", 0), "ema_state_index": ("ema_first_time_index", True)}
"""Where a BatchNorm of either mode keeps its statistics, and what counts its batches, with its start."""


def _linear(m: Any, _: Mapping[str, Shape]) -> Layout:
    inputs, outputs = (1 if size == "scalar" else size for size in (m.in_features, m.out_features))
    counts = fans.dense(inputs, outputs)
    return {
        "weight": Stored("o i", (outputs, inputs), "kernel", counts),
        "bias": Stored("o", (outputs,), "bias", counts),
    }


def _conv(m: Any, _: Mapping[str, Shape]) -> Layout:
    counts = fans.conv(m.in_channels, m.out_channels, m.kernel_size, m.stride, m.groups)
    return _convolution(m, counts, flip=False)


def _conv_transpose(m: Any, _: Mapping[str, Shape]) -> Layout:
    """Describe a transposed convolution, which Equinox stores as a convolution: its kernel does not flip."""
    counts = fans.conv_transpose(m.in_channels, m.out_channels, m.kernel_size, m.stride, m.groups)
    return _convolution(m, counts, flip=True)


def _convolution(m: Any, counts: fans.Fans, *, flip: bool) -> Layout:
    rank, shape = len(m.kernel_size), (m.out_channels, m.in_channels // m.groups, *m.kernel_size)
    bias = (m.out_channels, *(1,) * rank)
    return {
        "weight": Stored("(b o) i" + " k" * rank, shape, "kernel", counts, flip=flip, groups=m.groups),
        "bias": Stored("o" + " o" * rank, bias, "bias", counts),  # the ones count as outputs, and change nothing
    }


def _embedding(m: Any, _: Mapping[str, Shape]) -> Layout:
    shape = (m.num_embeddings, m.embedding_size)
    return {"weight": Stored("b o", shape, "embedding", fans.embedding(m.embedding_size))}


def _norm(m: Any, _: Mapping[str, Shape]) -> Layout:
    shape = m.shape if hasattr(m, "shape") else (m.input_size if hasattr(m, "input_size") else m.channels,)
    return norm({"weight": "scale", "bias": "shift"}, shape)


def _batch_norm(m: Any, shapes: Mapping[str, Shape]) -> Layout:
    gathered = {f"{name}.init.{n}": role for name in COUNTERS for n, role in enumerate(STATISTICS.values())}
    return _norm(m, shapes) | norm(gathered, (m.input_size,))


def _prelu(m: Any, shapes: Mapping[str, Shape]) -> Layout:
    shape = shapes.get("negative_slope", ())
    return {"negative_slope": Stored("o " * len(shape), shape, "slope", fans.ELEMENTWISE, start=slope_of(m))}


def _lstm_cell(m: Any, _: Mapping[str, Shape]) -> Layout:
    return _cell(m, "ifgo")


def _gru_cell(m: Any, _: Mapping[str, Shape]) -> Layout:
    around = fans.dense(m.hidden_size, m.hidden_size)
    return {**_cell(m, "rzn"), "bias_n": Stored("o", (m.hidden_size,), "bias", around)}


def _cell(m: Any, gates: str) -> Layout:
    inputs, hidden, rows = m.input_size, m.hidden_size, len(gates) * m.hidden_size
    into, around = fans.dense(inputs, rows), fans.dense(hidden, rows)
    recurrent = Stored("o i", (rows, hidden), "recurrent", around, fed_by="tanh")
    return {
        "weight_ih": gated(Stored("o i", (rows, inputs), "kernel", into), gates),
        "weight_hh": gated(recurrent, gates),
        "bias": gated(Stored("o", (rows,), "bias", into), gates),
    }


LAYERS: dict[str, Describe] = {
    "Linear": _linear,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Embedding": _embedding,
    **dict.fromkeys(("LayerNorm", "RMSNorm", "GroupNorm"), _norm),
    "BatchNorm": _batch_norm,
    "PReLU": _prelu,
    "LSTMCell": _lstm_cell,
    "GRUCell": _gru_cell,
}
"""One row a layer type; subclasses are found through their bases."""


def kind_at(path: str, modules: Mapping[str, Any]) -> tuple[str | None, Describe]:
    """Return what an Equinox module is called, and what describes it."""
    kind = kind_in(modules[path], LAYERS, PACKAGES)
    return kind, LAYERS[kind] if kind is not None else unknown

"""What each PyTorch layer is made of: the parts of its parameters, with true fans."""

import operator
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from glorot import fans
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.inventory import Part, View
from glorot.inventory.layouts import blocks, laid_out, with_forget_gate, without_connections

Parts = tuple[Part, ...]
Describe = Callable[[Any], dict[str, Parts]]


def parts_of(module: nn.Module) -> dict[str, Parts]:
    """Return the parts of the parameters that a layer owns itself, by parameter name.

    A part's name is its suffix alone here: "" for a whole parameter, "[q]" for a piece of a fused one.
    Parameters that no layer type understands are not in the answer. A layer that describes its own parts, by the
    attribute `glorot_parts`, is believed.
    """
    declared: dict[str, Parts] | None = getattr(module, "glorot_parts", None)
    if declared is not None:
        return _checked(declared)
    shapes = {name: tuple(tensor.shape) for name, tensor in module.named_parameters(recurse=False)}
    for kind in type(module).__mro__:
        describe = LAYERS.get(kind)
        if describe is not None:
            return without_connections(shapes, kind_of(module)) if _is_empty(shapes) else describe(module)
    return _by_name(module)


def _is_empty(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    return any(0 in shape for shape in shapes.values() if len(shape) > 1)


def _checked(declared: Any) -> dict[str, Parts]:
    """Return what a layer declares as its parts, if it has the form that is asked for."""
    is_mapping = isinstance(declared, Mapping) and all(isinstance(parts, tuple) for parts in declared.values())
    if not is_mapping or not all(isinstance(part, Part) for parts in declared.values() for part in parts):
        raise GlorotError(
            "glorot_parts must be a dict {parameter name: tuple of glorot.inventory.Part}, "
            f"got {reprlib.repr(declared)}"
        )
    return dict(declared)


def kind_of(module: nn.Module) -> str:
    """Return what PyTorch calls a kind of layer, also where a model derives its own class from it."""
    names = (
        kind.__name__
        for kind in type(module).__mro__
        if kind.__module__.startswith("torch.nn.modules.") and kind is not nn.Module
    )
    return next(names, type(module).__name__)


def _part(module: nn.Module, role: str, axes: str, shape: tuple[int, ...], counts: Fans, suffix: str = "") -> Part:
    sizes = tuple(map(operator.index, shape))  # what acts as an integer is one
    return Part(name=suffix, axes=axes, shape=sizes, role=role, layer=kind_of(module), fans=counts)


def _bias(module: nn.Module, size: int, counts: Fans, suffix: str = "") -> Part:
    return _part(module, "bias", "o", (size,), counts, suffix)


def _linear(m: nn.Linear) -> dict[str, Parts]:
    counts = fans.dense(m.in_features, m.out_features)
    return {
        "weight": (_part(m, "kernel", "oi", (m.out_features, m.in_features), counts),),
        "bias": (_bias(m, m.out_features, counts),),
    }


def _bilinear(m: nn.Bilinear) -> dict[str, Parts]:
    counts = fans.bilinear(m.in1_features, m.in2_features, m.out_features)
    shape = (m.out_features, m.in1_features, m.in2_features)
    return {
        "weight": (_part(m, "kernel", "oii", shape, counts),),
        "bias": (_bias(m, m.out_features, counts),),
    }


def _conv(m: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> dict[str, Parts]:
    counts = fans.conv(m.in_channels, m.out_channels, m.kernel_size, m.stride, m.groups)
    shape = (m.out_channels, m.in_channels // m.groups, *m.kernel_size)
    pattern = "(b o) i" + " k" * len(m.kernel_size)
    return {
        "weight": (laid_out(pattern, shape, "kernel", kind_of(m), counts, b=m.groups),),
        "bias": (_bias(m, m.out_channels, counts),),
    }


def _conv_transpose(m: nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d) -> dict[str, Parts]:
    counts = fans.conv_transpose(m.in_channels, m.out_channels, m.kernel_size, m.stride, m.groups)
    shape = (m.in_channels, m.out_channels // m.groups, *m.kernel_size)
    pattern = "(b i) o" + " k" * len(m.kernel_size)
    return {
        "weight": (laid_out(pattern, shape, "kernel", kind_of(m), counts, b=m.groups),),
        "bias": (_bias(m, m.out_channels, counts),),
    }


def _embedding(m: nn.Embedding | nn.EmbeddingBag) -> dict[str, Parts]:
    counts = fans.embedding(m.embedding_dim)
    whole = _part(m, "embedding", "bo", (m.num_embeddings, m.embedding_dim), counts)
    if m.padding_idx is None:
        return {"weight": (whole,)}
    pad, rows = m.padding_idx, m.num_embeddings
    pieces = [
        ("[padding]", "padding", pad, pad + 1),
        ("[before]", "embedding", 0, pad),
        ("[after]", "embedding", pad + 1, rows),
    ]
    return {
        "weight": tuple(
            replace(
                whole, name=suffix, role=role, shape=(stop - start, m.embedding_dim),
                view=View(box=((start, stop), (0, m.embedding_dim))),
            )
            for suffix, role, start, stop in pieces
            if stop > start
        )
    }  # fmt: skip


def _blocks(part: Part, names: str | tuple[str, ...]) -> Parts:
    """Stack a part once for each name along its first stored axis, as fused tensors do."""
    return blocks(part, part.shape, 0, tuple(names))


GATES = {"RNN": ("h",), "LSTM": ("i", "f", "g", "o"), "GRU": ("r", "z", "n")}


def state_activation(module: nn.Module) -> str:
    """Return the activation that the state of a recurrent layer has passed; "identity" for any other layer."""
    if isinstance(module, nn.RNNBase):
        return "relu" if module.mode == "RNN_RELU" else "tanh"
    if isinstance(module, nn.RNNCellBase):
        return str(getattr(module, "nonlinearity", "tanh"))
    return "identity"


def _recurrent(m: nn.RNNBase) -> dict[str, Parts]:
    gates = GATES[m.mode.split("_")[0]]
    state = m.proj_size or m.hidden_size
    fed_by = state_activation(m)
    found: dict[str, Parts] = {}
    for layer in range(m.num_layers):
        for direction in ("", "_reverse") if m.bidirectional else ("",):
            inputs = m.input_size if layer == 0 else state * (2 if m.bidirectional else 1)
            cell = _cell_parts(m, gates, inputs, state, fed_by)
            if m.proj_size:
                projection = fans.dense(m.hidden_size, m.proj_size)
                hr = _part(m, "kernel", "oi", (m.proj_size, m.hidden_size), projection)
                cell["weight_hr"] = (replace(hr, fed_by=fed_by),)
            for name, parts in cell.items():
                later = layer > 0 and name == "weight_ih"
                marked = tuple(replace(part, fed_by=fed_by) for part in parts) if later else parts
                found[f"{name}_l{layer}{direction}"] = marked
    return found


def _recurrent_cell(m: nn.RNNCellBase) -> dict[str, Parts]:
    gates = GATES[kind_of(m).removesuffix("Cell")]
    return _cell_parts(m, gates, m.input_size, m.hidden_size, state_activation(m))


def _cell_parts(m: Any, gates: tuple[str, ...], inputs: int, state: int, fed_by: str) -> dict[str, Parts]:
    hidden = m.hidden_size
    into, around = fans.dense(inputs, hidden), fans.dense(state, hidden)
    recurrent = replace(_part(m, "recurrent", "oi", (hidden, state), around), fed_by=fed_by)
    return {
        "weight_ih": _blocks(_part(m, "kernel", "oi", (hidden, inputs), into), gates),
        "weight_hh": _blocks(recurrent, gates),
        "bias_ih": with_forget_gate(_blocks(_bias(m, hidden, into), gates)),
        "bias_hh": _blocks(_bias(m, hidden, around), gates),
    }


def _attention(m: nn.MultiheadAttention) -> dict[str, Parts]:
    dim = m.embed_dim
    query, key, value = (fans.dense(size, dim) for size in (dim, m.kdim, m.vdim))
    return {
        "in_proj_weight": _blocks(_part(m, "kernel", "oi", (dim, dim), query), "qkv"),
        "in_proj_bias": _blocks(_bias(m, dim, query), "qkv"),
        "q_proj_weight": (_part(m, "kernel", "oi", (dim, dim), query),),
        "k_proj_weight": (_part(m, "kernel", "oi", (dim, m.kdim), key),),
        "v_proj_weight": (_part(m, "kernel", "oi", (dim, m.vdim), value),),
        "bias_k": (_part(m, "bias", "bbo", (1, 1, dim), key),),
        "bias_v": (_part(m, "bias", "bbo", (1, 1, dim), value),),
    }


def _norm(m: nn.Module) -> dict[str, Parts]:
    found: dict[str, Parts] = {}
    for name, role in (("weight", "scale"), ("bias", "shift")):
        parameter = getattr(m, name, None)
        if parameter is not None:
            shape = tuple(parameter.shape)
            found[name] = (_part(m, role, "o" * len(shape), shape, fans.ELEMENTWISE),)
    return found


def _prelu(m: nn.PReLU) -> dict[str, Parts]:
    slope = _part(m, "slope", "o", (m.num_parameters,), fans.ELEMENTWISE)
    return {"weight": (replace(slope, start=float(m.init)),)}


def _transposed_linear(m: Any) -> dict[str, Parts]:
    """Describe a dense layer that is stored as (in, out)."""
    inputs, outputs = (int(size) for size in m.weight.shape)
    counts = fans.dense(inputs, outputs)
    kernel = laid_out("i o", (inputs, outputs), "kernel", kind_of(m), counts)
    return {"weight": (kernel,), "bias": (_bias(m, outputs, counts),)}


def is_norm(m: nn.Module) -> bool:
    """Tell whether a layer normalises: PyTorch's own, and those that model libraries call a norm."""
    own = dict(m.named_parameters(recurse=False))
    is_named_so = type(m).__name__.endswith("Norm") and set(own) <= {"weight", "bias"}
    return isinstance(m, NORMS) or (is_named_so and all(parameter.dim() == 1 for parameter in own.values()))


def _by_name(m: nn.Module) -> dict[str, Parts]:
    """Understand the layers that model libraries write for themselves, without importing any."""
    kinds = (f"{kind.__module__}.{kind.__name__}" for kind in type(m).__mro__)
    describe = next((NAMED[kind] for kind in kinds if kind in NAMED), _norm if is_norm(m) else None)
    return {} if describe is None else describe(m)


NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._NormBase)

LAYERS: dict[type, Describe] = {
    nn.Linear: _linear,
    nn.Bilinear: _bilinear,
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), _conv),
    **dict.fromkeys((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), _conv_transpose),
    nn.Embedding: _embedding,
    nn.EmbeddingBag: _embedding,
    nn.RNNBase: _recurrent,
    nn.RNNCellBase: _recurrent_cell,
    nn.MultiheadAttention: _attention,
    **dict.fromkeys(NORMS, _norm),
    nn.PReLU: _prelu,
}
"""One row a layer type; subclasses are found through their bases."""

NAMED: dict[str, Describe] = {
    "transformers.pytorch_utils.Conv1D": _transposed_linear,
}
"""One row a layer type of another library, which is not imported for it."""

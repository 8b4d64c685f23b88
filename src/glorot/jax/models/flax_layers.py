"""How the layers of Flax store their parameters; NNX and Linen store them alike."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

from glorot import fans
from glorot.fans import Fans
from glorot.jax.models.activating import activation_of
from glorot.jax.models.declaring import with_starts
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

PACKAGES = ("flax.nnx.", "flax.linen.")


def _linear(m: Any, shapes: Mapping[str, Shape]) -> Layout:
    kernel = _last(shapes, 2)
    if not _declares(m, in_features=kernel[:1], out_features=kernel[1:], features=kernel[1:]):
        return {}
    return _dense("i o", kernel, kernel[:1], kernel[1:])


def _linear_general(m: Any, shapes: Mapping[str, Shape]) -> Layout:
    features = _tuple(m.out_features if hasattr(m, "out_features") else m.features)
    copies = len(_tuple(m.batch_axis if hasattr(m, "batch_axis") else m.batch_dims))
    inner = copies + len(_tuple(m.axis))
    kernel = _last(shapes, inner + len(features))
    if not _declares(m, in_features=kernel[copies:inner]) or kernel[inner:] != features:
        return {}
    pattern = "b" * copies + "i" * (inner - copies) + "o" * len(features)
    return _dense(" ".join(pattern), kernel, kernel[copies:inner], features, copies=kernel[:copies])


def _dense(pattern: str, kernel: Shape, inputs: Shape, outputs: Shape, copies: Shape = ()) -> Layout:
    counts = fans.dense(math.prod(inputs), math.prod(outputs))
    bias = " ".join("b" * len(copies) + "o" * len(outputs))
    return {
        "kernel": Stored(pattern, kernel, "kernel", counts),
        "bias": Stored(bias, copies + outputs, "bias", counts),
    }


def _einsum(m: Any, shapes: Mapping[str, Shape]) -> Layout:
    """Read the equation: what the kernel shares with the input alone is summed over."""
    kernel = tuple(m.kernel_shape if hasattr(m, "kernel_shape") else m.shape)
    read = _equation(m.einsum_str, kernel)
    if read is None or kernel != _last(shapes, len(kernel)):
        return {}
    letters, by_result = read
    sizes = {axis: math.prod(n for n, a in zip(kernel, letters, strict=True) if a == axis) for axis in "io"}
    counts = fans.dense(sizes["i"], sizes["o"])
    bias = "".join(letters[axis] for axis in by_result)
    return {
        "kernel": Stored(" ".join(letters), kernel, "kernel", counts),
        "bias": Stored(" ".join(bias), tuple(kernel[axis] for axis in by_result), "bias", counts),
    }


def _equation(equation: str | None, kernel: Shape) -> tuple[str, list[int]] | None:
    """Return the letter of each axis of a kernel, and its axes that the result has, in that order.

    None where the equation says too little: it comes with the call, or sums the input over an axis of its own.
    """
    inputs, _, rest = (equation or "").replace(" ", "").partition(",")
    weights, _, result = rest.partition("->")
    is_plain = len(weights) == len(kernel) == len(set(weights)) and "." not in weights
    if not is_plain or set(inputs) - set(weights) - set(result) - {"."}:
        return None
    letters = "".join("i" if a not in result else "b" if a in inputs else "o" for a in weights)
    return letters, [weights.index(a) for a in result if a in weights]


def _conv(m: Any, shapes: Mapping[str, Shape]) -> Layout:
    size, groups = _tuple(m.kernel_size), m.feature_group_count
    kernel = _last(shapes, len(size) + 2)
    outputs = kernel[-1:]
    inputs = (kernel[-2] * groups,) if len(kernel) > 1 else ()
    if kernel[:-2] != size or not _declares(m, in_features=inputs, out_features=outputs, features=outputs):
        return {}
    counts = _conv_fans(m, kernel[-2] * groups, kernel[-1], size)
    return {
        "kernel": Stored("k " * len(size) + "i (b o)", kernel, "kernel", counts, groups=groups),
        "bias": Stored("o", outputs, "bias", counts),
    }


def _conv_local(m: Any, shapes: Mapping[str, Shape]) -> Layout:
    """Describe a convolution that shares no weights: a dense kernel for each place."""
    size = _tuple(m.kernel_size)
    kernel = _last(shapes, len(size) + 2)
    if kernel[-2:-1] == () or kernel[-2] % math.prod(size) or not _declares(m, features=kernel[-1:]):
        return {}
    counts = _conv_fans(m, kernel[-2] // math.prod(size), kernel[-1], size)
    return {
        "kernel": Stored("b " * len(size) + "i o", kernel, "kernel", counts),
        "bias": Stored("b " * len(size) + "o", (*kernel[:-2], kernel[-1]), "bias", counts),
    }


def _conv_fans(m: Any, inputs: int, outputs: int, size: Shape) -> Fans:
    """Count a convolution; a dilated input is seen through fewer weights, and so is a masked one."""
    counts = fans.conv(inputs, outputs, size, _steps(m.strides, size), m.feature_group_count)
    kept = _kept(m)
    gaps = math.prod(_steps(m.input_dilation, size))
    return Fans(counts.fan_in * kept / gaps, counts.fan_out * kept)


def _conv_transpose(m: Any, shapes: Mapping[str, Shape]) -> Layout:
    """Describe a transposed convolution; without `transpose_kernel` its kernel does not flip, as PyTorch's does."""
    size = _tuple(m.kernel_size)
    kernel = _last(shapes, len(size) + 2)
    inputs, outputs = (kernel[-1:], kernel[-2:-1]) if m.transpose_kernel else (kernel[-2:-1], kernel[-1:])
    if kernel[:-2] != size or not _declares(m, in_features=inputs, out_features=outputs, features=outputs):
        return {}
    counts = fans.conv_transpose(inputs[0], outputs[0], size, _steps(m.strides, size))
    counts = Fans(counts.fan_in * _kept(m), counts.fan_out * _kept(m))
    pattern = "k " * len(size) + ("o i" if m.transpose_kernel else "i o")
    return {
        "kernel": Stored(pattern, kernel, "kernel", counts, flip=not m.transpose_kernel),
        "bias": Stored("o", outputs, "bias", counts),
    }


def _kept(m: Any) -> float:
    """Return the share of the weights that a mask keeps; all, if what it keeps is not known yet."""
    is_known = m.mask is not None and not isinstance(m.mask, jax.core.Tracer | jax.ShapeDtypeStruct)
    return float(np.mean(np.asarray(m.mask) != 0)) if is_known else 1.0


def _embed(m: Any, _: Mapping[str, Shape]) -> Layout:
    shape = (m.num_embeddings, m.features)
    return {"embedding": Stored("b o", shape, "embedding", fans.embedding(m.features))}


def _norm(m: Any, shapes: Mapping[str, Shape]) -> Layout:
    axes = getattr(m, "axis" if hasattr(m, "momentum") else "feature_axes", -1)
    rank = 1 if hasattr(m, "num_features") else len(_tuple(axes))
    gathered = STATISTICS if hasattr(m, "momentum") else {}
    roles = {"scale": "scale", "bias": "shift", **gathered}
    own = {name: shapes[name][-rank:] for name in roles if name in shapes}
    fits = all(_declares(m, num_features=shape) for name, shape in own.items() if name not in gathered)
    return {name: norm({name: roles[name]}, shape)[name] for name, shape in own.items()} if fits else {}


def _weight_norm(m: Any, shapes: Mapping[str, Shape]) -> Layout:
    scales = {name: shape for name, shape in shapes.items() if name.endswith("/scale")}
    return {name: norm({name: "scale"}, shape)[name] for name, shape in scales.items()}


def _prelu(m: Any, _: Mapping[str, Shape]) -> Layout:
    return {"negative_slope": Stored("", (), "slope", fans.ELEMENTWISE, start=slope_of(m))}


def _lora(m: Any, shapes: Mapping[str, Shape]) -> Layout:
    """Describe an adapter x·A·B: its B is a shift of what it is added to, so it starts at 0 and changes nothing."""
    down, up = _last(shapes, 2, "lora_a"), _last(shapes, 2, "lora_b")
    if not _declares(m, in_features=down[:1], out_features=up[1:]) or down[1:] != up[:1]:
        return {}
    return {
        "lora_a": Stored("i o", down, "kernel", fans.dense(*down)),
        "lora_b": Stored("i o", up, "shift", fans.dense(*up), apart=True),
    }


LAYERS: dict[str, Describe] = {
    "Linear": _linear,
    "Dense": _linear,
    "DenseParams": _linear,
    "LinearGeneral": _linear_general,
    "DenseGeneral": _linear_general,
    "Einsum": _einsum,
    "Conv": _conv,
    "ConvLocal": _conv_local,
    "ConvTranspose": _conv_transpose,
    "Embed": _embed,
    **dict.fromkeys(("BatchNorm", "LayerNorm", "RMSNorm", "GroupNorm", "InstanceNorm"), _norm),
    "WeightNorm": _weight_norm,
    "PReLU": _prelu,
    "LoRA": _lora,
}
"""One row a layer type; subclasses are found through their bases."""

# the dense layers that a recurrent cell is made of, by the names that the cell gives them
INTO = {"i", "ii", "if", "if_", "ig", "io", "ir", "iz", "in", "dense_i", "ih"}
AROUND = {"h", "hi", "hf", "hg", "ho", "hr", "hz", "hn", "dense_h", "hh"}
FUSED = {"dense_i", "dense_h", "ih", "hh"}
CELLS = {
    "LSTMCell": "",
    "OptimizedLSTMCell": "ifgo",
    "GRUCell": "rzn",
    "MGUCell": "",
    "SimpleCell": "",
    "ConvLSTMCell": "igfo",
}
"""The recurrent cells, with the gates of those of their layers that hold them all, in stored order."""


def kind_at(path: str, modules: Mapping[str, Any]) -> tuple[str | None, Describe]:
    """Return what a Flax module is called, and what describes it; a layer of a recurrent cell is called as the cell."""
    module = modules[path]
    if type(module).__name__ == "ToNNX":
        module = module.to_nnx__module
    kind = kind_in(module, LAYERS, PACKAGES)
    above, _, name = path.rpartition(".")
    cell = modules.get(above) if path else None
    cell_kind = kind_in(cell, CELLS, PACKAGES)
    if kind is None:
        return None, unknown

    def layout(shapes: Mapping[str, Shape]) -> Layout:
        return with_starts(module, LAYERS[kind](module, shapes))

    if cell_kind is None or name not in INTO | AROUND:
        return kind, lambda _, shapes: layout(shapes)
    return cell_kind, lambda _, shapes: _in_cell(cell, cell_kind, name, layout(shapes))


def keeps_statistics(path: str, modules: Mapping[str, Any]) -> bool:
    """Tell whether what has a path is a running statistic: the mean or the variance of a BatchNorm of Flax."""
    layer, _, name = path.rpartition(".")
    return name in STATISTICS and layer in modules and kind_at(layer, modules)[0] == "BatchNorm"


def _in_cell(cell: Any, kind: str, name: str, layout: Layout) -> Layout:
    """Describe a layer of a recurrent cell: what its kernel is for, and its gates."""
    gates = CELLS[kind] if name in FUSED else ""
    if name in AROUND and "kernel" in layout:
        state = activation_of(cell.activation_fn) if hasattr(cell, "activation_fn") else "tanh"
        layout["kernel"] = layout["kernel"]._replace(role="recurrent", fed_by=state or "identity")
    if name == "hf" and kind in ("LSTMCell", "OptimizedLSTMCell"):
        layout["bias"] = layout["bias"]._replace(role="forget_bias")
    return {key: gated(stored, gates) for key, stored in layout.items()} if gates else layout


def _last(shapes: Mapping[str, Shape], rank: int, name: str = "kernel") -> Shape:
    """Return the last axes of a parameter's shape: those of one layer, if several are stacked."""
    return shapes.get(name, ())[-rank:]


def _declares(m: Any, **sizes: Shape) -> bool:
    """Tell whether a layer has those of the sizes that it declares."""
    return all(size and _tuple(getattr(m, name)) == size for name, size in sizes.items() if hasattr(m, name))


def _tuple(given: Any) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, Iterable) else (given,)


def _steps(given: Any, size: Shape) -> Shape:
    """Return a step for each axis, of the ways in which Flax takes one."""
    return (given or 1,) * len(size) if given is None or isinstance(given, int) else tuple(given)

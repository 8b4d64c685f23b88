"""What each Keras layer is made of: the parts of its variables, with true fans."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras

from glorot import fans
from glorot.activations.values import POINTS, named
from glorot.fans import Fans
from glorot.inventory import Part, View
from glorot.inventory.layouts import blocks, laid_out, with_forget_gate, without_connections
from glorot.keras.paths import is_quantized, kinds

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Parts = tuple[Part, ...]
Describe = Callable[[Any, Shapes], dict[str, Parts]]

OUTSIDE = ""
"""How a part is fed or followed where the model around its layer decides that."""


def parts_of(layer: Any, shapes: Shapes) -> dict[str, Parts]:
    """Return the parts of the variables that a layer owns itself, by variable name.

    A part's name is its suffix alone here: "" for a whole variable, "[f]" for a gate. Variables that no layer type
    understands are not in the answer; of a quantized layer, none is.

    Args:
        layer: the layer.
        shapes: the shape of each of its variables, by name.
    """
    if is_quantized(layer):
        return {}
    for kind in kinds(layer):
        needed, describe = LAYERS.get(kind, ("", None))
        if describe is not None and any(0 in shape for shape in shapes.values() if len(shape) > 1):
            return without_connections(shapes, kind_of(layer))
        if describe is not None:
            fits = set(needed.split()) <= set(shapes)  # a subclass may call its weights otherwise
            described = describe(layer, shapes) if fits else {}
            return {name: parts for name, parts in described.items() if name in shapes}
    return {}


def kind_of(layer: Any) -> str:
    """Return what Keras calls a kind of layer, also where a model derives its own class from it."""
    kind = next(iter(kinds(layer)), "Layer")
    name = type(layer).__name__ if kind in ("Layer", "Model", "Sequential", "Functional") else kind
    return f"quantized {name}" if is_quantized(layer) else name


def is_norm(layer: Any) -> bool:
    """Tell whether a layer or an operation normalises."""
    return bool(NORMS & set(kinds(layer)))


def state_activation(layer: Any) -> str:
    """Return the activation that the state of a recurrent cell has passed; "identity" where it is not known."""
    return activation_of(layer.activation) or "identity"


def activation_of(function: Callable[[Any], Any] | None) -> str | None:
    """Return the name of the activation that a function of Keras computes, by its values; None for anything else.

    Example:
        >>> activation_of(None), activation_of(keras.activations.leaky_relu), activation_of(keras.ops.cumsum)
        ('identity', 'leaky_relu(negative_slope=0.2)', None)
    """
    if function is None:
        return "identity"
    try:
        return named(keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(POINTS, "float32"))))
    except Exception:  # whatever the function is, it is no activation
        return None


def constant_of(initializer: Any) -> float | None:
    """Return the value that an initializer sets; None for one that draws, or is a function of the user's own."""
    if isinstance(initializer, keras.initializers.Zeros | keras.initializers.Ones):
        return float(isinstance(initializer, keras.initializers.Ones))
    value = initializer.value if isinstance(initializer, keras.initializers.Constant) else None
    return float(value) if isinstance(value, int | float) else None


def _part(
    layer: Any,
    pattern: str,
    shape: Sequence[int],
    role: str,
    counts: Fans,
    *,
    fed_by: str = OUTSIDE,
    followed_by: str = OUTSIDE,
    **sizes: int,
) -> Part:
    part = laid_out(pattern, shape, role, kind_of(layer), counts, flip=False, **sizes)
    return replace(part, fed_by=fed_by, followed_by=followed_by)


def _is_own(shape: Shape, rank: int, size: int, axis: int = -1) -> bool:
    """Tell whether a kernel is stored as Keras does it; a subclass that stores it otherwise owns an unknown one."""
    return len(shape) == rank and shape[axis] == size


def _dense(layer: Any, shapes: Shapes) -> dict[str, Parts]:
    if not _is_own(shapes["kernel"], 2, layer.units):
        return {}
    inputs, outputs = shapes["kernel"]
    counts = fans.dense(inputs, outputs)
    return {
        "kernel": (_part(layer, "i o", (inputs, outputs), "kernel", counts),),
        "bias": (_part(layer, "o", (outputs,), "bias", counts),),
    }


def _einsum_dense(layer: Any, shapes: Shapes) -> dict[str, Parts]:
    """Read the axes of the kernel from the equation: in both input and output they are copies."""
    inputs, letters, outputs = re.findall("[a-zA-Z]+", layer.equation)
    shape = shapes["kernel"]
    summed = {letter for letter in inputs + letters if letter not in outputs}
    if not summed <= set(inputs) & set(letters):
        return {}  # sums along an axis that the kernel does not have, or the input
    axis = {
        letter: "i" if letter in summed else "b" if letter in inputs and letter in letters else "o"
        for letter in letters + outputs
    }
    size = dict.fromkeys("io", 1)
    for letter, extent in zip(letters, shape, strict=True):
        size[axis[letter]] = size.get(axis[letter], 1) * extent
    counts = fans.dense(size["i"], size["o"])
    pattern = " ".join(axis[letter] for letter in letters)
    found: dict[str, Parts] = {"kernel": (_part(layer, pattern, shape, "kernel", counts),)}
    if "bias" in shapes:
        first = min(map(outputs.index, layer.bias_axes))  # a letter behind it that has no bias is an axis of size 1
        labels = [axis[letter] if letter in layer.bias_axes else "o" for letter in outputs[first:]]
        labels += "o" * (len(shapes["bias"]) - len(labels))
        found["bias"] = (_part(layer, " ".join(labels), shapes["bias"], "bias", counts),)
    return found


def _conv(layer: Any, shapes: Shapes) -> dict[str, Parts]:
    if not _is_own(shapes["kernel"], layer.rank + 2, layer.filters):
        return {}
    *kernel, inputs, outputs = shapes["kernel"]
    groups = layer.groups
    counts = fans.conv(inputs * groups, outputs, kernel, layer.strides, groups)
    pattern = "k " * len(kernel) + "i (b o)"
    return {
        "kernel": (_part(layer, pattern, shapes["kernel"], "kernel", counts, b=groups),),
        "bias": (_part(layer, "o", (outputs,), "bias", counts),),
    }


def _conv_transpose(layer: Any, shapes: Shapes) -> dict[str, Parts]:
    if not _is_own(shapes["kernel"], layer.rank + 2, layer.filters, axis=-2):
        return {}
    *kernel, outputs, inputs = shapes["kernel"]
    counts = fans.conv_transpose(inputs, outputs, kernel, layer.strides)
    return {
        "kernel": (_part(layer, "k " * len(kernel) + "o i", shapes["kernel"], "kernel", counts),),
        "bias": (_part(layer, "o", (outputs,), "bias", counts),),
    }


def _depthwise(layer: Any, shape: Shape, followed_by: str = OUTSIDE) -> tuple[Part, Fans]:
    *kernel, inputs, multiplier = shape
    counts = fans.conv(inputs, inputs * multiplier, kernel, layer.strides, inputs)
    pattern = "k " * len(kernel) + "(b i) o"
    return _part(layer, pattern, shape, "kernel", counts, followed_by=followed_by, b=inputs, i=1), counts


def _depthwise_conv(layer: Any, shapes: Shapes) -> dict[str, Parts]:
    if not _is_own(shapes["kernel"], layer.rank + 2, layer.depth_multiplier):
        return {}
    part, counts = _depthwise(layer, shapes["kernel"])
    _, inputs, multiplier = shapes["kernel"][-3:]
    return {"kernel": (part,), "bias": (_part(layer, "o", (inputs * multiplier,), "bias", counts),)}


def _separable_conv(layer: Any, shapes: Shapes) -> dict[str, Parts]:
    depthwise, _ = _depthwise(layer, shapes["depthwise_kernel"], followed_by="identity")
    *kernel, inputs, outputs = shapes["pointwise_kernel"]
    counts = fans.conv(inputs, outputs, kernel)
    pattern = "k " * len(kernel) + "i o"
    pointwise = _part(layer, pattern, shapes["pointwise_kernel"], "kernel", counts, fed_by="identity")
    return {
        "depthwise_kernel": (depthwise,),
        "pointwise_kernel": (pointwise,),
        "bias": (_part(layer, "o", (outputs,), "bias", counts, fed_by="identity"),),
    }


def _embedding(layer: Any, shapes: Shapes) -> dict[str, Parts]:
    if not _is_own(shapes["embeddings"], 2, layer.output_dim):
        return {}
    rows, dim = shapes["embeddings"]
    return {
        "embeddings": (_part(layer, "b o", (rows, dim), "embedding", fans.embedding(dim)),),
        "reverse_embeddings": (_part(layer, "i o", (dim, rows), "kernel", fans.dense(dim, rows)),),
    }


LSTM_GATES = ("i", "f", "g", "o")  # as PyTorch calls them; Keras writes c for g
GRU_GATES = ("z", "r", "n")  # in the order in which Keras stores them; it writes h for n


def _cell(gates: tuple[str, ...]) -> Describe:
    def describe(cell: Any, shapes: Shapes) -> dict[str, Parts]:
        if not all(_is_own(shapes[name], 2, len(gates) * cell.units) for name in ("kernel", "recurrent_kernel")):
            return {}
        inputs, state = shapes["kernel"][0], shapes["recurrent_kernel"][0]
        units = shapes["kernel"][1] // len(gates)
        into, around = fans.dense(inputs, units), fans.dense(state, units)
        kernel = _part(cell, "i o", (inputs, units), "kernel", into)
        recurrent = _part(cell, "i o", (state, units), "recurrent", around, fed_by=state_activation(cell))
        bias = _part(cell, "o", (units,), "bias", into)
        two_rows = len(shapes.get("bias", ())) == 2
        return {
            "kernel": blocks(kernel, (inputs, units), 1, gates),
            "recurrent_kernel": blocks(recurrent, (state, units), 1, gates),
            "bias": _two_rows(bias, around, gates) if two_rows else with_forget_gate(blocks(bias, (units,), 0, gates)),
        }

    return describe


def _two_rows(bias: Part, around: Fans, gates: tuple[str, ...]) -> Parts:
    """Cut the bias of a GRU that resets behind its product: a row with the input, and one with the state."""
    (units,) = bias.shape
    found = []
    for row, (whence, counts) in enumerate((("input", bias.fans), ("recurrent", around))):
        for n, gate in enumerate(gates):
            view = View(box=((row, row + 1), (n * units, (n + 1) * units)), unfold=(units,))
            found.append(replace(bias, name=f"[{whence}_{gate}]", fans=counts, view=view))
    return tuple(found)


def _conv_lstm_cell(cell: Any, shapes: Shapes) -> dict[str, Parts]:
    *kernel, inputs, width = shapes["kernel"]
    units = width // len(LSTM_GATES)
    rank = len(kernel)
    into, around = fans.conv(inputs, units, kernel, cell.strides), fans.conv(units, units, kernel)
    pattern = "k " * rank + "i o"
    shape, state = (*kernel, inputs, units), (*kernel, units, units)
    recurrent = _part(cell, pattern, state, "recurrent", around, fed_by=state_activation(cell))
    return {
        "kernel": blocks(_part(cell, pattern, shape, "kernel", into), shape, rank + 1, LSTM_GATES),
        "recurrent_kernel": blocks(recurrent, state, rank + 1, LSTM_GATES),
        "bias": with_forget_gate(blocks(_part(cell, "o", (units,), "bias", into), (units,), 0, LSTM_GATES)),
    }


def _elementwise(layer: Any, shapes: Shapes) -> dict[str, Parts]:
    whole = Part("", "", (), "", kind_of(layer), fans.ELEMENTWISE, fed_by=OUTSIDE, followed_by=OUTSIDE)
    return {
        name: (replace(whole, axes="o" * len(shape), shape=shape, role=ELEMENTWISE[name]),)
        for name, shape in shapes.items()
        if name in ELEMENTWISE
    }


def _additive_attention(layer: Any, shapes: Shapes) -> dict[str, Parts]:
    """Describe what Keras calls a scale: the last layer of a network that scores a query and a key."""
    (dim,) = shapes["scale"]
    counts = fans.dense(dim, 1)
    part = _part(layer, "(o i)", (dim,), "kernel", counts, fed_by="tanh", followed_by="identity", o=1)
    return {"scale": (part,)}


ELEMENTWISE = {
    "gamma": "scale", "scale": "scale", "concat_score_weight": "scale", "beta": "shift", "alpha": "slope",
    "moving_mean": "running_mean", "moving_variance": "running_variance",
}  # fmt: skip
"""The roles of variables that act on each unit for itself, by name."""

NORMS = {"LayerNormalization", "BatchNormalization", "GroupNormalization", "RMSNormalization", "UnitNormalization"}
NORMS |= {"LayerNorm", "BatchNorm", "RMSNorm", "Normalize"}  # operations of keras.ops

LAYERS: dict[str, tuple[str, Describe]] = {
    "Dense": ("kernel", _dense),
    "EinsumDense": ("kernel", _einsum_dense),
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), ("kernel", _conv)),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), ("kernel", _conv_transpose)),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), ("kernel", _depthwise_conv)),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), ("depthwise_kernel pointwise_kernel", _separable_conv)),
    "Embedding": ("embeddings", _embedding),
    "SimpleRNNCell": ("kernel recurrent_kernel", _cell(("h",))),
    "LSTMCell": ("kernel recurrent_kernel", _cell(LSTM_GATES)),
    "GRUCell": ("kernel recurrent_kernel", _cell(GRU_GATES)),
    "ConvLSTMCell": ("kernel recurrent_kernel", _conv_lstm_cell),
    **dict.fromkeys(NORMS, ("", _elementwise)),
    "PReLU": ("alpha", _elementwise),
    "Attention": ("", _elementwise),
    "AdditiveAttention": ("scale", _additive_attention),
}
"""One row a layer type, with the variables that it must have; subclasses are found through their bases."""

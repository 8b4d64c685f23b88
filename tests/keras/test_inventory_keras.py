"""What the Keras adapter finds in a model: parts, axes, roles, fans, ties; and what it refuses."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from keras_zoo import LAYERS, built, planned

import glorot
from glorot.adapters import take_inventory as inventory
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.inventory import ROLES
from glorot.keras.adapter import matches
from glorot.keras.model import variables_of

ONE = Fans(1, 1)
K, B, R, S = "kernel", "bias", "recurrent", "scale"

# (name, axes, shape, role, fans) of every part, by hand
EXPECTED: dict[str, list[tuple[str, str, tuple[int, ...], str, Fans]]] = {
    "Dense": [("kernel", "oi", (4, 3), K, Fans(3, 4)), ("bias", "o", (4,), B, Fans(3, 4))],
    "Dense without bias": [("kernel", "oi", (4, 3), K, Fans(3, 4))],
    "EinsumDense": [("kernel", "oi", (8, 3), K, Fans(3, 8)), ("bias", "o", (8,), B, Fans(3, 8))],
    "EinsumDense of experts": [("kernel", "boi", (2, 4, 3), K, Fans(3, 4)), ("bias", "bo", (2, 4), B, Fans(3, 4))],
    "EinsumDense in the middle": [("kernel", "oi", (4, 3), K, Fans(3, 4)), ("bias", "o", (4,), B, Fans(3, 4))],
    "EinsumDense of outputs first": [("kernel", "oi", (8, 3), K, Fans(3, 8)), ("bias", "o", (4,), B, Fans(3, 8))],
    "Conv2D in groups": [("kernel", "boikk", (2, 3, 2, 3, 2), K, Fans(12, 18)), ("bias", "o", (6,), B, Fans(12, 18))],
    "Conv1DTranspose": [("kernel", "oik", (4, 2, 3), K, Fans(3, 12)), ("bias", "o", (4,), B, Fans(3, 12))],
    "DepthwiseConv1D": [("kernel", "boik", (3, 2, 1, 5), K, Fans(5, 5)), ("bias", "o", (6,), B, Fans(5, 5))],
    "DepthwiseConv2D of one channel": [
        ("kernel", "oikk", (4, 1, 3, 2), K, Fans(6, 24)),
        ("bias", "o", (4,), B, Fans(6, 24)),
    ],
    "SeparableConv2D": [
        ("depthwise_kernel", "boikk", (2, 3, 1, 3, 2), K, Fans(6, 4.5)),
        ("pointwise_kernel", "oikk", (4, 6, 1, 1), K, Fans(6, 4)),
        ("bias", "o", (4,), B, Fans(6, 4)),
    ],
    "ReversibleEmbedding": [
        ("embeddings", "bo", (5, 3), "embedding", Fans(1, 3)),
        ("reverse_embeddings", "oi", (5, 3), K, Fans(3, 5)),
    ],
    "LSTM without bias": [
        *((f"kernel[{gate}]", "oi", (4, 3), K, Fans(3, 4)) for gate in "ifgo"),
        *((f"recurrent_kernel[{gate}]", "oi", (4, 4), R, Fans(4, 4)) for gate in "ifgo"),
    ],
    "GRU": [
        *((f"kernel[{gate}]", "oi", (4, 3), K, Fans(3, 4)) for gate in "zrn"),
        *((f"recurrent_kernel[{gate}]", "oi", (4, 4), R, Fans(4, 4)) for gate in "zrn"),
        *((f"bias[input_{gate}]", "o", (4,), B, Fans(3, 4)) for gate in "zrn"),
        *((f"bias[recurrent_{gate}]", "o", (4,), B, Fans(4, 4)) for gate in "zrn"),
    ],
    "RNN of stacked cells": [
        *((f"cells.0.kernel[{gate}]", "oi", (4, 3), K, Fans(3, 4)) for gate in "ifgo"),
        *((f"cells.0.recurrent_kernel[{gate}]", "oi", (4, 4), R, Fans(4, 4)) for gate in "ifgo"),
        *((f"cells.0.bias[{gate}]", "o", (4,), "forget_bias" if gate == "f" else B, Fans(3, 4)) for gate in "ifgo"),
        ("cells.1.kernel", "oi", (2, 4), K, Fans(4, 2)),
        ("cells.1.recurrent_kernel", "oi", (2, 2), R, Fans(2, 2)),
        ("cells.1.bias", "o", (2,), B, Fans(4, 2)),
    ],
    "ConvLSTM1D": [
        *((f"kernel[{gate}]", "oik", (4, 2, 3), K, Fans(6, 12)) for gate in "ifgo"),
        *((f"recurrent_kernel[{gate}]", "oik", (4, 4, 3), R, Fans(12, 12)) for gate in "ifgo"),
        *((f"bias[{gate}]", "o", (4,), "forget_bias" if gate == "f" else B, Fans(6, 12)) for gate in "ifgo"),
    ],
    "LayerNormalization": [("gamma", "oo", (2, 3), S, ONE), ("beta", "oo", (2, 3), "shift", ONE)],
    "BatchNormalization": [
        ("gamma", "o", (3,), S, ONE),
        ("beta", "o", (3,), "shift", ONE),
        ("moving_mean", "o", (3,), "running_mean", ONE),
        ("moving_variance", "o", (3,), "running_variance", ONE),
    ],
    "GroupNormalization": [("gamma", "o", (4,), S, ONE), ("beta", "o", (4,), "shift", ONE)],
    "RMSNormalization": [("scale", "o", (3,), S, ONE)],
    "PReLU": [("alpha", "oo", (1, 3), "slope", ONE)],
    "Attention": [("attention.scale", "", (), S, ONE), ("attention.concat_score_weight", "", (), S, ONE)],
    "AdditiveAttention": [("attention.scale", "oi", (1, 3), K, Fans(3, 1))],
    "MultiHeadAttention of other widths": [
        ("attention.query.kernel", "oi", (8, 3), K, Fans(3, 8)),
        ("attention.query.bias", "o", (8,), B, Fans(3, 8)),
        ("attention.key.kernel", "oi", (8, 3), K, Fans(3, 8)),
        ("attention.key.bias", "o", (8,), B, Fans(3, 8)),
        ("attention.value.kernel", "oi", (6, 3), K, Fans(3, 6)),
        ("attention.value.bias", "o", (6,), B, Fans(3, 6)),
        ("attention.output.kernel", "oi", (5, 6), K, Fans(6, 5)),
        ("attention.output.bias", "o", (5,), B, Fans(6, 5)),
    ],
    "TimeDistributed": [("layer.kernel", "oi", (4, 3), K, Fans(3, 4)), ("layer.bias", "o", (4,), B, Fans(3, 4))],
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_parts_by_hand(kind: str) -> None:
    parts = inventory(built(kind)).parts
    by_name = {part.name: (part.name, part.axes, part.shape, part.role, part.fans) for part in parts}
    assert by_name == {row[0]: row for row in EXPECTED[kind]}
    assert len(parts) == len(by_name)


@pytest.mark.parametrize("kind", LAYERS)
def test_every_part_is_labelled(kind: str) -> None:
    model = built(kind)
    found = inventory(model)
    started = [v for v in model.variables if v.trainable or v.name.startswith("moving_")]
    assert {id(v) for v in started} == {id(v) for v in variables_of(model).values()}
    assert {p.path: p.shape for p in found.parameters} == {
        path: tuple(v.shape) for path, v in variables_of(model).items()
    }
    for part in found.parts:
        assert len(part.axes) == len(part.shape)
        assert part.role in ROLES
        assert part.role != "unknown"
        assert part.fans is not None
        assert part.fed_by
        assert part.followed_by


def test_what_the_adapter_takes() -> None:
    assert matches(layers.Dense(3))
    assert matches(keras.Sequential())
    assert not matches(keras.optimizers.SGD())
    assert not matches(layers.Dense)
    assert not matches(np.ones(3))


# subclasses, ties, wrappers


class Scaled(layers.Dense):
    """A layer derived from one that is known."""


class Turned(layers.Dense):
    """A layer derived from one that is known, which stores its kernel in another rank."""

    def build(self, shape: Any) -> None:
        self._kernel = self.add_weight(name="kernel", shape=(1, shape[-1], self.units))
        self.bias = None

    def call(self, x: Any) -> Any:
        return keras.ops.matmul(x, self._kernel[0])


class Named(layers.Dense):
    """A layer derived from one that is known, which calls its kernel otherwise."""

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(shape[-1], self.units))
        self.bias = None

    def call(self, x: Any) -> Any:
        return keras.ops.matmul(x, self.table)


def test_subclasses_are_known_by_their_bases() -> None:
    layer = Scaled(4)
    layer.build((None, 3))
    assert [(part.name, part.layer, part.axes) for part in inventory(layer).parts] == [
        ("kernel", "Dense", "oi"),
        ("bias", "Dense", "o"),
    ]


class Transposed(layers.Dense):
    """A layer derived from one that is known, which stores its kernel the other way round."""

    def build(self, shape: Any) -> None:
        self._kernel = self.add_weight(name="kernel", shape=(self.units, shape[-1]))
        self.bias = None

    def call(self, x: Any) -> Any:
        return keras.ops.matmul(x, keras.ops.transpose(self._kernel))


@pytest.mark.parametrize(("kind", "name"), [(Named, "table"), (Turned, "kernel"), (Transposed, "kernel")])
def test_a_subclass_that_stores_otherwise_is_known_by_its_use_alone(kind: type, name: str) -> None:
    layer = kind(4)
    layer(np.ones((2, 3)))
    assert [(part.name, part.role, part.layer) for part in inventory(layer, False).parts] == [
        (name, "unknown", "Dense")
    ]
    assert [(part.name, part.role, part.fans) for part in inventory(layer).parts] == [(name, "kernel", Fans(3, 4))]


class Tied(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.tokens = layers.Embedding(7, 4)
        self.head = Head(self.tokens)

    def call(self, x: Any) -> Any:
        return self.head(self.tokens(x))


class Head(layers.Layer):
    """A layer that borrows the table of an embedding, and has it under a name of its own."""

    def __init__(self, tokens: layers.Embedding) -> None:
        super().__init__()
        self.borrowed_from = [tokens]

    def build(self, shape: Any) -> None:
        self.table = self.borrowed_from[0].embeddings

    def call(self, x: Any) -> Any:
        return keras.ops.matmul(x, keras.ops.transpose(self.table))


def test_tied_variables_are_planned_once() -> None:
    model = Tied()
    model(np.ones((2, 3), np.int32))
    assert [(p.path, p.tied_to, len(p.parts)) for p in inventory(model).parameters] == [
        ("tokens.embeddings", None, 1),
        ("head.table", "tokens.embeddings", 0),
    ]
    plan = planned(model, "xavier")
    assert [(entry.name, entry.why) for entry in plan.entries] == [
        ("tokens.embeddings", "rows of length 1; shared with head.table")
    ]


def test_a_wrapper_that_borrows_a_kernel_leaves_it_to_its_owner() -> None:
    found = inventory(built("SpectralNormalization"))
    assert [(p.path, p.tied_to) for p in found.parameters] == [
        ("kernel", "layer.kernel"),
        ("layer.kernel", None),
        ("layer.bias", None),
    ]
    assert [part.layer for part in found.parts] == ["Conv1D", "Conv1D"]


def test_a_layer_in_two_places_is_planned_at_the_first() -> None:
    layer, x = layers.Dense(3), keras.Input((3,))
    model = keras.Model(x, layer(keras.ops.tanh(layer(x))))
    assert [(p.path, p.tied_to) for p in inventory(model).parameters] == [
        ("layers.0.kernel", None),
        ("layers.0.bias", None),
    ]
    assert [(part.fed_by, part.followed_by, part.depth) for part in inventory(model).parts] == [
        ("identity", "tanh", 1)
    ] * 2


# fused projections


class Block(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = layers.Dense(12)
        self.inner = [layers.Dense(6, name="gate_up_proj")]

    def call(self, x: Any) -> Any:
        return self.inner[0](self.qkv(x)[..., :4])


def test_projections_that_hold_several_are_cut_by_attribute_or_name() -> None:
    model = Block()
    model(np.ones((2, 4)))
    found = {part.name: (part.shape, part.fans) for part in inventory(model, False).parts if part.role == "kernel"}
    assert found == {
        **{f"qkv.kernel[{piece}]": ((4, 4), Fans(4, 4)) for piece in "qkv"},
        **{f"inner.0.kernel[{piece}]": ((3, 4), Fans(4, 3)) for piece in ("gate", "up")},
    }
    rules = [("qkv.kernel[k]", "ones"), ("qkv.bias[k]", "constant(2)")]
    glorot.initialize(model, "zeros", seed=0, rules=rules, inputs=False)
    kernel, bias = (keras.ops.convert_to_numpy(v) for v in (model.qkv.kernel, model.qkv.bias))
    assert kernel.sum(axis=0).tolist() == [0.0] * 4 + [4.0] * 4 + [0.0] * 4
    assert bias.tolist() == [0.0] * 4 + [2.0] * 4 + [0.0] * 4


# what is refused


class Idle(layers.Layer):
    """A layer that makes a weight and leaves it."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[-1], 4))

    def call(self, x: Any) -> Any:
        return x


def test_a_weight_that_nothing_uses_keeps_its_start_unless_it_is_told_otherwise() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3), Idle()])
    left = glorot.plan(model)["layers.1.w"]
    why = "left alone: the batch does not reach it, so it keeps the start of its model (provisional)"
    assert (left.distribution, left.why, left.seen) == (None, why, False)
    part = next(p for p in planned(model, rules=[("layers.1.w", "normal(0.02)")]).entries if p.name == "layers.1.w")
    assert part.scheme == "normal(std=0.02)"
    told = glorot.plan(model, axes={"layers.1.w": "io"})["layers.1.w"]
    assert (told.axes, told.shape, told.fans, told.role) == ("oi", (4, 3), Fans(3, 4), "kernel")


def test_an_einsum_that_sums_along_what_its_kernel_lacks_is_unknown() -> None:
    layer = layers.EinsumDense("abc,cd->ad", 4)
    layer(np.ones((2, 5, 3), np.float32))
    assert [(part.name, part.role, part.layer) for part in inventory(layer, False).parts] == [
        ("kernel", "unknown", "EinsumDense")
    ]


@pytest.mark.parametrize("inputs", [None, np.ones((2, 3), np.float32)], ids=["own batch", "given batch"])
def test_low_rank_adapters_start_as_no_change(inputs: Any) -> None:
    layer = layers.Dense(4)
    layer.build((None, 3))
    layer.enable_lora(2)
    expected = [("kernel", "kernel"), ("bias", "bias"), ("lora_kernel_a", "kernel"), ("lora_kernel_b", "shift")]
    assert [(part.name, part.role) for part in inventory(layer, inputs).parts] == expected
    assert {part.role for part in inventory(layer, False).parts[2:]} == {"unknown"}


@pytest.mark.parametrize("inputs", [None, np.ones((2, 3), np.float32)], ids=["unseen", "run"])
def test_quantized_layers_are_unknown(inputs: Any) -> None:
    layer = layers.Dense(4)
    layer.build((None, 3))
    layer.quantize("int8")
    found = inventory(layer, inputs).parameters
    assert {p.path: (p.dtype, p.parts[0].role, p.parts[0].layer) for p in found} == {
        "bias": ("float32", "unknown", "quantized Dense"),
        "kernel": ("int8", "unknown", "quantized Dense"),
        "kernel_scale": ("float32", "unknown", "quantized Dense"),
    }
    with pytest.raises(GlorotError, match=r"(?s)^no layer that glorot knows .* kernel  3×4  in quantized Dense\n"):
        glorot.plan(layer, inputs=inputs)


class Unbuilt(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.stack = [layers.Dense(3), layers.Dense(4)]
        self.stack[0].build((None, 2))

    def call(self, x: Any) -> Any:
        return self.stack[1](self.stack[0](x))


WAYS_OUT = (
    " is not built, so it has no weights yet; begin the model with keras.Input(shape), call model.build(input_shape), "
    "or call it on one batch, and then plan it"
)


@pytest.mark.parametrize(
    ("build", "what"),
    [
        (lambda: layers.Dense(3), "this Dense"),
        (lambda: keras.Sequential([layers.Dense(3)]), "this Sequential"),
        (Unbuilt, "layer 'stack.1' (Dense)"),
        (lambda: layers.Bidirectional(layers.LSTM(3)), "this Bidirectional"),
    ],
)
def test_what_is_not_built_is_refused_and_stays_so(build: Any, what: str) -> None:
    model = build()
    for inputs in (None, np.ones((2, 5, 2), np.float32)):
        with pytest.raises(GlorotError) as caught:
            inventory(model, inputs)
        assert str(caught.value) == what + WAYS_OUT
    assert not model.built
    assert len(model.weights) == (2 if isinstance(model, Unbuilt) else 0)


def test_a_model_that_is_built_by_a_call_can_be_planned() -> None:
    model = Unbuilt()
    model(np.ones((2, 2)))
    assert [part.name for part in inventory(model).parts] == [
        f"stack.{n}.{name}" for n in (0, 1) for name in ("kernel", "bias")
    ]


def test_a_layer_without_weights_needs_no_build() -> None:
    class Gate(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.unused = layers.Dropout(0.5)
            self.dense = layers.Dense(3)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    model = Gate()
    model(np.ones((2, 2)))
    assert len(inventory(model).parameters) == 2


def test_a_layer_without_inputs_has_an_empty_kernel_and_a_bias() -> None:
    model = keras.Sequential([keras.Input((0,)), layers.Dense(4), layers.Dense(2)])
    parts = {part.name: (part.role, part.shape) for part in inventory(model).parts}
    assert parts["layers.0.kernel"] == (K, (0, 4))
    assert parts["layers.0.bias"] == (B, (4,))
    glorot.initialize(model, seed=0)
    assert not np.asarray(model.layers[0].bias).any()

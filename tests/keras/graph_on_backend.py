"""Run under one of Keras's backends: prints, as JSON, what the graphs of models show there."""

import json
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import activations as known
from keras import layers, ops

from glorot.graph import Folded, Graph
from glorot.graph.operations import Opaque
from glorot.graph.sources import Source, gains
from glorot.inventory.seen import seen_in
from glorot.keras.graph import lower
from glorot.keras.model import variables_of

RANK = ("kernel", "embedding", "scale", "slope", "token", "shift", "signal")
"""Of several roles of one parameter, the first counts."""

# ---- models ----------------------------------------------------------------------------------------------------------


class Gated(layers.Layer):
    """A gated layer beside which its input passes."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.up, self.down = (
            layers.Dense(12, use_bias=False),
            layers.Dense(12, use_bias=False),
            layers.Dense(8),
        )

    def build(self, shape: Any) -> None:
        for layer in (self.gate, self.up):
            layer.build(shape)
        self.down.build((*shape[:-1], 12))

    def call(self, x: Any) -> Any:
        return self.down(ops.silu(self.gate(x)) * self.up(x)) + x


class Fused(layers.Layer):
    """Attention whose queries, keys and values are interleaved in one kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = layers.Dense(24), layers.Dense(8)

    def build(self, shape: Any) -> None:
        self.qkv.build(shape)
        self.out.build(shape)

    def call(self, x: Any) -> Any:
        cut = ops.split(ops.reshape(self.qkv(x), (-1, 6, 2, 3, 4)), 3, axis=3)
        q, k, v = (ops.transpose(ops.squeeze(piece, 3), (0, 2, 1, 3)) for piece in cut)
        shares = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / 2.0)
        return x + self.out(ops.reshape(ops.transpose(ops.matmul(shares, v), (0, 2, 1, 3)), (-1, 6, 8)))


def sequence() -> Any:
    given = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 8)(given)
    x = Fused()(layers.LayerNormalization()(x))
    x = Gated()(layers.RMSNormalization()(x))
    x = layers.MultiHeadAttention(2, 4)(x, x) + x
    x = layers.Conv1D(8, 3, padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = x * ops.relu6(x + 3) / 6
    x = layers.RepeatVector(6)(layers.Bidirectional(layers.LSTM(4))(x))
    x = layers.RepeatVector(6)(layers.GRU(4)(x))
    x = layers.SimpleRNN(4, activation="relu")(x)
    return keras.Model(given, layers.Dense(3)(ops.tanh(layers.Dense(4)(x)) * 0.5))


def image() -> Any:
    given = keras.Input((9, 9, 4))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="gelu")(given)
    x = layers.GroupNormalization(2)(x)
    x = layers.SeparableConv2D(6, 3, activation="relu")(layers.PReLU(shared_axes=[1, 2])(x))
    x = layers.Conv2DTranspose(6, 3, strides=2, padding="same")(layers.UpSampling2D(2)(x))
    x = layers.Conv2D(6, 3, dilation_rate=2, groups=2)(layers.LeakyReLU(0.1)(x))
    x = layers.DepthwiseConv2D(2)(layers.MaxPooling2D(2, 1)(layers.ELU()(x)))
    x = layers.Dropout(0.2)(layers.ZeroPadding2D(1)(x))
    x = layers.Dense(5, activation="softplus")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(given, layers.Dense(2)(x))


class Parts(keras.Model):
    """Layers of every kind of attribute, registered in another order than they run in."""

    def __init__(self) -> None:
        super().__init__()
        self.last = layers.Dense(2)
        self.stack = [layers.Dense(8), {"deep": layers.LayerNormalization()}]
        self.noise = layers.Dropout(0.5, seed=1)
        self.first = layers.Dense(8)
        self.attend = layers.GroupQueryAttention(4, 2, 1)
        self.unused = layers.Dense(8)

    def build(self, shape: Any) -> None:
        self.gain = self.add_weight(shape=(8,), name="gain")
        self.places = self.add_weight(shape=(6, 8), name="places")
        for layer in (self.first, self.stack[0], self.last, self.stack[1]["deep"], self.unused):
            layer.build((*shape[:-1], 8))
        self.attend.build((*shape[:-1], 8), (*shape[:-1], 8))
        self.built = True

    def call(self, x: Any) -> Any:
        x = ops.relu(self.first(x)) * self.gain + self.places
        x = ops.tanh(self.stack[0](self.stack[1]["deep"](self.noise(x, training=True))))
        return self.last(ops.silu(self.attend(x, x)))


def subclassed() -> Any:
    model = Parts()
    model.build((2, 6, 8))
    return model


MODELS: dict[str, tuple[Callable[[], Any], Any]] = {
    "sequence": (sequence, None),
    "image": (image, None),
    "subclassed": (subclassed, (2, 6, 8)),
}


def traced(compute: Callable[[Any], Any], *shape: int) -> Graph:
    """Return the graph of a function of one tensor."""

    class Whole(layers.Layer):
        def call(self, x: Any) -> Any:
            return compute(x)

    return lower(Whole(), (keras.KerasTensor(shape, "float32"),))


# ---- functions between two layers ------------------------------------------------------------------------------------

C = math.sqrt(2 / math.pi)
WRITTEN: dict[str, Callable[[Any], Any]] = {
    "celu": ops.celu,
    "gelu_by_tanh": lambda z: 0.5 * z * (1 + ops.tanh(C * (z + 0.044715 * z * z * z))),
    "hard_swish": lambda z: z * ops.relu6(z + 3) / 6,
    "where_leaky": lambda z: ops.where(z > 0, z, 0.1 * z),
    "mish": lambda z: z * ops.tanh(ops.softplus(z)),
    "relu_by_abs": lambda z: (ops.abs(z) + z) / 2,
    "relu_squared": lambda z: ops.relu(z) ** 2,
    "relu_times_relu": lambda z: ops.relu(z) * ops.relu(z),
    "tanh_of_half": lambda z: ops.tanh(z / 2),
    "twice_relu": lambda z: 2 * ops.relu(z),
    "tanh_plus_one": lambda z: ops.tanh(z) + 1,
    "quick_gelu": lambda z: z * ops.sigmoid(1.702 * z),
    "threshold_by_where": lambda z: ops.where(z > 0.5, z, 0.0),
    "sine_of_30": lambda z: ops.sin(30 * z),
}  # fmt: skip
NAMED = (
    *["celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus", "tanh", "tanh_shrink", "log_softmax"],
)  # fmt: skip


def functions() -> dict[str, Any]:
    called = {f"activations.{name}": layers.Activation(getattr(known, name)) for name in NAMED}
    return {
        **WRITTEN,
        **called,
        "activations.threshold": lambda z: ops.threshold(z, 0.5, 0.1),
        "activations.glu": ops.glu,
    }


def between(function: Any) -> Any:
    """Return a model with a function between two layers."""
    given = keras.Input((8,))
    return keras.Model(given, layers.Dense(3)(ops.tanh(layers.Dense(8)(function(layers.Dense(8)(given))))))


# ---- what is told of them --------------------------------------------------------------------------------------------


def graph_of(model: Any, shape: Any = None, dtype: str = "float32") -> Graph:
    paths = {id(variable): path for path, variable in variables_of(model).items()}
    args = None if shape is None else (keras.KerasTensor(shape, dtype),)
    return lower(model, args, None, paths)


def told(graph: Graph) -> dict[str, Any]:
    """Return the sources, followers, order, roles, and the operations that are not understood."""
    folded = Folded(graph)
    seen = seen_in(folded)
    roles = {path: min((use.role for use in uses), key=RANK.index) for path, uses in folded.uses.items()}
    return {
        "order": sorted(seen, key=lambda path: seen[path].position),
        "roles": dict(sorted(roles.items())),
        "sources": {path: source_told(one.source) for path, one in sorted(seen.items())},
        "followers": {path: one.followed_by for path, one in sorted(seen.items())},
        "opaque": sorted({step.operation.name for step in graph.steps if isinstance(step.operation, Opaque)}),
    }


def source_told(source: Source) -> list[Any]:
    """Return what a source is in short, and its gains to four digits: single precision differs after them."""
    return [source.text, *(float(f"{gain:.4g}") for gain in gains(source))]


def told_between(graph: Graph) -> list[Any]:
    """Return the name of the function between two layers, and the gains of the second one."""
    seen = seen_in(Folded(graph))
    first, second, _ = sorted(seen, key=lambda path: seen[path].position)
    return [*source_told(seen[second].source), seen[first].followed_by]


def zeros(_: Any, shape: Any, dtype: Any = None, **__: Any) -> Any:
    return ops.zeros(shape, dtype)


def state_of(model: Any) -> list[Any]:
    return [np.asarray(ops.convert_to_numpy(variable)).tolist() for variable in model.variables]


def found() -> Iterator[tuple[str, Any]]:
    for stock in (keras.initializers.VarianceScaling, keras.initializers.RandomUniform, keras.initializers.Orthogonal):
        stock.__call__ = zeros  # what Keras starts from does not matter here, and JAX compiles it again for each shape
    yield "backend", keras.config.backend()
    for name, (build, shape) in MODELS.items():
        model = build()
        before = state_of(model)
        yield name, told(graph_of(model, shape))
        assert state_of(model) == before, name
    yield "functions", {name: told_between(graph_of(between(function))) for name, function in functions().items()}


if __name__ == "__main__":
    json.dump(dict(found()), sys.stdout)
